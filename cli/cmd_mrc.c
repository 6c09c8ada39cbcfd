/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim mrc`: the miss-ratio curve of the key cache over a trace. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "models/trace/trace.h"
#include "plot/plot.h"

/* btrfs's sector and the page of most machines. */
enum { UNIT_BYTES = 4096 };

enum mrc_format { MRC_TEXT, MRC_JSON };
struct mrc_run {
	const char *path;
	const struct trace_format *from;
	struct mrc_options options;
	GArray *sizes; /* uint64_t */
	enum mrc_format format;
	bool skip_bad, policy_given;
	uint64_t skipped;
};

/* The options as GOption gives them. */
struct raw_mrc {
	char *from, *policy, *sizes, *unit, *format, *on_error, *output, *plots;
};

static void raw_clear(struct raw_mrc *raw)
{
	g_free(raw->from);
	g_free(raw->policy);
	g_free(raw->sizes);
	g_free(raw->unit);
	g_free(raw->format);
	g_free(raw->on_error);
	g_free(raw->output);
	g_free(raw->plots);
}

/* ---- output ------------------------------------------------------------------------------- */

static char *json_text(const struct mrc_run *run, const struct mrc *mrc)
{
	GString *out = g_string_new(NULL);

	g_string_printf(out, "{\"accesses\":%" PRIu64 ",\"keys\":%" PRIu64 ",\"curve\":[",
			mrc->accesses, mrc->keys);
	for (guint i = 0; i < mrc->curve->len; i++) {
		const struct mrc_point *point = &g_array_index(mrc->curve, struct mrc_point, i);

		g_string_append_printf(out,
				       "%s\n{\"size\":%" PRIu64 ",\"hits\":%" PRIu64
				       ",\"misses\":%" PRIu64 "}",
				       i ? "," : "", point->size, point->hits, point->misses);
	}
	g_string_append_printf(out, "],\n\"policy\":\"%s\",\"from\":\"%s\"",
			       mrc_policy_name(run->options.policy), run->from->name);
	if (!run->from->objects)
		g_string_append_printf(out, ",\"unit_bytes\":%" PRIu64, run->options.unit_bytes);
	g_string_append_printf(
		out, ",\"keyless\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"upper_bound\":%s}\n",
		mrc->keyless, run->skipped, run->from->above_page_cache ? "true" : "false");
	return g_string_free(out, FALSE);
}

/* hits or misses over accesses, in ten-thousandths, rounded to the nearest. */
static unsigned int ratio(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned int)((part * 10000 + whole / 2) / whole) : 0;
}

static char *plain_text(const struct mrc_run *run, const struct mrc *mrc)
{
	GString *out = g_string_new(NULL);

	g_string_printf(out, "%s: %" PRIu64 " accesses of %" PRIu64 " keys",
			mrc_policy_name(run->options.policy), mrc->accesses, mrc->keys);
	if (!run->from->objects)
		g_string_append_printf(out, ", a key for each %" PRIu64 " bytes",
				       run->options.unit_bytes);
	g_string_append_printf(out, "\n\n%12s %14s %14s %11s\n", "size", "hits", "misses",
			       "miss ratio");
	for (guint i = 0; i < mrc->curve->len; i++) {
		const struct mrc_point *point = &g_array_index(mrc->curve, struct mrc_point, i);
		unsigned int r = ratio(point->misses, mrc->accesses);

		g_string_append_printf(out, "%12" PRIu64 " %14" PRIu64 " %14" PRIu64 " %6u.%04u\n",
				       point->size, point->hits, point->misses, r / 10000,
				       r % 10000);
	}
	if (run->from->above_page_cache)
		g_string_append(out, "\nAn upper bound: a request that the page cache answers "
				     "reaches no key.\n");
	if (run->skipped)
		g_string_append_printf(out, "\nBad lines skipped: %" PRIu64 ".\n", run->skipped);
	return g_string_free(out, FALSE);
}

/* ---- work --------------------------------------------------------------------------------- */

static void report_bad_line(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "%s\n", message);
}

static void remark(const struct mrc_run *run, const struct mrc *mrc)
{
	if (run->skipped)
		cli_message("warning", "bad lines skipped: %" PRIu64, run->skipped);
	if (!mrc->accesses)
		cli_message("warning", "%s: the trace reaches no key", run->path);
}

static struct mrc *compute(struct mrc_run *run, GError **error)
{
	const struct trace_options options = {
		.format = run->from,
		.skip_bad = run->skip_bad,
		.report = report_bad_line,
		.interrupted = interrupt_flag(),
	};
	struct trace *trace = trace_open(run->path, &options, error);
	struct mrc *mrc;

	if (!trace)
		return NULL;
	mrc = mrc_compute(trace, &run->options, error);
	run->skipped = trace_skipped(trace);
	trace_close(trace);
	return mrc;
}

/* ---- the picture -------------------------------------------------------------------------- */

static void add_curve(GArray *curves, const struct mrc_run *run, const struct mrc *mrc)
{
	uint64_t *sizes = g_new(uint64_t, mrc->curve->len),
		 *misses = g_new(uint64_t, mrc->curve->len);
	struct plot_misses curve = {mrc_policy_name(run->options.policy), sizes, misses,
				    mrc->curve->len, mrc->accesses};

	for (guint i = 0; i < mrc->curve->len; i++) {
		sizes[i] = g_array_index(mrc->curve, struct mrc_point, i).size;
		misses[i] = g_array_index(mrc->curve, struct mrc_point, i).misses;
	}
	g_array_append_val(curves, curve);
}

static void clear_curve(void *data)
{
	struct plot_misses *curve = data;

	g_free((void *)curve->size);
	g_free((void *)curve->misses);
}

static bool write_picture(const struct mrc_run *run, const GArray *curves, const char *folder,
			  GError **error)
{
	g_autoptr(GPtrArray) plots = g_ptr_array_new_with_free_func((GDestroyNotify)plot_free);

	g_ptr_array_add(plots, plot_of_misses((const struct plot_misses *)(void *)curves->data,
					      curves->len, run->from->above_page_cache));
	return plots_write(plots, folder, PLOT_SVG, error);
}

/* Draws what was computed and, unless a policy was asked for, the others: the trace is read again. */
static bool draw(struct mrc_run *run, const struct mrc *first, const char *folder, GError **error)
{
	g_autoptr(GArray) curves = g_array_new(FALSE, FALSE, sizeof(struct plot_misses));
	const struct mrc_policy *own = run->options.policy;
	bool others = !run->policy_given && strcmp(run->path, "-") != 0, fine = true;

	if (!first->accesses)
		return true;
	g_array_set_clear_func(curves, clear_curve);
	add_curve(curves, run, first);
	for (size_t i = 0; fine && others && mrc_policies[i]; i++) {
		struct mrc *mrc;

		run->options.policy = mrc_policies[i];
		if (mrc_policies[i] == own)
			continue;
		mrc = compute(run, error);
		fine = mrc;
		if (mrc) {
			add_curve(curves, run, mrc);
			mrc_free(mrc);
		}
	}
	run->options.policy = own;
	return fine && write_picture(run, curves, folder, error);
}

static bool work(struct mrc_run *run, const struct raw_mrc *raw, GError **error)
{
	struct mrc *mrc = compute(run, error);
	g_autofree char *text = NULL;
	bool fine;

	if (!mrc)
		return false;
	remark(run, mrc);
	text = run->format == MRC_JSON ? json_text(run, mrc) : plain_text(run, mrc);
	fine = !raw->plots || draw(run, mrc, raw->plots, error);
	mrc_free(mrc);
	return fine && output_text(raw->output, text, error);
}

/* ---- options ------------------------------------------------------------------------------ */

/* The index of the word that an option was given, the first if it was not. Frees the names. */
static bool pick(const char *option, const char *text, GPtrArray *names, size_t *index,
		 GError **error)
{
	bool fine;

	g_ptr_array_add(names, NULL);
	*index = 0;
	fine = !text || cli_word(option, text, (const char *const *)names->pdata, index, error);
	g_ptr_array_unref(names);
	return fine;
}

static bool pick_from(const char *text, struct mrc_run *run, GError **error)
{
	GPtrArray *names = g_ptr_array_new();
	size_t i;

	for (i = 0; trace_formats[i]; i++)
		g_ptr_array_add(names, (gpointer)trace_formats[i]->name);
	if (!pick("--from", text, names, &i, error))
		return false;
	run->from = trace_formats[i];
	return true;
}

static bool pick_policy(const char *text, struct mrc_run *run, GError **error)
{
	GPtrArray *names = g_ptr_array_new();
	size_t i;

	for (i = 0; mrc_policies[i]; i++)
		g_ptr_array_add(names, (gpointer)mrc_policy_name(mrc_policies[i]));
	if (!pick("--policy", text, names, &i, error))
		return false;
	run->options.policy = mrc_policies[i];
	return true;
}

static bool take_sizes(const char *text, struct mrc_run *run, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);

	for (char **word = words; *word; word++) {
		uint64_t size;

		if (!cli_number("--sizes", *word, 1, INT64_MAX, &size, error))
			return false;
		g_array_append_val(run->sizes, size);
	}
	if (!run->sizes->len)
		cli_set_error(error, CLI_BAD_INPUT, "--sizes: expected numbers such as 10,100");
	run->options.sizes = (const uint64_t *)(void *)run->sizes->data;
	run->options.size_count = run->sizes->len;
	return run->sizes->len;
}

static bool take_unit(const char *text, struct mrc_run *run, GError **error)
{
	if (run->from->objects) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--unit: a trace in the form \"%s\" names its keys itself",
			      run->from->name);
		return false;
	}
	return cli_number("--unit", text, 1, INT64_MAX, &run->options.unit_bytes, error);
}

static bool take_operand(int argc, char **argv, struct mrc_run *run, GError **error)
{
	if (argc == 2) {
		run->path = argv[1];
		return true;
	}
	if (argc < 2)
		cli_set_error(error, CLI_BAD_INPUT,
			      "no trace given\n"
			      "it is a file, or - for standard input");
	else
		cli_set_error(error, CLI_BAD_INPUT, "one trace at a time: \"%s\" is too many",
			      argv[2]);
	return false;
}

static bool convert(const struct raw_mrc *raw, struct mrc_run *run, GError **error)
{
	static const char *const formats[] = {"text", "json", NULL};
	static const char *const on_error[] = {"fail", "skip", NULL};
	size_t format = MRC_TEXT, skip = 0;

	if (!pick_from(raw->from, run, error) || !pick_policy(raw->policy, run, error) ||
	    (raw->sizes && !take_sizes(raw->sizes, run, error)) ||
	    (raw->unit && !take_unit(raw->unit, run, error)) ||
	    (raw->format && !cli_word("--format", raw->format, formats, &format, error)) ||
	    (raw->on_error && !cli_word("--on-error", raw->on_error, on_error, &skip, error)))
		return false;
	run->format = (enum mrc_format)format;
	run->skip_bad = skip;
	run->policy_given = raw->policy;
	return true;
}

static char *about_text(void)
{
	GString *out = g_string_new(
		"The key cache's miss-ratio curve: how many accesses of a trace hit and miss in a "
		"cache\nof so many keys. An access is an object of a key trace (keys, "
		"oracleGeneral), else each\nblock of 4096 bytes of a file or device that a read or "
		"write touches.\n\nForms of a trace (--from):\n");

	for (size_t i = 0; trace_formats[i]; i++)
		g_string_append_printf(out, "  %-14s %s\n", trace_formats[i]->name,
				       trace_formats[i]->summary);
	g_string_append(
		out,
		"\nLRU is computed for all sizes at once, FIFO and CLOCK are simulated for each. "
		"CLOCK\ninserts with the reference bit clear: only a hit sets it.\n\n"
		"iolog and fsx are recorded above the page cache. A hit there reaches no key, so "
		"their\ncurve is an upper bound, and says so.");
	return g_string_free(out, FALSE);
}

static enum cli_parsed parse(int *argc, char ***argv, struct raw_mrc *raw, GError **error)
{
	const GOptionEntry entries[] = {
		{"from", 0, 0, G_OPTION_ARG_FILENAME, &raw->from,
		 "Form of the trace; keys by default", "FORM"},
		{"policy", 0, 0, G_OPTION_ARG_FILENAME, &raw->policy,
		 "lru, fifo or clock; lru by default", "POLICY"},
		{"sizes", 0, 0, G_OPTION_ARG_FILENAME, &raw->sizes,
		 "Sizes in keys; powers of two up to the number of keys by default", "N,N,..."},
		{"unit", 0, 0, G_OPTION_ARG_FILENAME, &raw->unit,
		 "Bytes of file or device to a key; 4096 by default", "BYTES"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &raw->format, "text or json", "FORMAT"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{"plots", 0, 0, G_OPTION_ARG_FILENAME, &raw->plots,
		 "Draw the curve into a folder, of every policy unless --policy names one", "DIR"},
		{"on-error", 0, 0, G_OPTION_ARG_FILENAME, &raw->on_error,
		 "At a bad line: fail (default), or report, count and skip it", "skip|fail"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	g_autofree char *about = about_text();

	return cli_parse(argc, argv, entries, "TRACE", about, error);
}

int cmd_mrc(int argc, char **argv)
{
	struct raw_mrc raw = {.from = NULL};
	struct mrc_run run = {
		.options = {.unit_bytes = UNIT_BYTES, .interrupted = interrupt_flag()},
		.sizes = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
	};
	GError *error = NULL;
	enum cli_parsed parsed = parse(&argc, &argv, &raw, &error);

	if (parsed == CLI_PARSED_GO && (!take_operand(argc, argv, &run, &error) ||
					!convert(&raw, &run, &error) || !work(&run, &raw, &error)))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	raw_clear(&raw);
	g_array_free(run.sizes, TRUE);
	return parsed == CLI_PARSED_ERROR ? (int)cli_fail(error) : CLI_YES;
}
