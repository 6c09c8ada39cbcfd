/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim compare --first-difference`, and `extentsim events` on which it stands. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define SCRIPT                                                                                     \
	"addkey K\npolicy . K\nwrite f 0 1m\nsync\nrandwrite f 1m 4k 30 7 fsync\ndropcaches\n"     \
	"read f 0 1m\nrmkey K\nsync\n"
#define RUN "run s.ops -q --variant 'p: design=lightweight setup=pool pool.size=1' -o "
#define FIND "compare --first-difference "

/* What is paid for each cached inode when a key is removed, which the script does last. */
#define LATE_COST "costs.remove_key_inode"
enum { LATE_NS = 5000, LATER_NS = 5700 };

static char *folder;

static void remove_folder(void)
{
	loader_library_remove(folder);
	g_free(folder);
}

static void run(const char *arguments)
{
	struct cli_result result = cli_run(NULL, folder, arguments);

	cr_assert_eq(result.status, 0, "%s: %s", arguments, result.err);
	cli_result_clear(&result);
}

static void make_folder(void)
{
	folder = g_dir_make_tmp("difference-XXXXXX", NULL);
	g_free(loader_file(folder, "s.ops", SCRIPT));
	run(RUN "a.json --set " LATE_COST "=5000ns");
	run(RUN "b.json --set " LATE_COST "=5700ns");
}

TestSuite(first_difference, .init = make_folder, .fini = remove_folder);

/* ---- reading and tampering ---- */

static json_t *read_json(const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	json_error_t fault;
	json_t *json = json_load_file(path, 0, &fault);

	cr_assert_not_null(json, "%s: %s", name, fault.text);
	return json;
}

static void write_json(const char *name, json_t *json)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	cr_assert_eq(json_dump_file(json, path, JSON_INDENT(1)), 0);
	json_decref(json);
}

static json_t *variant_of(const json_t *document)
{
	return json_object_get(json_object_get(document, "variants"), "p");
}

static json_t *answer_of(const char *arguments, int status)
{
	struct cli_result result = cli_run(NULL, folder, arguments);
	json_t *json = json_loads(result.out, 0, NULL);

	cr_assert_eq(result.status, status, "%s: %s", arguments, result.err);
	cr_assert_not_null(json, "%s", result.out);
	cli_result_clear(&result);
	return json;
}

static json_int_t number(const json_t *object, const char *key)
{
	cr_assert(json_is_integer(json_object_get(object, key)), "%s", key);
	return json_integer_value(json_object_get(object, key));
}

static const json_t *first_of(const json_t *answer, const char *side)
{
	return json_array_get(json_object_get(json_object_get(answer, side), "then"), 0);
}

static json_int_t event_of(const char *arguments)
{
	json_t *answer = answer_of(arguments, 1);
	json_int_t event = number(answer, "event");

	json_decref(answer);
	return event;
}

/* As a program would have made it that takes another time for the same cost. */
static void as_of_another_program(const char *from, const char *to, const char *like)
{
	json_t *document = read_json(from), *own = read_json(like);

	json_object_set_new(document, "program_version", json_string("0.0.9"));
	json_object_set(document, "overrides", json_object_get(own, "overrides"));
	json_object_set(document, "cost_profile", json_object_get(own, "cost_profile"));
	json_decref(own);
	write_json(to, document);
}

/* ---- what is found ---- */

Test(first_difference, runs_of_one_kind_do_not_part_whatever_ran_them)
{
	run(RUN "again.json -j1 --set " LATE_COST "=5000ns");
	cli_expect(folder, FIND "a.json again.json", 0, "the same event by event in 1 run", "");
	cli_expect(folder, FIND "a.json again.json --format json", 0, "\"part\": false", "");
}

Test(first_difference, a_cost_that_is_paid_late_is_found_where_it_is_paid)
{
	json_t *answer = answer_of(FIND "a.json b.json --format json", 1);
	const json_t *a = first_of(answer, "a"), *b = first_of(answer, "b"), *in;

	cr_expect_eq(number(b, "ns") - number(a, "ns"), LATER_NS - LATE_NS);
	cr_expect_eq(number(a, "event"), number(answer, "event"));
	in = json_object_get(a, "in");
	cr_expect_str_eq(json_string_value(json_array_get(in, json_array_size(in) - 1)),
			 "run remove_key_inode");
	cr_expect(json_equal(in, json_object_get(b, "in")));
	cr_expect_eq(json_array_size(json_object_get(answer, "before")), 4);
	cr_expect_geq(number(answer, "event"),
		      number(json_object_get(answer, "interval"), "first_event"));
	json_decref(answer);
	cli_expect(folder, FIND "a.json b.json", 1, "costs.remove_key_inode: A 5us, B 5700ns", "");
	cli_expect(folder, FIND "a.json b.json", 1, "The state before them", "");
	cli_expect(folder, FIND "a.json b.json", 1, "op rmkey", "");
}

Test(first_difference, nothing_before_the_first_difference_differs)
{
	json_int_t event = event_of(FIND "a.json b.json --format json");
	g_autofree char *before =
		g_strdup_printf("events a.json --window ..%lld", (long long)event - 1);
	g_autofree char *other =
		g_strdup_printf("events b.json --window ..%lld", (long long)event - 1);
	struct cli_result a = cli_run(NULL, folder, before), b = cli_run(NULL, folder, other);
	char *tail_a = strstr(a.out, "{\"end_ns\""), *tail_b = strstr(b.out, "{\"end_ns\"");

	cr_assert(tail_a && tail_b);
	*tail_a = *tail_b = '\0';
	cr_expect(!strcmp(a.out, b.out)); /* too long to be shown */
	cli_result_clear(&a);
	cli_result_clear(&b);
}

Test(first_difference, what_was_done_otherwise_in_no_time_is_told)
{
	run("run s.ops -q --variant 'p: design=lightweight setup=pool pool.size=2' -o two.json "
	    "--set " LATE_COST "=5000ns");
	cli_expect(folder, FIND "a.json two.json", 1, "pool.size: A 1, B 2", "");
	cli_expect(folder, FIND "a.json two.json", 1,
		   "A: wait for skcipher pool, held by endio-read", "");
	cli_expect(folder, FIND "a.json two.json", 1, "B: skcipher pool (units): endio-read", "");
}

Test(first_difference, a_run_that_is_over_before_the_other_is_said_to_be)
{
	g_free(loader_file(folder, "u.json",
			   "{\"question\": \"?\", \"actors\": [{\"kind\": \"script\", \"script\": "
			   "[\"addkey K\", \"policy . K\", \"write f 0 1m\", \"sync\"]}], "
			   "\"variants\": {\"p\": {\"design\": \"lightweight\", \"setup\": "
			   "\"pool\"}}}"));
	run("run u.json -q -o shorter.json --set until=500us");
	run("run u.json -q -o longer.json --set until=600us");
	cli_expect(folder, FIND "shorter.json longer.json", 1, "--set: A until=500us, B until", "");
	cli_expect(folder, FIND "shorter.json longer.json", 1,
		   "Then in A:\n  nothing more: the run is over", "");
}

Test(first_difference, texts_of_one_name_may_differ)
{
	g_autofree char *longer = g_strconcat(SCRIPT, "write g 0 4k\n", NULL);

	g_free(loader_file(folder, "s.ops", longer));
	run(RUN "longer.json --set " LATE_COST "=5000ns");
	cli_expect(folder, FIND "a.json longer.json", 1, "scenario's text: A ", "");
	cli_expect(folder, FIND "a.json longer.json", 1, "B: op write", "");
}

Test(first_difference, digests_that_are_missing_or_cut_short_only_widen_the_search)
{
	json_int_t event = event_of(FIND "a.json b.json --format json");
	json_t *document = read_json("b.json"), *variant = variant_of(document), *array;
	static const char *const members[] = {"interval_digests", "interval_ends_ns",
					      "interval_events"};

	for (size_t i = 0; i < 2; i++) {
		array = json_array_get(json_object_get(variant, members[i]), 0);
		while (json_array_size(array) > 2)
			json_array_remove(array, 2);
	}
	write_json("short.json", json_incref(document));
	for (size_t i = 0; i < 3; i++)
		json_object_del(variant, members[i]);
	write_json("none.json", document);
	cr_expect_eq(event_of(FIND "a.json short.json --format json"), event);
	cr_expect_eq(event_of(FIND "none.json a.json --format json"), event);
	cli_expect(folder, FIND "a.json none.json", 1, "of events 1 to the end", "");
}

Test(first_difference, the_run_to_follow_can_be_chosen)
{
	run("run s.ops -q --replications 2 -o two.json --variant 'n: design=none setup=none' "
	    "--variant 'p: design=lightweight setup=pool'");
	cli_expect(folder, FIND "two.json two.json", 0, "n: the same event by event in 2 runs", "");
	cli_expect(folder, FIND "two.json --variant n --variant p", 1, "design: A none, B ", "");
	cli_expect(folder, FIND "two.json --variant n --variant p --replication 1", 1,
		   "n, replication 1:", "");
	cli_expect(folder, FIND "a.json two.json", 1, "1 run that only one of them has", "");
}

/* ---- results of other programs ---- */

Test(first_difference, of_another_programs_result_the_interval_is_told_and_the_way_out)
{
	static const char *const said[] = {
		"program: A 0.0.9, B ",
		"the first interval that differs is of events ",
		"A can't be made again by this program",
		"The program that made it, 0.0.9, can: --against PROGRAM",
		"The interval begins in B with:",
	};

	as_of_another_program("b.json", "old.json", "a.json");
	for (size_t i = 0; i < G_N_ELEMENTS(said); i++)
		cli_expect(folder, FIND "old.json a.json", 1, said[i], "");
	cli_expect(folder, "events old.json", 1, "\"as_stored\":false", "does otherwise");
	cli_expect(folder, "events a.json", 0, "\"as_stored\":true", "");
}

Test(first_difference, the_program_that_made_it_tells_the_event)
{
	json_int_t event = event_of(FIND "a.json b.json --format json");

	as_of_another_program("b.json", "old.json", "a.json");
	g_free(loader_file(folder, "older",
			   "#!/bin/sh\nshift 2\nexec \"$EXTENTSIM\" events b.json \"$@\"\n"));
	g_free(loader_file(folder, "useless", "#!/bin/sh\necho no such command >&2\nexit 2\n"));
	g_free(loader_file(folder, "neither",
			   "#!/bin/sh\nshift 2\nexec \"$EXTENTSIM\" events old.json \"$@\"\n"));
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"older", "useless", "neither"};
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		cr_assert_eq(g_chmod(path, 0755), 0);
	}
	cr_expect_eq(event_of(FIND "a.json old.json --against ./older --format json"), event);
	cli_expect(folder, FIND "a.json old.json --against ./useless", 5, "", "no such command");
	cli_expect(folder, FIND "a.json old.json --against ./nothing", 5, "", "./nothing");
	cli_expect(folder, FIND "a.json old.json --against ./neither", 1, "B can't be made again",
		   "");
}

/* Its own figures are in the result. */
Test(first_difference, a_profile_that_has_changed_since_is_no_hindrance)
{
	json_t *document = read_json("b.json");

	json_object_set_new(document, "overrides", json_array());
	write_json("plain.json", document);
	cli_expect(folder, "events plain.json", 0, "\"as_stored\":true", "");
	cr_expect_eq(event_of(FIND "a.json plain.json --format json"),
		     event_of(FIND "a.json b.json --format json"));
}

Test(first_difference, folders_of_points_and_baselines_are_followed_too)
{
	g_free(loader_file(
		folder, "c.json",
		"{\"question\": \"?\", \"params\": {\"n\": 1}, \"actors\": [{\"kind\": \"script\", "
		"\"script\": [\"addkey K\", \"policy . K\", \"repeat ${n} write f {}m 4k\", "
		"\"sync\", \"rmkey K\"]}], \"axes\": [{\"name\": \"n\", \"set\": \"params.n\", "
		"\"values\": [1, 2]}], \"measure\": [\"key.setkeys\"], "
		"\"variants\": {\"p\": {\"design\": \"lightweight\", \"setup\": \"pool\"}}}"));
	run("run c.json -q -o one");
	run("run c.json -q -o other --set " LATE_COST "=7us");
	run("gate base.json -q --update --why begins --run c.json");
	cli_expect(folder, FIND "one one", 0, "n=2 p: the same event by event in 1 run", "");
	cli_expect(folder, FIND "one other", 1, "n=1 p, replication 0:", "");
	cli_expect(folder, FIND "one other", 1, "run remove_key_inode", "");
	cli_expect(folder, FIND "one other/n=2.json", 1, "n=2 p, replication 0:", "");
	cli_expect(folder, FIND "base.json one", 0, "n=1 p: the same event by event in 1 run", "");
	cli_expect(folder, FIND "base.json other", 1, "The first event that differs is number", "");
	cli_expect(folder, FIND "one/n=1.json other/n=2.json", 1, "axes.n=1, B ", "");
	cli_expect(folder, "events one --point n=2", 0, "\"as_stored\":true", "");
	cli_expect(folder, "events one", 2, "", "it has n=1 n=2");
}

/* ---- what can't be ---- */

Test(first_difference, what_cannot_be_compared_is_refused)
{
	g_free(loader_file(folder, "t.ops", SCRIPT "write g 0 4k\n"));
	run("run t.ops -q -o t.json");
	run("run s.ops -q -o n.json --variant 'n: design=none setup=none'");
	cli_expect(folder, FIND "a.json t.json", 3, "", "one is of s.ops, the other of t.ops");
	cli_expect(folder, FIND "a.json n.json", 3, "", "no run of one variant and replication");
	cli_expect(folder, FIND "a.json", 2, "", "expected two results");
	cli_expect(folder, FIND "a.json b.json n.json", 2, "", "expected two results");
	cli_expect(folder, FIND "a.json none.json", 2, "", "none.json");
	cli_expect(folder, FIND "a.json b.json --variant q", 2, "", "a.json has no such variant");
	cli_expect(folder, FIND "a.json b.json --format markdown", 2, "", "text and json");
	cli_expect(folder, "compare a.json b.json --against x", 2, "",
		   "go with --first-difference");
}

Test(first_difference, events_are_those_asked_for)
{
	struct cli_result result = cli_run(NULL, folder, "events a.json --window 100..102");
	g_auto(GStrv) lines = g_strsplit(result.out, "\n", -1);

	cr_assert_eq(result.status, 0, "%s", result.err);
	cr_assert_eq(g_strv_length(lines), 7, "%s", result.out);
	cr_expect(strstr(lines[1], "\"state_ns\""));
	cr_expect(g_str_has_prefix(lines[2], "{\"event\":100,"));
	cr_expect(g_str_has_prefix(lines[4], "{\"event\":102,"));
	cr_expect(strstr(lines[5], "\"end_ns\""));
	cli_result_clear(&result);
	cli_expect(folder, "events a.json --window 100", 2, "", "expected FIRST..LAST");
	cli_expect(folder, "events a.json --window 2..1", 2, "", "--window");
	cli_expect(folder, "events a.json --variant q", 2, "", "no variant \"q\"");
	cli_expect(folder, "events a.json --replication 1", 2, "", "no replication 1");
	cli_expect(folder, "events", 2, "", "expected one result");
	cli_expect(folder, "events a.json -o nowhere/e", 5, "", "nowhere/e");
}
