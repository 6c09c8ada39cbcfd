/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run` of a scenario with axes: every point, each written whole when it ends. */
#include "cli/cli.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static void add_point(struct results_curve *curve, const struct scenario *scenario, guint point)
{
	g_autoptr(GPtrArray) steps = g_ptr_array_new();

	for (guint i = 0; i < scenario->axes->len; i++)
		g_ptr_array_add(steps, scenario_point_step(scenario, point, i)->label);
	g_ptr_array_add(steps, NULL);
	results_curve_add(curve, (const char *const *)steps->pdata, NULL);
}

struct results_curve *curve_of(const struct scenario *scenario)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct results_curve *curve;

	for (guint i = 0; i < scenario->axes->len; i++)
		g_ptr_array_add(names, ((struct scenario_axis *)scenario->axes->pdata[i])->name);
	g_ptr_array_add(names, NULL);
	curve = results_curve_new((const char *const *)names->pdata,
				  (const char *const *)scenario->measure);
	for (guint i = 0; i < scenario->points->len; i++)
		add_point(curve, scenario, i);
	return curve;
}

static struct results_point *point_at(const struct results_curve *curve, guint i)
{
	return curve->points->pdata[i];
}

/* A curve on its way. */
struct run {
	const struct scenario *scenario; /* of the whole curve */
	const struct run_options *options;
	struct results_curve *curve;
	GPtrArray *scenarios; /* struct scenario *, of each point */
	GArray *to_run; /* struct run_point: those that are not there yet */
	guint found; /* points that an earlier run has left */
};

/* "extents=100,pool=8.json": labels hold nothing that a path could mind. */
static char *point_name(const struct run *run, guint point)
{
	g_autofree char *place = results_point_place(run->curve, point_at(run->curve, point));

	return g_strconcat(place, ".json", NULL);
}

static char *point_path(const struct run *run, guint point)
{
	g_autofree char *name = point_name(run, point);

	return g_build_filename(run->options->output, name, NULL);
}

/* A program that was built since may come to other figures under the same version. */
static bool older_than_program(const char *path)
{
	GStatBuf program, point;

	return g_stat("/proc/self/exe", &program) || g_stat(path, &point) ||
	       point.st_mtime < program.st_mtime;
}

/* The document that an earlier run has left of the very same runs, or NULL. */
static struct results_doc *read_earlier(const struct run *run, guint point,
					const struct results_doc *fresh)
{
	g_autofree char *path = run->options->output ? point_path(run, point) : NULL;
	struct results_doc *doc = NULL;

	if (path && !older_than_program(path))
		doc = results_read(path, NULL);
	if (doc && results_complete(doc) && results_same_runs(doc, fresh))
		return doc;
	if (doc)
		results_doc_free(doc);
	return NULL;
}

static bool add_scenario(struct run *run, guint point, GError **error)
{
	struct scenario_options load = run_scenario_options(run->options);
	struct scenario *scenario = scenario_at_point(run->scenario, point, &load, error);
	struct results_doc *doc, *earlier;

	if (!scenario)
		return false;
	g_ptr_array_add(run->scenarios, scenario);
	doc = run_document(scenario);
	earlier = read_earlier(run, point, doc);
	if (earlier) {
		results_doc_free(doc);
		run->found++;
	} else {
		struct run_point to_run = {.scenario = scenario, .doc = doc, .number = point};

		g_array_append_val(run->to_run, to_run);
	}
	point_at(run->curve, point)->doc = earlier ? earlier : doc;
	return true;
}

static bool write_point(void *arg, struct run_point *point, GError **error)
{
	const struct run *run = arg;
	struct results_write_options write = {.include_host = run->options->include_host};
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *path = NULL;

	if (!run->options->output)
		return true;
	path = point_path(run, point->number);
	results_emit(point->doc, &write, text);
	return output_text(path, text->str, error);
}

/* Points that were not run whole are no points. */
static void drop_unfinished(struct results_curve *curve)
{
	for (guint i = 0; i < curve->points->len; i++) {
		struct results_point *point = point_at(curve, i);

		if (point->doc && !results_complete(point->doc))
			g_clear_pointer(&point->doc, results_doc_free);
	}
}

static guint points_done(const struct results_curve *curve)
{
	guint done = 0;

	for (guint i = 0; i < curve->points->len; i++)
		done += point_at(curve, i)->doc != NULL;
	return done;
}

static int conclude(const struct scenario *scenario, const struct run_options *options,
		    const struct results_curve *curve)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct verdict verdict;
	GError *error = NULL;

	if (!show_curve(scenario, options, options->format, isatty(STDOUT_FILENO), curve, out,
			&verdict, &error) ||
	    !output_text(NULL, out->str, &error))
		return cli_fail(error);
	if (!verdict.whole)
		cli_message("note", "interrupted: %u of %u points are done%s", points_done(curve),
			    curve->points->len,
			    options->output ? "; the same command goes on from there"
					    : "; with -o FOLDER they would be kept");
	return verdict_status(&verdict);
}

static bool names_fit(const struct run *run, GError **error)
{
	for (guint i = 0; i < run->scenario->points->len; i++) {
		g_autofree char *name = point_name(run, i);

		if (strlen(name) + strlen(OUTPUT_TEMPORARY) <= NAME_MAX)
			continue;
		cli_set_error(error, CLI_BAD_INPUT,
			      "no file can have a name as long as %s\n"
			      "give the axes shorter names, or run it without -o",
			      name);
		return false;
	}
	return true;
}

/* Before anything runs, so that a place that can't be written is not found out after an hour. */
static bool make_folder(const struct run *run, GError **error)
{
	const char *path = run->options->output;

	if (!path)
		return true;
	if (!names_fit(run, error))
		return false;
	if (g_mkdir_with_parents(path, 0777) == 0 && access(path, W_OK | X_OK) == 0)
		return true;
	cli_set_error(error, errno == EEXIST || errno == ENOTDIR ? CLI_BAD_INPUT : CLI_CANT_WORK,
		      "can't write into the folder %s: %s\n"
		      "a scenario with axes writes one document for each point into it",
		      path, g_strerror(errno));
	return false;
}

static bool load_points(struct run *run, GError **error)
{
	for (guint i = 0; i < run->scenario->points->len && !*interrupt_flag(); i++)
		if (!add_scenario(run, i, error))
			return false;
	if (run->found && !run->options->quiet)
		cli_message("note", "%u of %u points were there already", run->found,
			    run->scenario->points->len);
	return true;
}

static bool load_and_run(struct run *run, GError **error)
{
	return make_folder(run, error) && load_points(run, error) &&
	       run_points((struct run_point *)(void *)run->to_run->data, run->to_run->len,
			  run->options, write_point, run, error);
}

struct results_curve *curve_run(const struct scenario *scenario, const struct run_options *options,
				GError **error)
{
	struct run run = {
		.scenario = scenario,
		.options = options,
		.curve = curve_of(scenario),
		.scenarios = g_ptr_array_new_with_free_func((GDestroyNotify)scenario_free),
		.to_run = g_array_new(false, false, sizeof(struct run_point)),
	};

	if (load_and_run(&run, error))
		drop_unfinished(run.curve);
	else
		g_clear_pointer(&run.curve, results_curve_free);
	g_array_unref(run.to_run);
	g_ptr_array_unref(run.scenarios);
	return run.curve;
}

int run_curve(const struct scenario *scenario, const struct run_options *options)
{
	GError *error = NULL;
	struct results_curve *curve = curve_run(scenario, options, &error);
	int status;

	if (!curve)
		return cli_fail(error);
	status = conclude(scenario, options, curve);
	results_curve_free(curve);
	return status;
}
