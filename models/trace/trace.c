/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a file to events: what is the same for every format. */
#include "models/trace/internal.h"

#include <errno.h>
#include <string.h>

G_DEFINE_QUARK(extentsim - trace - error, trace_error)

const struct trace_format *const trace_formats[] = {
	&trace_keys, &trace_iolog, &trace_blkparse, &trace_msr, &trace_oracle, &trace_fsx, NULL,
};
const struct trace_format *const trace_replay_formats[] = {
	&trace_fsx,
	&trace_iolog,
	&trace_receive,
	NULL,
};

static bool fail_errno(const struct trace *trace, int err, GError **error)
{
	enum trace_error code = TRACE_ERROR_CANT_WORK;

	if (err == EINTR)
		code = TRACE_ERROR_INTERRUPTED;
	if (err == EISDIR)
		code = TRACE_ERROR_BAD;
	g_set_error(error, TRACE_ERROR, code, "%s: error: can't read the trace: %s", trace->path,
		    g_strerror(err));
	return false;
}

struct trace *trace_open(const char *path, const struct trace_options *options, GError **error)
{
	struct trace *trace = g_new0(struct trace, 1);

	trace->options = *options;
	trace->path = g_strdup(strcmp(path, "-") ? path : "(standard input)");
	trace->names = trace_names_new();
	if (!trace_input_open(&trace->input, path)) {
		fail_errno(trace, errno, error);
		trace_close(trace);
		return NULL;
	}
	trace->input.interrupted = options->interrupted;
	return trace;
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	trace_input_close(&trace->input);
	trace_names_free(trace->names);
	if (trace->uuids) {
		trace_names_free(trace->uuids);
		g_array_free(trace->subvolumes, TRUE);
	}
	g_free(trace->path);
	g_free(trace->bad);
	g_free(trace);
}

uint64_t trace_skipped(const struct trace *trace)
{
	return trace->skipped;
}

const struct trace_format *trace_format(const struct trace *trace)
{
	return trace->options.format;
}

const char *trace_file_name(const struct trace *trace, uint32_t file)
{
	return trace_names_get(trace->names, file);
}

/* "FILE:LINE:COLUMN: SEVERITY: …", or "FILE: record N: …". */
static char *bad_message(const struct trace *trace, const char *severity)
{
	g_autofree char *column = trace->column ? g_strdup_printf(":%zu", trace->column) : NULL;

	if (trace->options.format->record_bytes)
		return g_strdup_printf("%s: record %" G_GUINT64_FORMAT ": %s: %s", trace->path,
				       trace->line, severity, trace->bad);
	return g_strdup_printf("%s:%" G_GUINT64_FORMAT "%s: %s: %s", trace->path, trace->line,
			       column ? column : "", severity, trace->bad);
}

/* A bad line: an error, or reported and counted. */
static bool pass_over(struct trace *trace, bool fatal, GError **error)
{
	g_autofree char *message = NULL;

	if (fatal || !trace->options.skip_bad) {
		message = bad_message(trace, "error");
		g_set_error(error, TRACE_ERROR, TRACE_ERROR_BAD, "%s", message);
		return false;
	}
	trace->skipped++;
	message = bad_message(trace, "warning");
	if (trace->options.report)
		trace->options.report(trace->options.arg, message);
	return true;
}

static bool moves_data(enum trace_op op)
{
	return op == TRACE_READ || op == TRACE_WRITE || op == TRACE_MAPREAD ||
	       op == TRACE_MAPWRITE || op == TRACE_COPY || op == TRACE_DEDUPE;
}

static enum trace_parsed check_range(struct trace *trace, const struct trace_text *text,
				     const struct trace_event *event)
{
	if (event->length > INT64_MAX || MAX(event->offset, event->to) > INT64_MAX - event->length)
		return trace_bad(trace, text, NULL, "the range ends beyond 2^63 bytes");
	if (moves_data(event->op) && event->length > TRACE_REQUEST_MAX)
		return trace_bad(trace, text, NULL,
				 "a request of %" G_GUINT64_FORMAT
				 " bytes: 2^32 - 1 are the most that a kernel takes in one",
				 event->length);
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed parse_line(struct trace *trace, const char *line, size_t length,
				    struct trace_event *event)
{
	struct trace_text text = {line, line, line + length, line + length};
	const char *nul = memchr(line, '\0', length);
	enum trace_parsed parsed;

	if (nul)
		return trace_bad(trace, &text, nul, "a NUL byte: this is no text");
	while (text.end > line && g_ascii_isspace(text.end[-1]))
		text.end--;
	if (text.end == line)
		return TRACE_PARSED_NOTHING;
	parsed = trace->options.format->parse(trace, &text, event);
	return parsed == TRACE_PARSED_EVENT ? check_range(trace, &text, event) : parsed;
}

static enum trace_parsed parse_record(struct trace *trace, const char *record, size_t length,
				      struct trace_event *event)
{
	struct trace_text text = {record, record, record + length, record + length};
	size_t whole = trace->options.format->record_bytes;

	if (length < whole)
		return trace_bad(trace, &text, NULL,
				 "the trace ends within a record: %zu of its %zu bytes", length,
				 whole);
	return trace->options.format->parse(trace, &text, event);
}

static enum trace_got get(struct trace *trace, const char **line, size_t *length)
{
	size_t record = trace->options.format->record_bytes;
	enum trace_got got = record ? trace_input_record(&trace->input, record, line, length)
				    : trace_input_line(&trace->input, line, length);

	trace->line += got == TRACE_GOT || got == TRACE_GOT_TOO_LONG;
	return got;
}

static enum trace_parsed parse(struct trace *trace, enum trace_got got, const char *line,
			       size_t length, struct trace_event *event)
{
	*event = (struct trace_event){
		.op = TRACE_OBJECT, .line = trace->line, .other = TRACE_NO_FILE};
	if (got == TRACE_GOT_TOO_LONG)
		return trace_bad(trace, NULL, NULL, "the line is longer than %d bytes",
				 TRACE_LINE_MAX);
	return trace->options.format->record_bytes ? parse_record(trace, line, length, event)
						   : parse_line(trace, line, length, event);
}

enum trace_next trace_next(struct trace *trace, struct trace_event *event, GError **error)
{
	const volatile int *interrupted = trace->options.interrupted;
	const char *line;
	size_t length;

	while (!trace->ended) {
		enum trace_got got = get(trace, &line, &length);
		enum trace_parsed parsed;

		if (got == TRACE_GOT_ERRNO || trace_interrupted(trace->line, interrupted)) {
			fail_errno(trace, got == TRACE_GOT_ERRNO ? errno : EINTR, error);
			return TRACE_NEXT_FAILED;
		}
		if (got == TRACE_GOT_END)
			break;
		parsed = parse(trace, got, line, length, event);
		if (parsed == TRACE_PARSED_EVENT)
			return TRACE_NEXT_EVENT;
		trace->ended = parsed == TRACE_PARSED_END;
		if ((parsed == TRACE_PARSED_BAD || parsed == TRACE_PARSED_FATAL) &&
		    !pass_over(trace, parsed == TRACE_PARSED_FATAL, error))
			return TRACE_NEXT_FAILED;
	}
	return TRACE_NEXT_END;
}

/* ---- which form? ---- */

static const struct trace_format *form_of_line(const char *line, size_t length)
{
	for (size_t i = 0; trace_replay_formats[i]; i++) {
		struct trace_text text = {line, line, line + length, line + length};

		if (trace_replay_formats[i]->begins(&text))
			return trace_replay_formats[i];
	}
	return NULL;
}

const struct trace_format *trace_guess(const char *path, GError **error)
{
	const struct trace_options options = {.format = trace_replay_formats[0]};
	struct trace *trace = trace_open(path, &options, error);
	const struct trace_format *found = NULL;
	enum trace_got got = TRACE_GOT;
	const char *line;
	size_t length;

	while (trace && !found && (got == TRACE_GOT || got == TRACE_GOT_TOO_LONG)) {
		got = trace_input_line(&trace->input, &line, &length);
		if (got == TRACE_GOT)
			found = form_of_line(line, length);
	}
	if (trace && got == TRACE_GOT_ERRNO)
		fail_errno(trace, errno, error);
	else if (trace && !found)
		g_set_error(error, TRACE_ERROR, TRACE_ERROR_BAD,
			    "%s: error: no line of it tells what form of trace this is", path);
	trace_close(trace);
	return found;
}
