/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run of a stored result, made again, and its events. */
#include "cli/cli.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "models/world.h"
#include "timeline/timeline.h"

/* ---- from a document to its scenario ------------------------------------------------------ */

char *library_scenario(const char *name)
{
	g_autofree char *file = g_strconcat(name, ".json", NULL);
	char *path = scenario_data_path("scenarios", file);

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		g_clear_pointer(&path, g_free);
	return path;
}

bool is_in_library(const struct results_doc *doc)
{
	g_autofree char *path = library_scenario(doc->scenario.name);
	g_autofree char *text = NULL;

	return path && g_file_get_contents(path, &text, NULL, NULL) &&
	       !strcmp(text, doc->scenario.text);
}

char *scenario_beside(const struct results_doc *doc, const char *path)
{
	bool script = doc->scenario.text[0] != '{';
	g_autofree char *file = g_strconcat(doc->scenario.name, script ? "" : ".json", NULL);
	g_autofree char *folder = g_path_get_dirname(path);

	return g_build_filename(folder, file, NULL);
}

/* The setting that a variant has which says nothing of it. */
static const char *usual(const char *key)
{
	for (const struct sim_param *param = cli_registry()->variant_params; param->name; param++)
		if (!strcmp(param->name, key))
			return param->fallback;
	return NULL;
}

char *variant_text(const struct results_variant *variant)
{
	GString *text = g_string_new(variant->name);

	g_string_append_c(text, ':');
	for (guint i = 0; i < variant->settings->len; i++) {
		const struct results_pair *pair = variant->settings->pdata[i];

		if (g_strcmp0(usual(pair->key), pair->value) != 0)
			g_string_append_printf(text, " %s=%s", pair->key, pair->value);
	}
	return g_string_free(text, FALSE);
}

static char *scenario_path(const struct rerun *rerun)
{
	return is_in_library(rerun->doc) ? library_scenario(rerun->doc->scenario.name)
					 : scenario_beside(rerun->doc, rerun->path);
}

static GPtrArray *overrides_of(const struct results_doc *doc)
{
	GPtrArray *sets = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < doc->overrides->len; i++)
		g_ptr_array_add(sets, g_strdup(doc->overrides->pdata[i]));
	return sets;
}

/* Figures that the profile of that name has had since are given way to by those of the document.
 * Sizes are said with a unit, and taken without. */
static guint add_costs(GPtrArray *sets, const struct results_doc *doc,
		       const struct scenario *scenario)
{
	struct results_doc *now = run_document(scenario);
	guint before = sets->len;

	for (guint i = 0; i < doc->costs->len; i++) {
		const struct results_cost *cost = doc->costs->pdata[i];
		size_t length = g_str_has_prefix(cost->name, "sizes.") ? strcspn(cost->value, " ")
								       : strlen(cost->value);

		for (guint k = 0; k < now->costs->len; k++) {
			const struct results_cost *other = now->costs->pdata[k];

			if (!strcmp(other->name, cost->name) && strcmp(other->value, cost->value))
				g_ptr_array_add(sets, g_strdup_printf("%s=%.*s", cost->name,
								      (int)length, cost->value));
		}
	}
	results_doc_free(now);
	return sets->len - before;
}

static struct scenario *load_with(const struct rerun *rerun, GPtrArray *sets, GError **error)
{
	g_autofree char *path = scenario_path(rerun);
	g_autofree char *variant = variant_text(rerun->variant);
	const char *const variants[] = {variant, NULL};
	struct scenario_options options = {
		.variants = rerun->doc->variants_given ? variants : NULL,
		.seed_given = true,
		.seed = rerun->doc->seeds[rerun->replication],
	};
	struct scenario *scenario;

	g_ptr_array_add(sets, NULL);
	options.sets = (const char *const *)sets->pdata;
	scenario =
		scenario_of_text(path, rerun->doc->scenario.text, &options, cli_registry(), error);
	g_ptr_array_set_size(sets, (gint)sets->len - 1);
	return scenario;
}

static struct scenario *load(const struct rerun *rerun, GError **error)
{
	g_autoptr(GPtrArray) sets = overrides_of(rerun->doc);
	struct scenario *scenario = load_with(rerun, sets, error);

	if (!scenario || !add_costs(sets, rerun->doc, scenario))
		return scenario;
	scenario_free(scenario);
	return load_with(rerun, sets, error);
}

static const struct fscrypt_variant *variant_of(const struct scenario *scenario,
						const struct rerun *rerun, GError **error)
{
	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];

		if (!strcmp(variant->name, rerun->variant->name))
			return variant;
	}
	cli_set_error(error, CLI_BAD_INPUT, "%s: its scenario has no variant \"%s\"", rerun->path,
		      rerun->variant->name);
	return NULL;
}

/* ---- running it ----------------------------------------------------------------------------- */

static json_t *head_of(const struct rerun *rerun)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "program", EXTENTSIM_VERSION, "scenario",
			 rerun->doc->scenario.name, "variant", rerun->variant->name, "replication",
			 (json_int_t)rerun->replication, "first", (json_int_t)rerun->first);
}

static json_t *tail_of(const struct world_outcome *outcome, bool same)
{
	return json_pack("{s:I, s:I, s:o, s:b}", "end_ns", (json_int_t)outcome->elapsed_ns,
			 "events", (json_int_t)outcome->events, "digest",
			 json_sprintf("%016" PRIx64, outcome->digest), "as_stored", same);
}

static bool put_line(FILE *file, json_t *line)
{
	bool fine = json_dumpf(line, file, JSON_COMPACT) == 0 && fputc('\n', file) >= 0;

	json_decref(line);
	return fine;
}

static bool run(const struct rerun *rerun, const struct world_options *options, FILE *file,
		bool *same, GError **error)
{
	const struct results_replication *stored = &rerun->variant->replication[rerun->replication];
	struct world_outcome outcome;
	bool fine = put_line(file, head_of(rerun));

	if (!world_run(options, &outcome, error))
		return false;
	*same = outcome.digest == stored->digest && outcome.events == stored->events;
	fine = put_line(file, tail_of(&outcome, *same)) && !fflush(file) && fine;
	if (outcome.interrupted)
		cli_set_error(error, CLI_INTERRUPTED, "interrupted");
	else if (!fine)
		cli_set_error(error, CLI_CANT_WORK, "can't write events: %s", g_strerror(errno));
	fine = fine && !outcome.interrupted;
	world_outcome_clear(&outcome);
	return fine;
}

static bool run_logged(const struct rerun *rerun, const struct scenario *scenario, FILE *file,
		       bool *same, GError **error)
{
	struct world_options options = {
		.scenario = scenario,
		.variant = variant_of(scenario, rerun, error),
		.replication = rerun->doc->seed_replication[rerun->replication],
		.interrupted = interrupt_flag(),
		.tracer = &event_log_tracer,
	};
	struct event_log *log;
	bool fine;
	int err;

	if (!options.variant)
		return false;
	log = event_log_new(file, rerun->first, rerun->last);
	options.tracer_arg = log;
	fine = run(rerun, &options, file, same, error);
	err = event_log_finish(log);
	if (fine && err)
		cli_set_error(error, CLI_CANT_WORK, "can't write events: %s", g_strerror(err));
	return fine && !err;
}

bool rerun_here(const struct rerun *rerun, FILE *file, bool *same, GError **error)
{
	struct scenario *scenario = load(rerun, error);
	bool fine = scenario && run_logged(rerun, scenario, file, same, error);

	scenario_free(scenario);
	return fine;
}

/* ---- by another program --------------------------------------------------------------------- */

/* Appends the file of that name to the stream. */
static bool copy(const char *path, FILE *file, GError **error)
{
	g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, error);
	gsize length = map ? g_mapped_file_get_length(map) : 0;

	if (!map)
		return false;
	if ((length && fwrite(g_mapped_file_get_contents(map), length, 1, file) != 1) ||
	    fflush(file)) {
		cli_set_error(error, CLI_CANT_WORK, "can't write events: %s", g_strerror(errno));
		return false;
	}
	return true;
}

static bool spawn(const char *program, const struct rerun *rerun, const char *path, bool *same,
		  GError **error)
{
	g_autofree char *replication = g_strdup_printf("%u", rerun->replication);
	g_autofree char *window =
		g_strdup_printf("%" PRIu64 "..%" PRIu64, rerun->first, rerun->last);
	const char *const argv[] = {program,
				    "events",
				    rerun->path,
				    "--variant",
				    rerun->variant->name,
				    "--replication",
				    replication,
				    "--window",
				    window,
				    "-o",
				    path,
				    rerun->place ? "--point" : NULL,
				    rerun->place,
				    NULL};
	g_autofree char *said = NULL;
	GError *cause = NULL;
	int status;

	if (!g_spawn_sync(NULL, (char **)argv, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &said,
			  &status, &cause)) {
		cli_set_error(error, CLI_CANT_WORK, "--against %s: %s", program, cause->message);
		g_error_free(cause);
		return false;
	}
	*same = g_spawn_check_wait_status(status, NULL);
	if (*same || (WIFEXITED(status) && WEXITSTATUS(status) == CLI_NO))
		return true;
	cli_set_error(error, CLI_CANT_WORK, "--against %s: it can't tell the events of %s:\n%s",
		      program, rerun->path, g_strchomp(said));
	return false;
}

bool rerun_by(const char *program, const struct rerun *rerun, FILE *file, bool *same,
	      GError **error)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("events-XXXXXX", &path, error);
	bool fine;

	if (fd < 0)
		return false;
	g_close(fd, NULL);
	fine = spawn(program, rerun, path, same, error) && copy(path, file, error);
	g_unlink(path);
	return fine;
}
