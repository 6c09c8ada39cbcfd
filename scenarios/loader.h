/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader's files share. A value is named by its JSON pointer; only when an error is
 * written is the text walked along the pointer for its line and column.
 */
#ifndef SCENARIOS_LOADER_H
#define SCENARIOS_LOADER_H

#include "scenarios/scenarios.h"

#include <jansson.h>

/* Larger than any scenario a person writes; keeps a file of brackets from taking the memory. */
#define SOURCE_BYTES_MAX ((size_t)16 << 20)

/** A text and where it came from. */
struct source {
	char *path; /* as given; shown in messages */
	char *text; /* NUL-terminated, valid UTF-8, no NUL inside */
	size_t length;
};
/** Reads a file ("-": standard input) whole; `what` names it in errors ("scenario"). */
bool source_read(struct source *source, const char *path, const char *what, GError **error);
void source_clear(struct source *source);
/** Parses JSON whose top is an object. */
json_t *source_json(const struct source *source, GError **error);
/** Line and column (from 1, in characters) of the value at a JSON pointer, or of its key. The
 * deepest existing ancestor stands in for what is not there. */
void source_locate(const struct source *source, const char *pointer, bool key, unsigned *line,
		   unsigned *column);

/** Where a value was set on the command line. */
struct override {
	char *pointer, *origin; /* origin: "--set machine.cpus=0" */
	bool of_axis; /* the file's own words, which take the form of --set */
};

/** A document being read: the place reached, and what the command line changed. */
struct loader {
	struct source source;
	json_t *root;
	GString *at; /* JSON pointer */
	GPtrArray *overrides; /* struct override * */
	bool variants_replaced; /* by --variant */
	bool in_axis; /* what is set now, an axis sets */
	bool synthesised; /* made from a bare script: the text is the script's */
};
void loader_init(struct loader *loader);
void loader_clear(struct loader *loader);
/** Goes down into a member or an element; loader_leave() with what was returned comes back. */
size_t loader_enter(struct loader *loader, const char *key);
size_t loader_enter_index(struct loader *loader, size_t index);
void loader_leave(struct loader *loader, size_t mark);
void loader_override(struct loader *loader, const char *pointer, const char *origin);
/** The option that set the place reached, or NULL. */
const char *loader_override_here(const struct loader *loader);
/** The file beside which a path belongs that stands at the place reached; NULL: it is of an option and
 * belongs to the working directory. */
const char *loader_beside(const struct loader *loader);
/** Sets an error at the place reached: "FILE:LINE:COL: error: …"; returns false. */
bool loader_fail(const struct loader *loader, GError **error, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/** The same at the key, not the value, of the place reached. */
bool loader_fail_key(const struct loader *loader, GError **error, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/** Puts the place reached, or the option that changed something there, before the message of an
 * error from elsewhere; frees that. */
bool loader_prefix(const struct loader *loader, GError *cause, GError **error);

/** Checks that the value at the place is of the type; says what it is otherwise. */
bool read_is_object(const struct loader *loader, const json_t *json, GError **error);
bool read_is_array(const struct loader *loader, const json_t *json, GError **error);
/** Reads one value into its row's place. */
bool read_value(struct loader *loader, const struct sim_param *param, const json_t *json,
		void *config, GError **error);
/**
 * Reads an object by its table: defaults, then each member; refuses unknown keys, except those of
 * `sections` (NULL-terminated, may be NULL), "doc" and those of `sections` are the caller's.
 * `what` names the object in messages.
 */
bool read_object(struct loader *loader, const json_t *json, const struct sim_param *table,
		 const char *const *sections, const char *what, void *config, GError **error);
/** A text as the JSON that its row reads, as far as the text can be that. */
json_t *json_of_text(const struct sim_param *param, const char *text);

/* ---- the keys of a scenario ------------------------------------------------------------- */

struct scenario_keys {
	char *name, *question, *doc, *answer, *depends;
	int64_t kind, scale_times, seed, replications, until_ns;
};
struct machine_keys {
	char *profile;
	int64_t cpus, memory_bytes, devices, device_channels;
	int64_t dirty_background_permille, dirty_permille, flushers, spread;
	char *modules_absent;
};
struct filesystem_keys {
	char *image, *key, *modprobe_path;
	int64_t compress, buffer_direct_writes, data_mirrors;
};
struct actor_keys {
	char *name, *kind;
};
struct axis_keys {
	char *name;
	int64_t step, factor;
};
struct expect_keys {
	char *variant, *metric, *of;
	int64_t relation;
};
extern const struct sim_param scenario_params[], machine_params[], filesystem_params[],
	actor_params[], axis_params[], expect_params[];
extern const struct sim_param profile_params[], profile_entry_params[];
extern const char *const scenario_sections[]; /* "machine", "costs", … */
extern const char *const axis_sections[]; /* "values", "range", … */
extern const char *const expect_sections[]; /* "value": a number or a text with a unit; "at", … */
extern const char *const relation_words[];
const struct actor_kind *actor_kind_find(const struct scenario_registry *registry,
					 const char *name);
/** The known kinds as a list of names; the caller frees the list only. */
const char **actor_kind_names(const struct scenario_registry *registry);
/** Index of a name in kernel_cost_table or kernel_size_table, or -1. */
int kernel_name_index(const struct kernel_name *table, size_t n, const char *name);
const char *kernel_name_nearest(const struct kernel_name *table, size_t n, const char *name);

/* ---- the parts of the loader ------------------------------------------------------------- */

/** A path as seen from the folder of the file `beside`, or as it is (NULL); the caller frees. */
char *path_beside(const char *name, const char *beside);
/** The path of a file of the library by name, or of a file by path; the caller frees. `beside`:
 * the file to whose folder a relative path belongs, or NULL. */
char *library_find(const char *folder, const char *suffix, const char *what, const char *name,
		   const char *beside, GError **error);
/** Applies "path=value" to the tree. */
bool scenario_set(struct loader *loader, const struct scenario_registry *registry,
		  const char *assignment, GError **error);
/** Replaces the variants by those of "NAME: key=value …". */
bool scenario_replace_variants(struct loader *loader, const struct sim_param *params,
			       const char *const *variants, GError **error);
/** Puts the values of "params" in place of every "${name}". */
bool scenario_fill_params(struct loader *loader, GError **error);
/** Reads the axes, sets those of one step, and makes the points of their product. */
bool scenario_read_axes(struct loader *loader, struct scenario *scenario, GError **error);
void scenario_axis_free(gpointer axis);
/** Makes the points of the axes read, less those of "exclude". */
bool scenario_make_points(struct loader *loader, struct scenario *scenario, GError **error);
/** Whether a value, or one of a list, is what the label of a step says. */
bool scenario_names_step(const json_t *only, const char *label);
/** Whether an option may set the path ("path" or "path=value"): none that an axis sets. */
bool scenario_check_option(const struct scenario *scenario, const char *option, const char *path,
			   GError **error);
/** Whether the keys of the object at the place are names of axes. */
bool scenario_check_axis_names(struct loader *loader, const struct scenario *scenario,
			       const json_t *json, GError **error);
enum scenario_step_found { SCENARIO_STEP_THERE, SCENARIO_STEP_GONE, SCENARIO_STEP_WRONG };
/** Whether the axis has a step, has lost it to --set, or never had it, which is an error. */
enum scenario_step_found scenario_check_step(const struct loader *loader,
					     const struct scenario_axis *axis, const char *label,
					     GError **error);
/** What names a step that has this value; the caller frees. */
char *scenario_step_label(const json_t *value);
/** The cost profile as it is shipped, before the scenario changes entries of it. */
struct cost_profile *scenario_base_profile(struct loader *loader, GError **error);
bool scenario_read_variants(struct loader *loader, const struct scenario_registry *registry,
			    struct scenario *scenario, GError **error);
bool scenario_fit_variants(struct loader *loader, const struct scenario_registry *registry,
			   const struct scenario *scenario, GError **error);
bool scenario_read_actors(struct loader *loader, const struct scenario_registry *registry,
			  struct scenario *scenario, GError **error);
void scenario_free_variants(struct scenario *scenario, const struct sim_param *params);
/** Reads the filesystem's keys and its image. */
bool scenario_read_filesystem(struct loader *loader, struct scenario *scenario, GError **error);
struct cost_profile *cost_profile_load_beside(const char *name_or_path, const char *beside,
					      GError **error);
bool scenario_read_expect(struct loader *loader, struct scenario *scenario, GError **error);
/** Reads machine, costs and sizes; loads the profile. */
bool scenario_read_machine(struct loader *loader, struct scenario *scenario, int64_t scale_times,
			   GError **error);
/** The name of an actor as the file gives it: "name", else "kind", else "". */
const char *actor_json_name(const json_t *actor);
void scenario_actor_free(gpointer actor);
void scenario_expect_free(gpointer expect);
/** SHA-256 of a document in canonical form. */
char *json_digest(const json_t *json);

#endif
