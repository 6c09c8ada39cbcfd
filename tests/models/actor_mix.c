/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs on files: what they lay out, where they go, what they count. Figures counted by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "models/workload/access.h"
#include "tests/models/script_run.h"

/* ---- places ---- */

static struct access *access_over(struct access_config *config, uint64_t file_bytes,
				  uint64_t extent_bytes)
{
	static const struct sim_options options = {.seed = 1};

	return access_new(sim_new(&options), config, 10, file_bytes, extent_bytes);
}

static void access_done(struct access *access)
{
	struct sim *sim = access->sim;

	access_free(access);
	sim_free(sim);
}

enum { IO = 4096, CALLS = 100, DRAWS = 20000 };

/* How often each of CALLS places is drawn. */
static void draw_places(struct access_config *config, uint32_t counts[CALLS])
{
	struct access *access = access_over(config, CALLS * IO, 0);

	for (uint64_t n = 0; n < DRAWS; n++) {
		uint64_t at = access_place(access, n << 20, 0, CALLS * IO, 0);

		cr_assert_eq(at % IO, 0);
		cr_assert_lt(at / IO, CALLS);
		counts[at / IO]++;
	}
	access_done(access);
}

Test(access, uniform_places_are_drawn_alike)
{
	struct access_config config = {.pattern = ACCESS_UNIFORM, .io_bytes = IO};
	uint32_t counts[CALLS] = {0};

	draw_places(&config, counts);
	for (int i = 0; i < CALLS; i++) /* 200 each, give or take five deviations */
		cr_expect(counts[i] > 130 && counts[i] < 270, "place %d: %u", i, counts[i]);
}

Test(access, popular_places_get_what_zipf_says_and_lie_apart)
{
	struct access_config config = {.pattern = ACCESS_ZIPF, .io_bytes = IO, .zipf_milli = 1000};
	uint32_t counts[CALLS] = {0}, first = 0, second = 0;
	int at_first = 0, at_second = 0;

	draw_places(&config, counts);
	for (int i = 0; i < CALLS; i++) {
		cr_expect_gt(counts[i], 0, "place %d is never drawn", i);
		if (counts[i] > first) {
			second = first;
			at_second = at_first;
			first = counts[i];
			at_first = i;
		} else if (counts[i] > second) {
			second = counts[i];
			at_second = i;
		}
	}
	/* 1/H(100) = 0.19278 of the draws, and half of that. */
	cr_expect(first > 3856 - 280 && first < 3856 + 280, "%u", first);
	cr_expect(second > 1928 - 210 && second < 1928 + 210, "%u", second);
	cr_expect_gt(abs(at_first - at_second), CALLS / 4);
}

Test(access, hot_places_get_their_share)
{
	struct access_config config = {
		.pattern = ACCESS_HOT_COLD, .io_bytes = IO, .hot_percent = 10, .hot_share = 90};
	uint32_t counts[CALLS] = {0}, hot = 0;

	draw_places(&config, counts);
	for (int i = 0; i < 10; i++)
		hot += counts[i];
	cr_expect(hot > 18000 - 210 && hot < 18000 + 210, "%u", hot);
	for (int i = 0; i < CALLS; i++)
		cr_expect_gt(counts[i], 0, "place %d is never drawn", i);
}

Test(access, the_middle_is_that_of_an_extent_or_of_the_file)
{
	struct access_config config = {.pattern = ACCESS_MIDDLE, .io_bytes = IO};
	struct access *extents = access_over(&config, 40 * IO, 5 * IO);
	struct access *file = access_over(&config, 40 * IO, 0);
	bool met[8] = {false};

	for (uint64_t n = 0; n < 200; n++) {
		uint64_t at = access_place(extents, n << 20, 0, 40 * IO, 0);

		cr_assert_eq(at % (5 * IO), 2 * IO);
		met[at / (5 * IO)] = true;
		cr_assert_eq(access_place(file, n << 20, 0, 41 * IO, 0), 20 * IO);
	}
	for (int i = 0; i < 8; i++)
		cr_expect(met[i], "extent %d", i);
	access_done(extents);
	access_done(file);
}

Test(access, sequential_places_wrap_at_the_end)
{
	struct access_config config = {.pattern = ACCESS_SEQUENTIAL, .io_bytes = IO};
	struct access *access = access_over(&config, 3 * IO, 0);

	for (uint64_t n = 0; n < 7; n++)
		cr_expect_eq(access_place(access, n, 0, 2 * IO + 1, n * IO), n % 3 * IO);
	access_done(access);
}

Test(access, tasks_go_round_the_files)
{
	struct access_config config = {.files = FILES_ROUND, .io_bytes = IO};
	struct access *access = access_over(&config, IO, 0); /* 10 files */

	for (uint64_t task = 0; task < 2; task++)
		for (uint64_t n = 0; n < 12; n++)
			cr_expect_eq(access_file(access, 0, task, 2, n), (task + 2 * n) % 10);
	access_done(access);
}

Test(access, popular_files_come_first)
{
	struct access_config config = {
		.files = FILES_ZIPF, .io_bytes = IO, .file_zipf_milli = 1000};
	struct access *access = access_over(&config, IO, 0);
	uint32_t counts[10] = {0};

	for (uint64_t n = 0; n < DRAWS; n++)
		counts[access_file(access, n << 20, 0, 1, n)]++;
	for (int i = 1; i < 5; i++)
		cr_expect_gt(counts[i - 1], counts[i]);
	access_done(access);
}

/* ---- jobs ---- */

#define SCENARIO(actors)                                                                           \
	"{\"question\": \"q\", \"machine\": {\"memory\": \"256MiB\", \"cpus\": 4},\n"              \
	"\"filesystem\": {\"buffer_direct_writes\": false}, \"actors\": [" actors                  \
	"], \"variants\": {\"none\": {\"design\": \"none\"},\n"                                    \
	"\"light\": {\"design\": \"lightweight\", \"setup\": \"pool\"}}}"
#define JOB(keys) "{\"name\": \"j\", \"kind\": \"mix\", " keys "}"

static struct world_outcome run_set(const char *text, guint variant, const char *const *sets)
{
	struct script_run run = {.text = text, .sets = sets};

	return script_run(&run, variant);
}

static struct world_outcome run_job(const char *text, guint variant)
{
	return run_set(text, variant, NULL);
}

static int64_t figure(const char *text, const char *metric)
{
	struct world_outcome o = run_job(text, 0);
	int64_t value = metric_of(&o, metric);

	world_outcome_clear(&o);
	return value;
}

/* Three files of 1 MiB in extents of 16 KiB. */
#define LAID_OUT                                                                                   \
	SCENARIO(JOB("\"files\": 3, \"extent_bytes\": \"16KiB\", \"key\": \"K\", "                 \
		     "\"operations\": 1, \"io_bytes\": \"4KiB\""))

Test(mix, lays_out_extents_of_the_size_asked_for_and_no_operation_counts_it)
{
	struct world_outcome o = run_job(LAID_OUT, 1);

	cr_expect_eq(metric_of(&o, "disk.extents"), 3 * 64);
	cr_expect_eq(metric_of(&o, "disk.file_extent_items"), 3 * 64);
	cr_expect_eq(metric_of(&o, "disk.context_bytes"), 3 * 64 * 16);
	cr_expect_not(metric_present(&o, "ops.write.count"));
	cr_expect_eq(metric_of(&o, "ops.open.count"), 1);
	cr_expect_lt(metric_of(&o, "mix.j.elapsed_ns"), metric_of(&o, "time.elapsed_ns") / 10);
	world_outcome_clear(&o);
}

Test(mix, lays_out_as_writeback_does_without_a_size)
{
	static const char *const set[] = {"actors.j.extent_bytes=0", NULL};
	struct world_outcome plain = run_set(LAID_OUT, 0, set);

	cr_expect_eq(metric_of(&plain, "disk.extents"), 3);
	world_outcome_clear(&plain);
}

Test(mix, finds_what_it_laid_out_in_the_cache_unless_that_is_dropped)
{
#define READ_ALL SCENARIO(JOB("\"files\": 1, \"operations\": 32, \"io_bytes\": \"64KiB\""))
	static const char *const drop[] = {"actors.j.drop_caches=true", NULL};
	struct world_outcome cold = run_set(READ_ALL, 0, drop);

	cr_expect_eq(figure(READ_ALL, "io.read_bytes"), 0);
	/* Twice through the file, from the device once. */
	cr_expect_eq(metric_of(&cold, "io.read_bytes"), 1 << 20);
	cr_expect_eq(metric_of(&cold, "mix.j.read_bytes"), 2 << 20);
	world_outcome_clear(&cold);
}

Test(mix, files_that_are_not_filled_are_empty)
{
	static const char *const empty[] = {"actors.j.prefill=false", "actors.j.drop_caches=true",
					    NULL};
	struct world_outcome o = run_set(READ_ALL, 0, empty);

	cr_expect_eq(metric_of(&o, "io.read_bytes"), 0);
	cr_expect_eq(metric_of(&o, "disk.extents"), 0);
	cr_expect_eq(metric_of(&o, "ops.read.failed"), 0);
	world_outcome_clear(&o);
}

Test(mix, clocks_start_when_all_files_are_there)
{
	/* The first reads what the second lays out; else it would find a file of no bytes. */
	struct world_outcome o = run_job(
		SCENARIO("{\"name\": \"a\", \"kind\": \"mix\", \"files\": 1, \"dir\": \"d\", "
			 "\"prefill\": false, \"operations\": 16},"
			 "{\"name\": \"b\", \"kind\": \"mix\", \"files\": 1, \"dir\": \"d\", "
			 "\"drop_caches\": true, \"operations\": 1, \"think\": \"1s\"}"),
		0);

	cr_expect_eq(metric_of(&o, "io.read_bytes"), 1 << 20);
	cr_expect_lt(metric_of(&o, "mix.a.elapsed_ns"), 100 * 1000 * 1000);
	world_outcome_clear(&o);
}

/* A file that a script makes, slowly, and another script looks at. */
Test(mix, a_script_may_prepare_and_another_wait_for_it)
{
	struct world_outcome o = run_job(
		SCENARIO("{\"name\": \"b\", \"kind\": \"script\", \"when\": \"prepared\", "
			 "\"script\": [\"read d/f0 0 1m -> ok\"]},"
			 "{\"name\": \"j\", \"kind\": \"mix\", \"files\": 1, \"dir\": \"d\", "
			 "\"prefill\": false, \"operations\": 16},"
			 "{\"name\": \"a\", \"kind\": \"script\", \"when\": \"preparing\", "
			 "\"script\": [\"sleep 50ms\", \"write d/f0 0 1m\", \"sync\", "
			 "\"dropcaches\"]}"),
		0);

	cr_expect_eq(metric_of(&o, "script.unexpected"), 0);
	cr_expect_geq(metric_of(&o, "io.read_bytes"), 1 << 20);
	cr_expect_lt(metric_of(&o, "mix.j.elapsed_ns"), 40 * 1000 * 1000);
	world_outcome_clear(&o);
}

Test(mix, appenders_to_one_file_never_overlap)
{
	struct world_outcome o = run_job(
		SCENARIO(JOB("\"files\": 1, \"prefill\": false, \"tasks\": 3, \"operations\": 10, "
			     "\"access\": \"append\", \"read_percent\": 0, \"direct\": true, "
			     "\"io_bytes\": \"4KiB\"")),
		0);

	cr_expect_eq(metric_of(&o, "disk.extents"), 30);
	cr_expect_eq(metric_of(&o, "disk.data_bytes"), 30 * 4096);
	cr_expect_eq(metric_of(&o, "mix.j.written_bytes"), 30 * 4096);
	world_outcome_clear(&o);
}

Test(mix, a_write_into_the_middle_of_an_extent_leaves_three)
{
	struct world_outcome o = run_job(
		SCENARIO(
			JOB("\"files\": 1, \"file_bytes\": \"64KiB\", \"extent_bytes\": \"64KiB\", "
			    "\"operations\": 1, \"access\": \"overwrite-in-middle\", "
			    "\"read_percent\": 0, \"direct\": true, \"io_bytes\": \"4KiB\"")),
		0);

	cr_expect_eq(metric_of(&o, "disk.file_extent_items"), 3);
	cr_expect_eq(metric_of(&o, "disk.extents"), 2);
	world_outcome_clear(&o);
}

#define MIXED                                                                                      \
	SCENARIO(JOB("\"files\": 2, \"tasks\": 4, \"operations\": 250, \"read_percent\": 30, "     \
		     "\"access\": \"uniform\", \"file_choice\": \"uniform\", "                     \
		     "\"direct\": true, \"io_bytes\": \"4KiB\""))

Test(mix, reads_and_writes_in_the_proportion_asked_for_and_the_same_in_every_variant)
{
	struct world_outcome none = run_job(MIXED, 0), light = run_job(MIXED, 1);
	int64_t reads = metric_of(&none, "ops.read.count");

	cr_expect(reads > 300 - 75 && reads < 300 + 75, "%ld", (long)reads);
	cr_expect_eq(metric_of(&none, "ops.write.count"), 1000 - reads);
	cr_expect_eq(metric_of(&light, "ops.read.count"), reads);
	cr_expect_eq(metric_of(&light, "disk.file_extent_items"),
		     metric_of(&none, "disk.file_extent_items"));
	cr_expect_eq(metric_of(&none, "mix.j.operations"), 1000);
	world_outcome_clear(&none);
	world_outcome_clear(&light);
}

Test(mix, opens_once_or_for_each_operation)
{
	static const char *const each[] = {"actors.j.open=operation", NULL};
	struct world_outcome o = run_set(MIXED, 0, each);

	cr_expect_eq(figure(MIXED, "ops.open.count"), 4 * 2);
	cr_expect_eq(figure(MIXED, "ops.close.count"), 4 * 2);
	cr_expect_eq(metric_of(&o, "ops.open.count"), 1000);
	cr_expect_eq(metric_of(&o, "ops.close.count"), 1000);
	world_outcome_clear(&o);
}

Test(mix, syncs_every_so_many_writes_of_a_task)
{
	static const char *const sets[] = {"actors.j.fsync_every=3", "actors.j.read_percent=0",
					   "actors.j.operations=11", NULL};
	struct world_outcome o = run_set(MIXED, 0, sets);

	cr_expect_eq(metric_of(&o, "ops.fsync.count"), 4 * 3);
	world_outcome_clear(&o);
}

/* The first of them reads half of the file, and something ahead; the others find it in the cache. */
Test(mix, an_operation_of_several_calls_reads_the_file_from_its_start)
{
	static const char *const one[] = {
		"actors.j.open=operation",  "actors.j.operation_bytes=512KiB",
		"actors.j.operations=1",    "actors.j.drop_caches=true",
		"actors.j.file_bytes=8MiB", NULL};
	const char *const three[] = {one[0], one[1], "actors.j.operations=3", one[3], one[4], NULL};
	struct world_outcome once = run_set(READ_ALL, 0, one), thrice = run_set(READ_ALL, 0, three);

	cr_expect_eq(metric_of(&thrice, "ops.read.count"), 3 * 8);
	cr_expect_eq(metric_of(&thrice, "io.read_bytes"), metric_of(&once, "io.read_bytes"));
	world_outcome_clear(&once);
	world_outcome_clear(&thrice);
}

/* ---- time ---- */

#define SLOW                                                                                       \
	SCENARIO(JOB("\"files\": 1, \"operations\": 50, \"direct\": true, \"access\": "            \
		     "\"uniform\", \"open\": \"operation\", \"io_bytes\": \"4KiB\""))

Test(mix, a_closed_loop_waits_for_its_task_and_thinks)
{
	static const char *const sets[] = {"costs.device_read=1ms", "actors.j.think=2ms", NULL};
	struct world_outcome o = run_set(SLOW, 0, sets);

	cr_expect_geq(metric_of(&o, "mix.j.elapsed_ns"), INT64_C(50) * 3000000);
	cr_expect_lt(metric_of(&o, "mix.j.latency_max_ns"), 1100000);
	cr_expect_not(metric_present(&o, "mix.j.late"));
	world_outcome_clear(&o);
}

/* An arrival each 100 us, at most one served each ms: the last one, planned at 5 ms, waits longest. */
Test(mix, latency_of_an_open_loop_counts_from_the_planned_arrival)
{
	static const char *const sets[] = {"costs.device_read=1ms", "actors.j.interval=100us",
					   NULL};
	struct world_outcome o = run_set(SLOW, 0, sets);
	int64_t elapsed = metric_of(&o, "mix.j.elapsed_ns");

	cr_expect_eq(metric_of(&o, "mix.j.late"), 49);
	cr_expect_leq(metric_of(&o, "mix.j.latency_max_ns"), elapsed - 5000000);
	cr_expect_gt(metric_of(&o, "mix.j.latency_max_ns"), elapsed - 5000000 - 1000);
	/* The open that comes first has waited for all reads before it; the read not. */
	cr_expect_gt(metric_of(&o, "ops.open.latency_max_ns"), 44 * 1000 * 1000);
	cr_expect_lt(metric_of(&o, "ops.read.latency_max_ns"), 1100000);
	world_outcome_clear(&o);
}

/* With the file kept open, the read is the whole operation. */
Test(mix, a_read_of_an_open_file_counts_from_the_planned_arrival)
{
	static const char *const sets[] = {"costs.device_read=1ms", "actors.j.interval=100us",
					   "actors.j.open=once", NULL};
	struct world_outcome o = run_set(SLOW, 0, sets);

	cr_expect_eq(metric_of(&o, "ops.read.latency_max_ns"),
		     metric_of(&o, "mix.j.latency_max_ns"));
	world_outcome_clear(&o);
}

Test(mix, an_open_loop_with_time_to_spare_is_never_late)
{
	static const char *const sets[] = {"costs.device_read=1ms", "actors.j.interval=2ms", NULL};
	struct world_outcome o = run_set(SLOW, 0, sets);

	cr_expect_eq(metric_of(&o, "mix.j.late"), 0);
	cr_expect_lt(metric_of(&o, "mix.j.latency_max_ns"), 1100000);
	world_outcome_clear(&o);
}

/* ---- what goes wrong ---- */

Test(mix, leaves_the_warm_up_out_of_its_figures)
{
	static const char job[] = SCENARIO(
		JOB("\"files\": 1, \"file_bytes\": \"1MiB\", \"operations\": 10, \"warm_up\": 4, "
		    "\"drop_caches\": true, \"io_bytes\": \"64KiB\", \"think\": \"1ms\""));
	struct world_outcome o = run_job(job, 0);

	cr_expect_eq(metric_of(&o, "mix.j.operations"), 6);
	cr_expect_eq(metric_of(&o, "mix.j.read_bytes"), 6 * 64 * 1024);
	cr_expect_eq(metric_of(&o, "ops.read.count"), 6);
	cr_expect_eq(metric_of(&o, "ops.warm_up.count"), 1 + 4, "the open and four reads");
	/* five thinks lie between the first arrival that counts and the last one's */
	cr_expect_geq(metric_of(&o, "mix.j.elapsed_ns"), 5 * 1000000);
	cr_expect_lt(metric_of(&o, "mix.j.elapsed_ns"), 6 * 1000000);
	world_outcome_clear(&o);
}

Test(mix, says_which_step_of_its_layout_failed)
{
	struct world_outcome o = run_job(SCENARIO(JOB("\"files\": 1, \"dir\": \"no/d\"")), 0);
	const struct world_finding *finding;

	cr_assert_eq(o.findings->len, 1);
	finding = g_ptr_array_index(o.findings, 0);
	cr_expect_str_eq(finding->text, "j could not make its files: mkdir: ENOENT");
	cr_expect_eq(metric_of(&o, "mix.j.operations"), 0);
	world_outcome_clear(&o);
}

Test(mix, a_file_that_can_not_be_made_is_not_laid_to_the_sync_behind_it)
{
	struct world_outcome o = run_job(
		SCENARIO("{\"kind\": \"script\", \"when\": \"preparing\", \"script\": "
			 "[\"mkdir d\", \"mkdir d/f0\"]}, " JOB("\"files\": 1, \"dir\": \"d\"")),
		0);
	const struct world_finding *finding;

	cr_assert_eq(o.findings->len, 1);
	finding = g_ptr_array_index(o.findings, 0);
	cr_expect_str_eq(finding->text, "j could not make its files: file: EISDIR");
	world_outcome_clear(&o);
}

Test(mix, says_that_it_has_no_files)
{
	struct world_outcome o = run_job(SCENARIO(JOB("\"tasks\": 1")), 0);
	const struct world_finding *finding;

	cr_assert_eq(o.findings->len, 1);
	finding = g_ptr_array_index(o.findings, 0);
	cr_expect(strstr(finding->text, "no files"), "%s", finding->text);
	world_outcome_clear(&o);
}

Test(mix, refuses_keys_that_do_not_go_together)
{
	static const struct {
		const char *keys, *says;
	} bad[] = {
		{"think=1us", NULL},
		{"access=zipf", "'access' zipf needs files of one size"},
		{"dir=d", "set 'files'"},
		{"key=K", "set 'files'"},
		{"extent_bytes=5KiB", "multiple of 4KiB"},
		{"operation_bytes=1TiB", "too many calls"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *set = g_strdup_printf("actors.mix.%s", bad[i].keys);
		const char *const sets[] = {set, NULL};
		struct script_run run = {.text = SCENARIO("{\"kind\": \"mix\"}"), .sets = sets};
		g_autofree char *refusal = script_run_refusal(&run);

		if (bad[i].says)
			cr_expect(refusal && strstr(refusal, bad[i].says), "%s: %s", set, refusal);
		else
			cr_expect_null(refusal, "%s", refusal);
	}
}
