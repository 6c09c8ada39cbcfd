/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trace actor: one task that does the file operations of a trace again, in their order, as fast as it
 * can or not before their recorded times. docs/traces.md says what becomes of each form's operations.
 */
#include "models/workload/replay.h"

#include <string.h>

enum bad_lines { BAD_FATAL, BAD_SKIP };
enum timing { AS_FAST_AS_POSSIBLE, AS_RECORDED };
enum { FORM_BY_CONTENT };

struct trace_config {
	char *file, *dir, *key;
	int64_t form, bad_lines, timing, direct, file_bytes, lay_out, sync;
	struct replay_log *log; /* by check(); owned here */
};

/* An event's calls are numbered below it. */
enum { STEPS_LOG2 = 8, PATHS_CHUNK_BYTES = 4096 };

struct op_timer replay_begin(struct replayer *r, const char *op)
{
	uint64_t step = MIN(r->step, (UINT64_C(1) << STEPS_LOG2) - 1);

	r->step++;
	return op_begin(r->workload, r->task, op,
			workload_request(r->number, r->event << STEPS_LOG2 | step));
}

int replay_end(struct replayer *r, const struct op_timer *timer, int err)
{
	const struct trace_event *e;

	op_end(r->workload, r->task, timer, err);
	if (err >= 0 || r->failed)
		return err;
	r->failed = true;
	if (!r->event) {
		workload_find(r->workload, "trace",
			      g_strdup_printf("%s: before the first operation: %s: %s",
					      r->log->path, timer->op, strerrorname_np(-err)));
		return err;
	}
	e = &g_array_index(r->log->events, struct trace_event, r->event - 1);
	workload_find(r->workload, "trace",
		      g_strdup_printf("%s:%" G_GUINT64_FORMAT ": %s: %s\nthe first that did not "
				      "succeed; all are in ops.*.failed and ops.*.refused",
				      r->log->path, e->line, timer->op, strerrorname_np(-err)));
	return err;
}

const char *replay_keep(struct replayer *r, char *path)
{
	const char *kept = g_string_chunk_insert_const(r->paths, path);

	g_free(path);
	return kept;
}

const char *replay_path(struct replayer *r, uint32_t file)
{
	const char *name = r->log->names->pdata[file];

	if (!*r->dir)
		return name;
	return replay_keep(r, g_strconcat(r->dir, *name ? "/" : "", name, NULL));
}

/* ---- the task ---- */

/* A send stream's files lie in subvolumes, which get the policy each; the others' in the directory. */
static void prepare(struct replayer *r)
{
	struct fscrypt *fc = r->workload->crypt;
	struct op_timer timer;
	uint32_t key;

	if (*r->dir)
		replay_make_dirs(r, replay_keep(r, g_strconcat(r->dir, "/", NULL)));
	if (!*r->key)
		return;
	key = fscrypt_key_number(fc, r->key);
	timer = replay_begin(r, "addkey");
	replay_end(r, &timer, fscrypt_add_key(r->task, fc, key, FSCRYPT_ROOT));
	if (r->log->format->trees)
		return;
	timer = replay_begin(r, "policy");
	replay_end(r, &timer, fscrypt_set_policy(r->task, fc, r->dir, key));
}

static void wait_for(struct replayer *r, const struct trace_event *event)
{
	sim_ns now = sim_now(machine_sim(r->workload->machine)), due = r->start + event->time_ns;
	sim_ns *late = &r->workload->trace_counts.late_max_ns;

	if (!r->as_recorded)
		return;
	if (now < due)
		kernel_sleep(r->task, due - now, PART_SLEEP);
	else
		*late = MAX(*late, now - due);
}

static void finish(struct replayer *r)
{
	struct op_timer timer;

	replay_let_all_go(r);
	if (!r->sync)
		return;
	timer = replay_begin(r, "sync");
	replay_end(r, &timer, btrfs_sync_fs(r->task, r->workload->fs));
}

static void replay(struct kernel_task *task, void *arg)
{
	struct replayer *r = arg;
	const GArray *events = r->log->events;

	r->task = task;
	prepare(r);
	replay_lay_out(r);
	r->start = sim_now(machine_sim(r->workload->machine));
	for (guint i = 0; i < events->len; i++) {
		const struct trace_event *event = &g_array_index(events, struct trace_event, i);

		wait_for(r, event);
		r->event = i + 1;
		r->step = 0;
		if (replay_is_tree_event(r, event))
			replay_tree_event(r, event);
		else
			replay_file_event(r, event);
	}
	finish(r);
	workload_task_ends(r->workload);
}

static char *describe(const void *arg, uint64_t n)
{
	const struct replayer *r = arg;
	const struct trace_event *event;
	uint64_t i = n >> STEPS_LOG2;

	if (!i || i > r->log->events->len)
		return g_strdup_printf("%s, before the trace begins", r->name);
	event = &g_array_index(r->log->events, struct trace_event, i - 1);
	return g_strdup_printf("%s, line %" G_GUINT64_FORMAT " `%s`", r->name, event->line,
			       event->word);
}

/* ---- metrics ---- */

static const struct sim_metric_def def_skipped = {
	"trace.skipped_lines", "count", SIM_LESS_IS_BETTER, "findings",
	"bad lines of replayed traces that were left out"};
static const struct sim_metric_def def_ignored = {
	"trace.ignored", "count", SIM_NO_DIRECTION, "operations",
	"operations of replayed traces on owners, modes, times and attributes: left out"};
static const struct sim_metric_def def_not_modelled = {
	"trace.not_modelled", "count", SIM_LESS_IS_BETTER, "findings",
	"operations of replayed traces that the model has not: left out, or an empty file stands "
	"for what they make"};
static const struct sim_metric_def def_size = {
	"trace.size_mismatches", "count", SIM_LESS_IS_BETTER, "findings",
	"operations before which the file's size was not what the trace says"};
static const struct sim_metric_def def_late = {
	"trace.late_max_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"longest time that a replayed operation began after its recorded time"};

static const struct sim_metric_def *const metric_defs[] = {
	&def_skipped, &def_ignored, &def_not_modelled, &def_size, &def_late, NULL};

/* One report for all the traces that are replayed. */
static void report(void *arg, struct sim_metrics *metrics)
{
	const struct workload *workload = arg;
	const struct trace_counts *counts = &workload->trace_counts;

	sim_metrics_set(metrics, &def_skipped, def_skipped.name, (int64_t)counts->skipped_lines);
	sim_metrics_set(metrics, &def_ignored, def_ignored.name, (int64_t)counts->ignored);
	sim_metrics_set(metrics, &def_not_modelled, def_not_modelled.name,
			(int64_t)counts->not_modelled);
	sim_metrics_set(metrics, &def_size, def_size.name, (int64_t)counts->size_mismatches);
	if (counts->timed)
		sim_metrics_set(metrics, &def_late, def_late.name, (int64_t)counts->late_max_ns);
}

/* ---- configuration ---- */

static void replayer_free(gpointer arg)
{
	struct replayer *r = arg;

	g_tree_destroy(r->held);
	g_hash_table_destroy(r->made);
	g_string_chunk_free(r->paths);
	g_free(r);
}

static void count_log(struct workload *workload, const struct replay_log *log)
{
	struct trace_counts *counts = &workload->trace_counts;

	if (!workload->traces++)
		workload_on_report(workload, report, workload);
	counts->skipped_lines += log->counts.skipped_lines;
	counts->ignored += log->counts.ignored;
	counts->not_modelled += log->counts.not_modelled;
	for (guint i = 0; i < log->notes->len; i++)
		workload_find(workload, "trace", g_strdup(log->notes->pdata[i]));
}

static void start(struct workload *workload, const char *name, const void *config)
{
	const struct trace_config *c = config;
	struct replayer *r = g_new0(struct replayer, 1);

	*r = (struct replayer){
		.workload = workload,
		.log = c->log,
		.name = name,
		.dir = c->dir ? c->dir : name,
		.key = c->key ? c->key : "",
		.direct = c->direct,
		.sync = c->sync,
		.as_recorded = c->timing == AS_RECORDED,
		.makes_dirs = !c->log->format->trees,
		.one_open = c->log->format->trees,
		.paths = g_string_chunk_new(PATHS_CHUNK_BYTES),
		.held = g_tree_new((GCompareFunc)strcmp),
		.made = g_hash_table_new(g_str_hash, g_str_equal),
	};
	workload_keep(workload, r, replayer_free);
	count_log(workload, c->log);
	workload->trace_counts.timed |= r->as_recorded;
	r->number = workload_spawn(workload, name, replay, r, describe);
}

static bool refuse(GError **error, const char *key, const struct trace_format *format,
		   const char *why)
{
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "'%s': a trace of the form %s %s",
		    key, format->name, why);
	return false;
}

static bool check_form(const struct trace_config *c, const struct trace_format *format,
		       GError **error)
{
	if (c->timing == AS_RECORDED && !format->timed)
		return refuse(error, "timing", format, "tells no times");
	if (c->direct && format->trees)
		return refuse(error, "direct", format, "is received through the page cache");
	if (c->key && *c->key && c->dir && !*c->dir && !format->trees)
		return refuse(error, "key", format, "needs a directory of its own for it");
	return true;
}

static bool check(void *config, GError **error)
{
	struct trace_config *c = config;
	struct replay_source source = {.path = c->file,
				       .skip_bad = c->bad_lines == BAD_SKIP,
				       .lay_out_max = (uint64_t)c->lay_out,
				       .file_bytes = (uint64_t)c->file_bytes};
	char *dir = c->dir;

	if (!strcmp(c->file, "-")) {
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
			    "'file': a trace is not read from standard input");
		return false;
	}
	if (dir) {
		c->dir = replay_model_path(dir);
		g_free(dir);
	}
	source.format = c->form == FORM_BY_CONTENT ? trace_guess(c->file, error)
						   : trace_replay_formats[c->form - 1];
	if (!source.format || !check_form(c, source.format, error))
		return false;
	c->log = replay_log_load(&source, error);
	return c->log;
}

static void clear(void *config)
{
	struct trace_config *c = config;

	replay_log_free(c->log);
}

static const char *form_name(size_t i)
{
	size_t formats = 0;

	if (i == FORM_BY_CONTENT)
		return "by-content";
	while (trace_replay_formats[formats])
		formats++;
	return i <= formats ? trace_replay_formats[i - 1]->name : NULL;
}

static const char *bad_lines_name(size_t i)
{
	static const char *const names[] = {[BAD_FATAL] = "fatal", [BAD_SKIP] = "skip"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

static const char *timing_name(size_t i)
{
	static const char *const names[] = {
		[AS_FAST_AS_POSSIBLE] = "as-fast-as-possible", [AS_RECORDED] = "as-recorded"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

#define AT(field) offsetof(struct trace_config, field)

static const struct sim_param params[] = {
	{"file", SIM_PARAM_FILE, AT(file), 0, 0, NULL, NULL, "the trace"},
	{"form", SIM_PARAM_WORD, AT(form), 0, 0, "by-content", form_name, "what the trace is"},
	{"bad_lines", SIM_PARAM_WORD, AT(bad_lines), 0, 0, "fatal", bad_lines_name,
	 "fatal: a bad line is an error; skip: it is left out and counted"},
	{"timing", SIM_PARAM_WORD, AT(timing), 0, 0, "as-fast-as-possible", timing_name,
	 "whether an operation waits for its recorded time"},
	{"dir", SIM_PARAM_TEXT, AT(dir), 0, 0, "", NULL,
	 "directory that it works in, made if it isn't there: \"/\" is the top; the actor's name "
	 "if "
	 "not given"},
	{"key", SIM_PARAM_TEXT, AT(key), 0, 0, "", NULL,
	 "key under which its files are: added, and the policy of its directory, or of each "
	 "subvolume that it makes; plain if not given"},
	{"direct", SIM_PARAM_BOOL, AT(direct), 0, 1, "false", NULL, "O_DIRECT"},
	{"file_bytes", SIM_PARAM_BYTES, AT(file_bytes), 0, 0, "0", NULL,
	 "iolog: what its files hold at least before it begins, as fio's filesize"},
	{"lay_out", SIM_PARAM_BYTES, AT(lay_out), 0, 0, "4GiB", NULL,
	 "most bytes of a file to write beforehand that the trace reads and has not written"},
	{"sync", SIM_PARAM_BOOL, AT(sync), 0, 1, "true", NULL, "sync the filesystem at the end"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_trace = {
	.name = "trace",
	.summary = "one task that replays a trace: fsx, fio's iolog, btrfs receive --dump",
	.params = params,
	.config_bytes = sizeof(struct trace_config),
	.metrics = metric_defs,
	.check = check,
	.clear = clear,
	.start = start,
};
