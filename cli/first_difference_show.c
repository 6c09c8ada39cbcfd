/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where two runs part, as text and as JSON. */
#include "cli/first_difference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- events and state as text --------------------------------------------------------------- */

/* To the nanosecond, for two runs may part by one. */
static void append_time(GString *out, sim_ns ns)
{
	enum { NS_PER_MS = 1000000 };

	g_string_append_printf(out, "%" PRIu64 ".%06" PRIu64 " ms", ns / NS_PER_MS, ns % NS_PER_MS);
}

static void append_list(GString *out, const json_t *list, const char *before, const char *between)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
		g_string_append_printf(out, "%s%s", i ? between : before, json_string_value(item));
}

static void append_event(GString *out, const json_t *event)
{
	const char *task = json_string_value(json_object_get(event, "task"));

	g_string_append_printf(out, "  #%" JSON_INTEGER_FORMAT "  ",
			       json_integer_value(json_object_get(event, "event")));
	append_time(out, (sim_ns)json_integer_value(json_object_get(event, "ns")));
	if (task)
		g_string_append_printf(out, "  %s (%" JSON_INTEGER_FORMAT ")", task,
				       json_integer_value(json_object_get(event, "id")));
	else
		g_string_append(out, "  a timer or a device");
	append_list(out, json_object_get(event, "in"), " goes on in ", " > ");
	g_string_append_c(out, '\n');
	append_list(out, json_object_get(event, "facts"), "      fact: ", "; ");
	if (json_array_size(json_object_get(event, "facts")))
		g_string_append_c(out, '\n');
}

static void append_did(GString *out, const json_t *event, const char *label)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(event, "did"), i, item)
		g_string_append_printf(out, "      %s%s\n", label, json_string_value(item));
}

static void append_events(GString *out, const json_t *events)
{
	size_t i;
	json_t *event;

	json_array_foreach(events, i, event)
	{
		append_event(out, event);
		append_did(out, event, "");
	}
}

/* What came of one event on both sides; they may have done different things in no time. */
static void append_pair(GString *out, const json_t *pair)
{
	const json_t *a = json_array_get(pair, 0), *b = json_array_get(pair, 1);

	append_event(out, a);
	if (json_equal(json_object_get(a, "did"), json_object_get(b, "did"))) {
		append_did(out, a, "");
		return;
	}
	append_did(out, a, "A: ");
	append_did(out, b, "B: ");
}

static void add_line(GPtrArray *lines, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_line(GPtrArray *lines, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(lines, g_strdup_vprintf(format, args));
	va_end(args);
}

/* A line for each thing in use, each figure, and each task. */
static GPtrArray *state_lines(const json_t *state)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(state, "uses"), i, item)
		add_line(lines, "%s", json_string_value(item));
	json_object_foreach(json_object_get(state, "figures"), name,
			    item) if (json_integer_value(item))
		add_line(lines, "%s: %" JSON_INTEGER_FORMAT, name, json_integer_value(item));
	json_array_foreach(json_object_get(state, "tasks"), i, item)
	{
		g_autoptr(GString) in = g_string_new(NULL);

		append_list(in, json_object_get(item, "in"), " in ", " > ");
		add_line(lines, "%s (%" JSON_INTEGER_FORMAT ")%s",
			 json_string_value(json_object_get(item, "task")),
			 json_integer_value(json_object_get(item, "id")), in->str);
	}
	return lines;
}

static bool has(const GPtrArray *lines, const char *line)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)lines, line, g_str_equal, NULL);
}

/* What the other does not have; all, if it is NULL. Lines that are alike are one. */
static void append_state(GString *out, const json_t *state, const json_t *other, const char *label)
{
	enum { LINES_MAX = 60 };
	g_autoptr(GPtrArray) lines = state_lines(state), others = state_lines(other);
	guint shown = 0;

	for (guint i = 0; i < lines->len; i++) {
		const char *line = lines->pdata[i];
		guint times = 1;

		if (has(others, line))
			continue;
		for (guint k = lines->len - 1; k > i; k--)
			if (!strcmp(lines->pdata[k], line)) {
				g_ptr_array_remove_index(lines, k);
				times++;
			}
		if (++shown > LINES_MAX)
			continue;
		g_string_append_printf(out, "  %s%s", label, line);
		if (times > 1)
			g_string_append_printf(out, " (%u times)", times);
		g_string_append_c(out, '\n');
	}
	if (shown > LINES_MAX)
		g_string_append_printf(out, "  %sand %u more, which --format json has\n", label,
				       shown - LINES_MAX);
}

/* ---- the text ------------------------------------------------------------------------------- */

static void append_tallies(GString *out, const struct first_difference *fd)
{
	for (guint i = 0; i < fd->tallies->len; i++) {
		const struct tally *tally = &g_array_index(fd->tallies, struct tally, i);

		g_string_append_printf(out, "  %s%s%s: ", tally->place, *tally->place ? " " : "",
				       tally->variant);
		if (tally->part)
			g_string_append_printf(out, "%u of %u runs part\n", tally->part,
					       tally->runs);
		else
			g_string_append_printf(out, "the same event by event in %u run%s\n",
					       tally->runs, tally->runs == 1 ? "" : "s");
	}
	if (fd->unpaired)
		g_string_append_printf(out, "  %u run%s only one of them has\n", fd->unpaired,
				       fd->unpaired == 1 ? " that" : "s that");
}

static void append_given(GString *out, const struct first_difference *fd)
{
	g_string_append(out, "\nGiven differently:\n");
	for (guint i = 0; i < fd->given->len; i++) {
		const struct results_given *given = fd->given->pdata[i];

		g_string_append_printf(out, "  %s: A %s, B %s\n", given->what, given->a, given->b);
	}
	if (!fd->given->len)
		g_string_append(out, "  nothing: the programs do\n");
}

static void append_interval(GString *out, const struct first_difference *fd)
{
	const struct results_parting *parting = &fd->parting;
	g_autofree char *place = results_point_place(fd->a.curve, fd->a.point);

	g_string_append_printf(out,
			       "\n%s%s%s, replication %u: the first interval that differs is of "
			       "events %" PRIu64 " to ",
			       place, *place ? " " : "", fd->a.variant->name, fd->replication,
			       parting->first);
	if (parting->last == INT64_MAX)
		g_string_append(out, "the end, from ");
	else
		g_string_append_printf(out, "%" PRIu64 ", from ", parting->last);
	append_time(out, parting->from_ns);
	if (parting->last != INT64_MAX) {
		g_string_append(out, " to ");
		append_time(out, parting->to_ns);
	}
	g_string_append(out, ".\n");
}

static void append_then(GString *out, const struct side *side, const char *label)
{
	g_string_append_printf(out, "\nThen in %s:\n", label);
	if (side->ended)
		g_string_append(out, "  nothing more: the run is over\n");
	append_events(out, side->then);
}

static void append_found(GString *out, const struct first_difference *fd)
{
	size_t i;
	json_t *pair;

	g_string_append_printf(out, "The first event that differs is number %" PRIu64 ".\n",
			       fd->event);
	if (fd->did_otherwise) {
		g_string_append(out,
				"\nIt began with what they did in an event that is the same:\n");
		append_pair(out, fd->did_otherwise);
	}
	g_string_append(out, json_array_size(fd->before) ? "\nThe last that are the same:\n" : "");
	json_array_foreach(fd->before, i, pair) append_pair(out, pair);
	append_then(out, &fd->a, "A");
	append_then(out, &fd->b, "B");
	g_string_append(out, "\nThe state before them:\n");
	append_state(out, fd->a.state, NULL, "");
	if (json_equal(fd->a.state, fd->b.state))
		return;
	g_string_append(out, "\nOf it only in A, and only in B:\n");
	append_state(out, fd->a.state, fd->b.state, "A: ");
	append_state(out, fd->b.state, fd->a.state, "B: ");
}

/* A side that this program can't make again, and the way out. */
static void append_missing(GString *out, const struct side *side, const char *label)
{
	if (side->made != MADE_NOT)
		return;
	if (side->why)
		g_string_append_printf(out, "\n%s can't be made again: %s\n", label, side->why);
	else
		g_string_append_printf(
			out,
			"\n%s can't be made again by this program, %s, which comes to other "
			"events.\n"
			"The program that made it, %s, can: --against PROGRAM asks it for its "
			"events.\n",
			label, EXTENTSIM_VERSION, side->point->doc->program_version);
}

static void append_alone(GString *out, const struct side *side, const char *label)
{
	if (side->made == MADE_NOT)
		return;
	g_string_append_printf(out, "\nThe interval begins in %s with:\n", label);
	append_events(out, side->then);
	g_string_append_printf(out, "\nThe state of %s before it:\n", label);
	append_state(out, side->state, NULL, "");
}

void first_difference_text(const struct first_difference *fd, GString *out)
{
	g_string_append_printf(out, "A: %s\nB: %s\n", fd->a.path, fd->b.path);
	append_tallies(out, fd);
	if (!fd->part) {
		g_string_append(out, "They do not part.\n");
		return;
	}
	append_given(out, fd);
	append_interval(out, fd);
	if (fd->found) {
		append_found(out, fd);
		return;
	}
	append_missing(out, &fd->a, "A");
	append_missing(out, &fd->b, "B");
	append_alone(out, &fd->a, "A");
	append_alone(out, &fd->b, "B");
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *side_json(const struct side *side)
{
	static const char *const made[] = {"not", "by this program", "by the other program"};
	json_t *json = json_pack("{s:s}", "path", side->path);
	g_autofree char *place = NULL;

	if (!side->point)
		return json;
	place = results_point_place(side->curve, side->point);
	json_object_set_new(json, "point", json_string(place));
	json_object_set_new(json, "program", json_string(side->point->doc->program_version));
	json_object_set_new(json, "variant", json_string(side->variant->name));
	json_object_set_new(json, "made_again", json_string(made[side->made]));
	if (side->made == MADE_NOT)
		json_object_set_new(
			json, "why_not",
			json_string(side->why ? side->why : "it comes to other events"));
	if (side->state)
		json_object_set(json, "state", side->state);
	if (side->then)
		json_object_set(json, "then", side->then);
	return json;
}

static json_t *given_json(const GPtrArray *given)
{
	json_t *list = json_array();

	for (guint i = 0; i < given->len; i++) {
		const struct results_given *item = given->pdata[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "what", item->what, "a",
						      item->a, "b", item->b));
	}
	return list;
}

static json_t *tallies_json(const struct first_difference *fd)
{
	json_t *list = json_array();

	for (guint i = 0; i < fd->tallies->len; i++) {
		const struct tally *tally = &g_array_index(fd->tallies, struct tally, i);

		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}", "point", tally->place,
						      "variant", tally->variant, "runs",
						      (json_int_t)tally->runs, "part",
						      (json_int_t)tally->part));
	}
	return list;
}

static json_t *interval_json(const struct results_parting *parting)
{
	json_t *json = json_pack("{s:I, s:I}", "first_event", (json_int_t)parting->first, "from_ns",
				 (json_int_t)parting->from_ns);

	if (parting->last == INT64_MAX)
		return json;
	json_object_set_new(json, "last_event", json_integer((json_int_t)parting->last));
	json_object_set_new(json, "to_ns", json_integer((json_int_t)parting->to_ns));
	return json;
}

void first_difference_json(const struct first_difference *fd, GString *out)
{
	json_t *json = json_pack("{s:b, s:o, s:o, s:o, s:I}", "part", fd->part, "a",
				 side_json(&fd->a), "b", side_json(&fd->b), "variants",
				 tallies_json(fd), "unpaired_runs", (json_int_t)fd->unpaired);
	char *text;

	if (fd->part) {
		json_object_set_new(json, "replication", json_integer(fd->replication));
		json_object_set_new(json, "given", given_json(fd->given));
		json_object_set_new(json, "interval", interval_json(&fd->parting));
	}
	if (fd->found) {
		json_object_set_new(json, "event", json_integer((json_int_t)fd->event));
		json_object_set(json, "before", fd->before);
		if (fd->did_otherwise)
			json_object_set(json, "did_otherwise", fd->did_otherwise);
	}
	text = json_dumps(json, JSON_INDENT(1));
	g_string_append_printf(out, "%s\n", text);
	free(text);
	json_decref(json);
}
