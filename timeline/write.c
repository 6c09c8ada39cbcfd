/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Trace Event Format, one event a line. Times are microseconds, with the nanoseconds as decimals.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
#include "timeline/internal.h"

#include <errno.h>

/* Readers keep numbers as doubles; larger ones are given as strings. */
#define NUMBER_MAX ((UINT64_C(1) << 53) - 1)

static void append_string(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_c(out, '\\');
		if (*c < ' ')
			g_string_append_printf(out, "\\u%04x", *c);
		else
			g_string_append_c(out, (char)*c);
	}
	g_string_append_c(out, '"');
}

static void append_name(GString *args, const char *name)
{
	if (args->len)
		g_string_append_c(args, ',');
	append_string(args, name);
	g_string_append_c(args, ':');
}

void args_text(GString *args, const char *name, const char *value)
{
	append_name(args, name);
	append_string(args, value);
}

void args_number(GString *args, const char *name, uint64_t value)
{
	const char *quote = value > NUMBER_MAX ? "\"" : "";

	append_name(args, name);
	g_string_append_printf(args, "%s%" G_GUINT64_FORMAT "%s", quote, value, quote);
}

/* ---- lines ---- */

static void put(struct timeline *t, const char *text, size_t bytes)
{
	if (t->summary.err)
		return;
	t->summary.bytes += bytes;
	if (fwrite(text, 1, bytes, t->file) != bytes)
		t->summary.err = errno ? errno : EIO;
}

static void start_line(struct timeline *t, char phase, uint32_t process, uint32_t track)
{
	g_string_printf(t->line, "%s\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u", t->lines++ ? "," : "",
			phase, process, track);
}

static void line_time(struct timeline *t, sim_ns ns)
{
	g_string_append_printf(t->line, ",\"ts\":%" G_GUINT64_FORMAT ".%03u", ns / 1000,
			       (unsigned int)(ns % 1000));
	t->last_ns = MAX(t->last_ns, ns);
}

static void line_word(struct timeline *t, const char *name, const char *value)
{
	g_string_append_printf(t->line, ",\"%s\":", name);
	append_string(t->line, value);
}

static void end_line(struct timeline *t, const char *args)
{
	if (args && *args)
		g_string_append_printf(t->line, ",\"args\":{%s}", args);
	g_string_append_c(t->line, '}');
}

/* On its way at once, or behind the end that the track's present event has yet to write. */
static void put_line(struct timeline *t, const struct track *track)
{
	if (track && track == t->ending)
		g_string_append_len(t->ending_lines, t->line->str, (gssize)t->line->len);
	else
		put(t, t->line->str, t->line->len);
}

void write_ending(struct timeline *t)
{
	t->ending = NULL;
	put(t, t->ending_lines->str, t->ending_lines->len);
	g_string_truncate(t->ending_lines, 0);
}

static void write_fact(struct timeline *t, const char *what, uint32_t process, uint32_t track,
		       const char *args)
{
	start_line(t, 'M', process, track);
	line_word(t, "name", what);
	end_line(t, args);
	put(t, t->line->str, t->line->len);
}

static void name_process(struct timeline *t, struct process *process)
{
	g_autoptr(GString) args = g_string_new(NULL);

	if (process->named)
		return;
	process->named = true;
	args_text(args, "name", process->name);
	write_fact(t, "process_name", process->number, process->number, args->str);
	g_string_truncate(args, 0);
	args_number(args, "sort_index", process->number);
	write_fact(t, "process_sort_index", process->number, process->number, args->str);
}

static void name_track(struct timeline *t, struct track *track)
{
	g_autoptr(GString) args = NULL;

	name_process(t, track->process);
	if (track->named)
		return;
	track->named = true;
	args = g_string_new(NULL);
	args_text(args, "name", track->name);
	write_fact(t, "thread_name", track->process->number, track->number, args->str);
	g_string_truncate(args, 0);
	args_number(args, "sort_index", track->place);
	write_fact(t, "thread_sort_index", track->process->number, track->number, args->str);
}

/* ---- events ---- */

static bool writes(const struct timeline *t)
{
	return t->state == TIMELINE_OPEN;
}

void write_begin(struct timeline *t, struct track *track, const struct open_slice *slice, sim_ns ns)
{
	if (!writes(t))
		return;
	name_track(t, track);
	start_line(t, 'B', track->process->number, track->number);
	line_time(t, ns);
	line_word(t, "cat", slice->kind);
	line_word(t, "name", slice->name);
	end_line(t, slice->args);
	put_line(t, track);
	t->summary.slices++;
}

void write_end(struct timeline *t, struct track *track, const char *args, sim_ns ns)
{
	if (!writes(t))
		return;
	start_line(t, 'E', track->process->number, track->number);
	line_time(t, ns);
	end_line(t, args);
	put_line(t, track);
}

static void write_flow(struct timeline *t, struct track *track, char phase, uint64_t id, sim_ns ns)
{
	if (!writes(t))
		return;
	name_track(t, track);
	start_line(t, phase, track->process->number, track->number);
	line_time(t, ns);
	g_string_append_printf(
		t->line, ",\"cat\":\"wake\",\"name\":\"wakes\",\"id\":%" G_GUINT64_FORMAT, id);
	end_line(t, NULL);
	put(t, t->line->str, t->line->len);
}

void write_flow_start(struct timeline *t, struct track *track, uint64_t id, sim_ns ns)
{
	write_flow(t, track, 's', id, ns);
}

void write_flow_end(struct timeline *t, struct track *track, uint64_t id, sim_ns ns)
{
	write_flow(t, track, 'f', id, ns);
	if (writes(t))
		t->summary.flows++;
}

void write_counter(struct timeline *t, struct counter *counter, sim_ns ns)
{
	g_autoptr(GString) args = NULL;

	if (!writes(t))
		return;
	counter->written = true;
	name_process(t, counter->process);
	args = g_string_new(NULL);
	args_number(args, counter->unit, counter->value);
	start_line(t, 'C', counter->process->number, counter->process->number);
	line_time(t, ns);
	line_word(t, "name", counter->name);
	end_line(t, args->str);
	put(t, t->line->str, t->line->len);
}

/* ---- around them ---- */

void write_head(struct timeline *t)
{
	static const char head[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";

	put(t, head, sizeof(head) - 1);
}

void write_tail(struct timeline *t)
{
	g_autoptr(GString) facts = g_string_new(NULL);

	for (size_t i = 0; t->options.facts && t->options.facts[i]; i += 2)
		args_text(facts, t->options.facts[i], t->options.facts[i + 1]);
	if (t->summary.reached) {
		args_number(facts, "from_ns", t->options.from_ns);
		args_number(facts, "to_ns", t->summary.end_ns);
	}
	args_text(facts, "cut", t->summary.cut ? "true" : "false");
	g_string_printf(t->line, "\n],\"otherData\":{%s}}\n", facts->str);
	put(t, t->line->str, t->line->len);
	if (!t->summary.err && fflush(t->file))
		t->summary.err = errno ? errno : EIO;
}
