/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trace is read whole before the run: what is wrong with it is said at once and by its line, and every
 * variant gets the same. */
#include "models/workload/replay.h"

#include <string.h>

/* Is it done, or counted and passed over? */
enum fate { FATE_DONE, FATE_STAND_IN, FATE_IGNORED, FATE_NOT_MODELLED };

/* How often an operation occurs that is not done as it was. */
struct tally {
	const char *word; /* as the form has it */
	enum fate fate;
	uint64_t count;
};
struct loading {
	struct replay_log *log;
	const struct replay_source *source;
	GArray *tallies; /* struct tally, by first use */
	GArray *written; /* uint64_t: size that each file has come to */
	char *first_skipped;
	uint64_t first_cut; /* bytes that were to be laid out and are not, of the first such file */
	uint32_t cut_file, cut_files;
};

/* btrfs_fallocate() knows neither FALLOC_FL_COLLAPSE_RANGE nor FALLOC_FL_INSERT_RANGE; btrfs has no
 * XFS_IOC_EXCHANGE_RANGE, and fs/btrfs/file.c does not set FMODE_CAN_ATOMIC_WRITE. fsx leaves them out. */
static enum fate fate_of(const struct trace_event *event)
{
	switch (event->op) {
	case TRACE_COLLAPSE:
	case TRACE_INSERT:
	case TRACE_EXCHANGE:
	case TRACE_NO_DATA:
	case TRACE_UNKNOWN:
		return FATE_NOT_MODELLED;
	case TRACE_METADATA:
		return FATE_IGNORED;
	case TRACE_MKSPECIAL:
		return FATE_STAND_IN;
	default:
		return event->word && !strcmp(event->word, "write_atomic") ? FATE_NOT_MODELLED
									   : FATE_DONE;
	}
}

static void tally(struct loading *l, const struct trace_event *event, enum fate fate)
{
	struct tally new = {event->word, fate, 1};

	l->log->counts.ignored += fate == FATE_IGNORED;
	l->log->counts.not_modelled += fate != FATE_IGNORED;
	for (guint i = 0; i < l->tallies->len; i++) {
		struct tally *t = &g_array_index(l->tallies, struct tally, i);

		if (!strcmp(t->word, event->word)) {
			t->count++;
			return;
		}
	}
	g_array_append_val(l->tallies, new);
}

/* ---- bad lines ---- */

static void take_warning(void *arg, const char *message)
{
	struct loading *l = arg;

	if (!l->first_skipped)
		l->first_skipped = g_strdup(message);
}

/* A range that no file of the model can have is a bad line, too. */
static bool fits(struct loading *l, const struct trace_event *event, GError **error)
{
	const char *severity = l->source->skip_bad ? "warning" : "error";
	g_autofree char *message = NULL;

	if (event->offset <= REPLAY_FILE_MAX && event->to <= REPLAY_FILE_MAX &&
	    event->length <= REPLAY_FILE_MAX - MAX(event->offset, event->to))
		return true;
	message = g_strdup_printf("%s:%" G_GUINT64_FORMAT
				  ": %s: the range ends beyond %" G_GUINT64_FORMAT
				  " bytes, the largest file that is modelled",
				  l->log->path, event->line, severity, REPLAY_FILE_MAX);
	if (!l->source->skip_bad) {
		g_set_error(error, TRACE_ERROR, TRACE_ERROR_BAD, "%s", message);
		return false;
	}
	l->log->counts.skipped_lines++;
	take_warning(l, message);
	return false;
}

/* ---- what files must hold ---- */

static uint64_t *number_of(GArray *numbers, uint32_t file)
{
	while (numbers->len <= file) {
		const uint64_t none = 0;

		g_array_append_val(numbers, none);
	}
	return &g_array_index(numbers, uint64_t, file);
}

static void want_size(struct loading *l, uint32_t file, uint64_t bytes)
{
	uint64_t *size = number_of(l->log->sizes, file);

	if (bytes > l->source->lay_out_max) {
		l->cut_files += !l->cut_files || l->cut_file != file;
		if (l->cut_files == 1) {
			l->cut_file = file;
			l->first_cut = bytes;
		}
		bytes = l->source->lay_out_max;
	}
	*size = MAX(*size, bytes);
}

/* fio lays out the files that it reads before it starts. What the trace itself has written is there. An
 * fsx log of which the beginning is gone says how large the file was. */
static void note_size(struct loading *l, const struct trace_event *event)
{
	uint64_t *written = number_of(l->written, event->file), end = event->offset + event->length;

	if (event->sized && !l->log->events->len)
		want_size(l, event->file, event->size_before);
	if (!l->log->format->reads_older_files)
		return;
	if (event->op == TRACE_READ && end > *written)
		want_size(l, event->file, end);
	if (event->op == TRACE_WRITE)
		*written = MAX(*written, end);
}

/* ---- paths ---- */

char *replay_model_path(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	GPtrArray *kept = g_ptr_array_new();
	char *joined;

	for (char **part = parts; *part; part++) {
		if (!strcmp(*part, "..") && kept->len)
			g_ptr_array_set_size(kept, (int)kept->len - 1);
		else if (**part && strcmp(*part, ".") && strcmp(*part, ".."))
			g_ptr_array_add(kept, *part);
	}
	g_ptr_array_add(kept, NULL);
	joined = g_strjoinv("/", (char **)kept->pdata);
	g_ptr_array_free(kept, true);
	return joined;
}

static void take_names(struct replay_log *log, const struct trace *trace)
{
	const char *name;

	for (uint32_t i = 0; (name = trace_file_name(trace, i)); i++)
		g_ptr_array_add(log->names, replay_model_path(name));
}

static void want_sizes(struct loading *l)
{
	bool older = l->log->format->reads_older_files;

	for (uint32_t i = 0; i < l->log->names->len; i++)
		want_size(l, i, older ? l->source->file_bytes : 0);
}

/* ---- notes ---- */

static void list_tallies(const struct loading *l, enum fate fate, const char *what)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < l->tallies->len; i++) {
		const struct tally *t = &g_array_index(l->tallies, struct tally, i);

		if (t->fate == fate)
			g_string_append_printf(text, "%s%" G_GUINT64_FORMAT " %s",
					       text->len ? ", " : "", t->count, t->word);
	}
	if (text->len)
		g_ptr_array_add(l->log->notes,
				g_strdup_printf("%s: %s: %s", l->log->path, what, text->str));
	g_string_free(text, true);
}

static void take_notes(const struct loading *l)
{
	struct replay_log *log = l->log;

	if (log->counts.skipped_lines)
		g_ptr_array_add(log->notes,
				g_strdup_printf("%s\nbad lines left out: %" G_GUINT64_FORMAT,
						l->first_skipped, log->counts.skipped_lines));
	list_tallies(l, FATE_NOT_MODELLED, "not done, btrfs or the model has no such operation");
	list_tallies(l, FATE_STAND_IN, "not modelled, an empty file stands for each");
	if (l->cut_files)
		g_ptr_array_add(
			log->notes,
			g_strdup_printf(
				"%s: files that are read to beyond lay_out and "
				"have a hole there: %u; the first, %s, to %" G_GUINT64_FORMAT
				" bytes",
				log->path, l->cut_files,
				(const char *)log->names->pdata[l->cut_file], l->first_cut));
	if (!log->events->len)
		g_ptr_array_add(log->notes,
				g_strdup_printf("%s: the trace holds no operation", log->path));
}

/* ---- loading ---- */

static bool take_event(struct loading *l, const struct trace_event *event, GError **error)
{
	enum fate fate = fate_of(event);
	GError *cause = NULL;

	if (!fits(l, event, &cause)) {
		if (cause)
			g_propagate_error(error, cause);
		return !cause;
	}
	note_size(l, event);
	if (fate != FATE_DONE)
		tally(l, event, fate);
	if (fate == FATE_DONE || fate == FATE_STAND_IN)
		g_array_append_val(l->log->events, *event);
	return true;
}

static bool read_events(struct loading *l, struct trace *trace, GError **error)
{
	enum trace_next next = TRACE_NEXT_EVENT;
	struct trace_event event;

	while (next == TRACE_NEXT_EVENT) {
		next = trace_next(trace, &event, error);
		if (next == TRACE_NEXT_EVENT && !take_event(l, &event, error))
			return false;
	}
	return next == TRACE_NEXT_END;
}

static struct replay_log *log_new(const struct replay_source *source)
{
	struct replay_log *log = g_new0(struct replay_log, 1);

	log->format = source->format;
	log->path = g_strdup(source->path);
	log->events = g_array_new(false, false, sizeof(struct trace_event));
	log->names = g_ptr_array_new_with_free_func(g_free);
	log->sizes = g_array_new(false, false, sizeof(uint64_t));
	log->notes = g_ptr_array_new_with_free_func(g_free);
	return log;
}

struct replay_log *replay_log_load(const struct replay_source *source, GError **error)
{
	struct loading l = {.source = source};
	const struct trace_options options = {.format = source->format,
					      .skip_bad = source->skip_bad,
					      .report = take_warning,
					      .arg = &l};
	struct trace *trace = trace_open(source->path, &options, error);
	bool ok;

	if (!trace)
		return NULL;
	l.log = log_new(source);
	l.tallies = g_array_new(false, false, sizeof(struct tally));
	l.written = g_array_new(false, false, sizeof(uint64_t));
	ok = read_events(&l, trace, error);
	if (ok) {
		take_names(l.log, trace);
		want_sizes(&l);
		l.log->counts.skipped_lines += trace_skipped(trace);
		take_notes(&l);
	} else {
		g_clear_pointer(&l.log, replay_log_free);
	}
	trace_close(trace);
	g_array_free(l.tallies, true);
	g_array_free(l.written, true);
	g_free(l.first_skipped);
	return l.log;
}

void replay_log_free(struct replay_log *log)
{
	if (!log)
		return;
	g_array_free(log->events, true);
	g_ptr_array_free(log->names, true);
	g_array_free(log->sizes, true);
	g_ptr_array_free(log->notes, true);
	g_free(log->path);
	g_free(log);
}
