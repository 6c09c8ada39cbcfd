// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conservation: what must hold of any run, whatever is simulated. One who looks on counts operations, CPUs,
 * requests and locks as they come and go, and memory is looked at where it should be as at the mount;
 * that is held against what the run's own books say.
 */
#include <string.h>

#include "validate/internal.h"

/* ---- looking on --------------------------------------------------------------------------- */

/* Something that comes and goes. */
struct level {
	uint64_t begun, ended;
	int64_t integral_ns; /* how many there were, over time */
	sim_ns since;
};

struct watch {
	struct sim *sim;
	struct level operations, cpus, requests, locks;
	struct level cpu_queue;
	GHashTable *queues; /* tasks that wait for a CPU */
	GHashTable *bytes; /* of every allocation site at the end: int64_t, by name */
};

static void pass(const struct watch *w, struct level *level)
{
	sim_ns now = sim_now(w->sim);

	level->integral_ns += (int64_t)((level->begun - level->ended) * (now - level->since));
	level->since = now;
}

static void begin(const struct watch *w, struct level *level)
{
	pass(w, level);
	level->begun++;
}

static void end(const struct watch *w, struct level *level)
{
	pass(w, level);
	level->ended++;
}

static void run_starts(void *arg, struct sim *sim)
{
	struct watch *w = arg;

	w->sim = sim;
}

static void run_ends(void *arg)
{
	(void)arg;
}

static void task_starts(void *arg, const struct sim_task *task, const struct sim_task *by)
{
	(void)arg, (void)task, (void)by;
}

static void task_group(void *arg, const struct sim_task *task, const char *group)
{
	(void)arg, (void)task, (void)group;
}

static void task_ends(void *arg, const struct sim_task *task)
{
	(void)arg, (void)task;
}

static void wait_begins(void *arg, const struct sim_task *task, const struct sim_trace_wait *wait)
{
	struct watch *w = arg;

	if (!strcmp(wait->resource, "CPU") && g_hash_table_add(w->queues, (gpointer)task))
		begin(w, &w->cpu_queue);
}

static void wait_ends(void *arg, const struct sim_task *task, enum sim_wake wake,
		      const struct sim_task *by)
{
	struct watch *w = arg;

	(void)wake, (void)by;
	if (g_hash_table_remove(w->queues, task))
		end(w, &w->cpu_queue);
}

static void hold_begins(void *arg, const struct sim_trace_hold *hold)
{
	struct watch *w = arg;

	(void)hold;
	begin(w, &w->locks);
}

static void hold_ends(void *arg, const struct sim_trace_hold *hold)
{
	struct watch *w = arg;

	(void)hold;
	end(w, &w->locks);
}

static void slice_begins(void *arg, const struct sim_task *task,
			 const struct sim_trace_slice *slice)
{
	struct watch *w = arg;

	(void)task;
	if (!strcmp(slice->kind, "op"))
		begin(w, &w->operations);
}

static void slice_ends(void *arg, const struct sim_task *task, const char *kind)
{
	struct watch *w = arg;

	(void)task;
	if (!strcmp(kind, "op"))
		end(w, &w->operations);
}

static struct level *level_of(struct watch *w, const struct sim_trace_lane *lane)
{
	return !strcmp(lane->group, "CPUs") ? &w->cpus : &w->requests;
}

static void lane_begins(void *arg, const struct sim_trace_lane *lane,
			const struct sim_trace_slice *slice)
{
	struct watch *w = arg;

	(void)slice;
	begin(w, level_of(w, lane));
}

static void lane_ends(void *arg, const struct sim_trace_lane *lane)
{
	struct watch *w = arg;

	end(w, level_of(w, lane));
}

static const struct sim_tracer watcher = {
	.run_starts = run_starts,
	.run_ends = run_ends,
	.task_starts = task_starts,
	.task_group = task_group,
	.task_ends = task_ends,
	.wait_begins = wait_begins,
	.wait_ends = wait_ends,
	.hold_begins = hold_begins,
	.hold_ends = hold_ends,
	.slice_begins = slice_begins,
	.slice_ends = slice_ends,
	.lane_begins = lane_begins,
	.lane_ends = lane_ends,
};

/* Dirty pages and those under writeback are among them; the sum of all is not. */
static void note_end(void *arg, const struct world_parts *parts)
{
	struct watch *w = arg;
	const struct sim_gauge *gauge;

	for (size_t i = 0; (gauge = sim_gauge_at(parts->sim, i)); i++) {
		int64_t value = (int64_t)gauge->read(gauge->arg);

		if (!strcmp(gauge->group, "memory") && strcmp(gauge->name, "used") != 0)
			g_hash_table_insert(w->bytes, g_strdup(gauge->name),
					    g_memdup2(&value, sizeof(value)));
	}
}

static void watch_init(struct watch *w)
{
	*w = (struct watch){
		.queues = g_hash_table_new(NULL, NULL),
		.bytes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
	};
}

static void watch_clear(struct watch *w)
{
	g_hash_table_unref(w->queues);
	g_hash_table_unref(w->bytes);
}

static bool run_watched(struct validate_world world, struct watch *w,
			const struct validate_options *options, struct world_outcome *outcome,
			GError **error)
{
	world.tracer = &watcher;
	world.tracer_arg = w;
	world.ended = note_end;
	world.ended_arg = w;
	return validate_world_run(&world, options, outcome, error);
}

/* ---- laws --------------------------------------------------------------------------------- */

enum law {
	LAW_OPERATIONS,
	LAW_RESIDENCE,
	LAW_PARTS,
	LAW_CPU_BUSY,
	LAW_CPU_QUEUE,
	LAW_REQUESTS,
	LAW_OPEN,
	LAWS
};

/* What was seen and what the books say, over all runs. */
struct book {
	struct {
		int64_t seen, booked;
	} law[LAWS];
	uint32_t runs, runs_that_differ;
	char *first; /* that differs, in words */
};

static const struct {
	const char *seen, *unit, *source;
} laws[LAWS] = {
	[LAW_OPERATIONS] = {"Operations that began, and in the book ended or failed", "",
			    "none is lost or counted twice"},
	[LAW_RESIDENCE] = {"Operations under way over time, and their times", "ns",
			   "Little (1961), exact in every run"},
	[LAW_PARTS] = {"Latencies, and the parts that they went into", "ns",
		       "a whole and its parts"},
	[LAW_CPU_BUSY] = {"Tasks on a CPU over time, and CPU time booked", "ns",
			  "Little (1961), exact in every run"},
	[LAW_CPU_QUEUE] = {"Tasks queueing for a CPU over time, and that booked", "ns",
			   "Little (1961), exact in every run"},
	[LAW_REQUESTS] = {"Requests that a device began, and bios and flushes booked", "",
			  "none is lost or counted twice"},
	[LAW_OPEN] = {"Operations, CPUs, requests, locks: taken, and given back", "",
		      "nothing is left open at the end"},
};

static void note(struct book *book, const char *name, enum law law, int64_t seen, int64_t booked,
		 bool *same)
{
	book->law[law].seen += seen;
	book->law[law].booked += booked;
	if (seen == booked)
		return;
	*same = false;
	if (!book->first)
		book->first = g_strdup_printf("first in: %s: %s: %" G_GINT64_FORMAT
					      " against %" G_GINT64_FORMAT,
					      name, laws[law].seen, seen, booked);
}

/* Op for op: what one kind lacks must not be made good by another. */
static void note_parts(struct book *book, const char *name, const struct world_outcome *outcome,
		       bool *same)
{
	static const char sum[] = ".latency_sum_ns";
	const struct sim_metric_def *def;
	int64_t latency;

	for (size_t i = 0; i < sim_metrics_count(outcome->metrics); i++) {
		const char *metric = sim_metrics_at(outcome->metrics, i, &def, &latency);
		g_autofree char *op = NULL, *parts = NULL;

		if (!g_str_has_prefix(metric, "ops.") || !g_str_has_suffix(metric, sum))
			continue;
		op = g_strndup(metric, strlen(metric) - strlen(sum));
		parts = g_strconcat(op, ".part.*", NULL);
		note(book, name, LAW_PARTS, latency, validate_metric(outcome, parts), same);
	}
}

static void note_run(struct book *book, const char *name, const struct watch *w,
		     const struct world_outcome *o)
{
	const struct level *const all[] = {&w->operations, &w->cpus, &w->cpu_queue, &w->requests,
					   &w->locks};
	bool same = true;

	note(book, name, LAW_OPERATIONS, (int64_t)w->operations.begun,
	     validate_metric(o, "ops.*.count"), &same);
	note(book, name, LAW_RESIDENCE, w->operations.integral_ns,
	     validate_metric(o, "ops.*.latency_sum_ns") - validate_metric(o, "ops.*.part.late_ns"),
	     &same);
	note_parts(book, name, o, &same);
	note(book, name, LAW_CPU_BUSY, w->cpus.integral_ns, validate_metric(o, "cpu.busy_ns"),
	     &same);
	note(book, name, LAW_CPU_QUEUE, w->cpu_queue.integral_ns,
	     validate_metric(o, "cpu.queue_ns"), &same);
	note(book, name, LAW_REQUESTS, (int64_t)w->requests.begun,
	     validate_metric(o, "io.bios") + validate_metric(o, "io.metadata_bios") +
		     validate_metric(o, "io.flushes"),
	     &same);
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		note(book, name, LAW_OPEN, (int64_t)all[i]->begun, (int64_t)all[i]->ended, &same);
	book->runs++;
	book->runs_that_differ += !same;
}

static void report_laws(const struct book *book, struct validate_report *report)
{
	struct validate_check *check;

	for (int law = 0; law < LAWS; law++) {
		g_autofree char *what = g_strdup_printf("%u runs: %s", book->runs, laws[law].seen);

		validate_equal(report, what, book->law[law].seen, book->law[law].booked,
			       laws[law].unit, laws[law].source);
	}
	check = validate_equal(report, "Runs in which any two of these differ", 0,
			       book->runs_that_differ, "", "the same, run by run");
	if (book->first)
		validate_note(check, "%s", book->first);
}

/* ---- worlds ------------------------------------------------------------------------------- */

/* Its slots keep their ciphers for ever, so they get them at the mount. */
#define FALLBACK "x: design=enforced setup=fallback fallback.start=mount "

static const char *const variants[] = {
	"x: design=none",
	"x: design=inode setup=at-open",
	"x: design=inode setup=shared-mode-key",
	"x: design=lightweight setup=pool pool.size=2",
	"x: design=lightweight setup=pool pool.map=true pool.scope=file",
	"x: design=lightweight setup=library derived.cache=true",
	FALLBACK "fallback.slots=2",
	FALLBACK "fallback.version=7.x freeing=workqueue",
	"x: design=heavyweight setup=at-io layout=separate",
	"x: design=heavyweight setup=hardware counterfactual=true hardware.slots=2",
};

/* Little memory, few CPUs, and everybody who moves extents at once. */
static const char busy[] =
	"{\"question\": \"?\", \"machine\": {\"cpus\": 2, \"memory\": \"48MiB\"},\n"
	"\"actors\": [{\"name\": \"m\", \"kind\": \"mix\", \"tasks\": 8, \"operations\": 100,\n"
	"\"files\": 24, \"file_bytes\": \"512KiB\", \"key\": \"K\", \"alike\": true,\n"
	"\"read_percent\": 60, \"fsync_every\": 5, \"open\": \"operation\", \"io_bytes\": "
	"\"16KiB\",\n"
	"\"access\": \"uniform\", \"think\": \"exponential 100us\"},\n"
	"{\"name\": \"o\", \"kind\": \"mix\", \"tasks\": 2, \"operations\": 100, \"files\": 4,\n"
	"\"file_bytes\": \"256KiB\", \"key\": \"K\", \"interval\": \"exponential 200us\",\n"
	"\"io_bytes\": \"4KiB\", \"direct\": true},\n"
	"{\"name\": \"b\", \"kind\": \"relocator\"}, {\"name\": \"d\", \"kind\": \"deduper\"},\n"
	"{\"name\": \"f\", \"kind\": \"defragmenter\"},\n"
	"{\"name\": \"h\", \"kind\": \"memory_hog\", \"hold\": \"20ms\"}],\n"
	"\"variants\": {\"n\": {\"design\": \"none\"}}}\n";

/* Everything that takes memory, and then the end of all of it. */
static const char cleaned[] =
	"addkey K\naddkey L\nmkdir d\nmkdir e\npolicy d K\npolicy e L\nsubvol s\npolicy s K\n"
	"repeat 40 write d/f{} 0 64k\nrepeat 40 append e/f{} 4k 8 fsync\nwrite s/a 0 4m\nsync\n"
	"randwrite s/a 4m 4k 100 1 fsync\nsnapshot s t a\nrandwrite t/a 4m 4k 50 2 none\n"
	"falloc d/p 0 1m\nwrite d/p 64k 64k\nreflink d/f0 d/g\nclone s/a 0 1m s/b 0\n"
	"dropcaches\nrepeat 40 read d/f{} 0 64k\nrepeat 40 open e/f{}\nrepeat 40 read e/f{} 0 32k\n"
	"dread t/a 0 4m\nbalance\ntruncate d/f1 10k\npunch d/f2 8k 16k\nrename d/f3 d/h\n"
	"unlink d/f4\nsync\nrmkey K -> ok|ENOKEY\nrepeat 40 read e/f{} 0 32k\nrepeat 40 close "
	"e/f{}\n"
	"subdel t\nsync\ndropcaches\nrmkey L -> ok|ENOKEY\nsync\ndropcaches\n";

static bool watch_busy(const char *variant, struct book *book,
		       const struct validate_options *options, GError **error)
{
	const struct validate_world world = {.name = "busy.json", .text = busy, .variant = variant};
	struct world_outcome outcome;
	struct watch w;
	bool fine;

	watch_init(&w);
	fine = run_watched(world, &w, options, &outcome, error);
	if (fine) {
		note_run(book, variant + strlen("x: "), &w, &outcome);
		world_outcome_clear(&outcome);
	}
	watch_clear(&w);
	return fine;
}

/* Bytes by which a site differs from the mount on which nothing was done, all sites together. */
static int64_t bytes_left(const struct watch *before, const struct watch *after, GString *sites)
{
	int64_t left = 0, *bytes;
	GHashTableIter iter;
	const char *site;

	g_hash_table_iter_init(&iter, after->bytes);
	while (g_hash_table_iter_next(&iter, (gpointer *)&site, (gpointer *)&bytes)) {
		const int64_t *had = g_hash_table_lookup(before->bytes, site);
		int64_t more = *bytes - (had ? *had : 0);

		left += more > 0 ? more : -more;
		if (more)
			g_string_append_printf(sites, "%s: %+" G_GINT64_FORMAT "\n", site, more);
	}
	return left;
}

static bool watch_cleaned(const char *variant, struct book *book,
			  const struct validate_options *options, struct validate_report *report,
			  GError **error)
{
	const struct validate_world nothing = {
		.name = "nothing.ops", .text = "sync\n", .variant = variant};
	const struct validate_world world = {
		.name = "cleaned.ops", .text = cleaned, .variant = variant};
	g_autofree char *what = g_strdup_printf("%s: memory, all evicted and all keys gone",
						variant + strlen("x: "));
	g_autoptr(GString) sites = g_string_new(NULL);
	struct world_outcome outcome;
	struct watch before, after;
	bool fine;

	watch_init(&before);
	watch_init(&after);
	fine = run_watched(nothing, &before, options, &outcome, error);
	if (fine) {
		world_outcome_clear(&outcome);
		fine = run_watched(world, &after, options, &outcome, error);
	}
	if (fine) {
		struct validate_check *check =
			validate_equal(report, what, 0, bytes_left(&before, &after, sites), "bytes",
				       "what a mount takes on which nothing is done, site by site");

		validate_note(check, "%s", sites->str);
		note_run(book, variant + strlen("x: "), &after, &outcome);
		world_outcome_clear(&outcome);
	}
	watch_clear(&before);
	watch_clear(&after);
	return fine;
}

bool validate_conservation(const struct validate_options *options, struct validate_report *report,
			   GError **error)
{
	struct book book = {.runs = 0};
	bool fine = true;

	for (size_t i = 0; fine && i < G_N_ELEMENTS(variants); i++)
		fine = watch_busy(variants[i], &book, options, error) &&
		       watch_cleaned(variants[i], &book, options, report, error);
	if (fine)
		report_laws(&book, report);
	g_free(book.first);
	return fine;
}
