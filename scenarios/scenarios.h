/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenarios: the library of scenario files, cost profiles and images, and the one loader that
 * turns a file into a checked, typed `struct scenario`. The names it may accept come from the
 * registries passed in.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "models/workload/workload.h"
#include "scenarios/image.h"

struct scenario_registry {
	const struct actor_kind *const *actor_kinds; /* NULL-terminated */
	const struct sim_param *variant_params;
	bool (*variant_check)(const struct fscrypt_variant *variant, GError **error);
	/** The same, of a variant and the machine that it is to run on. May be NULL. */
	bool (*variant_fits)(const struct fscrypt_variant *variant,
			     const struct machine_config *machine, GError **error);
};

/** A document keeps every replication by its seed: more than this are a typing error. */
enum { SCENARIO_REPLICATIONS_MAX = 10000 };

enum scenario_kind { SCENARIO_TERMINATING, SCENARIO_STEADY };

struct scenario_actor {
	char *name;
	const struct actor_kind *kind;
	void *config; /* of the kind's type */
};

/** A step of an axis: what names it, and the "path=value" that it sets. */
struct scenario_step {
	char *label;
	char **sets; /* NULL-terminated */
};
struct scenario_axis {
	char *name;
	GPtrArray *steps; /* struct scenario_step * */
};
/** Which points a claim is about: one step of an axis. */
struct scenario_place {
	char *axis, *label;
};

/** An assertion on a metric: `variant`'s, compared with a number, with another variant's, or with the
 * figure at another point of the curve; the other side is taken `times` so often. */
struct scenario_expect {
	char *variant, *metric, *relation; /* "==", "!=", "<", "<=", ">", ">=" */
	double value, times;
	char *of; /* another variant, or NULL */
	GArray *at; /* struct scenario_place: of those points only */
	GArray *against; /* struct scenario_place: the steps of the other point; empty: the same */
};

struct scenario {
	const struct scenario_registry *registry; /* that it was loaded with; not owned */
	char *path, *name, *question, *doc;
	char *answer, *depends; /* of the run, with places for its figures; or NULL */
	char *text; /* the file as read */
	/* SHA-256 of the scenario in canonical form: overrides applied, variants in their order,
	 * without $schema, seed, replications and the path of a bare script. */
	char *digest;
	enum scenario_kind kind;

	struct cost_profile *profile;
	struct machine_config machine; /* profile filled in */

	char *image_path; /* NULL: an empty filesystem */
	struct fs_image *image;
	char *image_key; /* the key under which the image's files are encrypted; NULL: plain */

	char *modprobe_path; /* file that modprobe reads; NULL: none of this filesystem */
	bool compress; /* mounted with compress=zstd */
	bool buffer_direct_writes; /* of files with data checksums, as since Linux 6.15 */
	uint32_t data_mirrors; /* copies of all data, each on a device of its own */

	GPtrArray *actors; /* struct scenario_actor * */
	GPtrArray *variants; /* struct fscrypt_variant * */
	bool variants_given; /* by an option, in place of the file's */
	GPtrArray *expect; /* struct scenario_expect * */
	GPtrArray *overrides; /* char *, "path=value" */

	GPtrArray *axes; /* struct scenario_axis *; none for most */
	/* guint *, each the number of a step for every axis, in their order; one point at least. A
	 * scenario of more than one point is run through those of scenario_at_point(). */
	GPtrArray *points;
	char **measure; /* metrics that a table shows, with '*'; NULL-terminated; or NULL */

	uint64_t seed;
	uint32_t replications;
	sim_ns until_ns; /* SIM_NEVER: until every actor has ended */
};

struct scenario_options {
	const char *const *sets; /* NULL-terminated "path=value", or NULL */
	const char *const *variants; /* NULL-terminated "NAME: key=value …": replace the file's */
	const char
		*from; /* the file is a trace of this form, for one trace actor; NULL: it isn't */
	bool seed_given, replications_given;
	uint64_t seed;
	uint32_t replications;
};

/**
 * Loads a scenario: a .json scenario or a bare .ops script (one script actor on the default
 * machine), by path or by the name of a file of the library. The error names file, line, column,
 * the offending value, and the way out.
 */
struct scenario *scenario_load(const char *name_or_path, const struct scenario_options *options,
			       const struct scenario_registry *registry, GError **error);
/** The same from a text, of a script if `path` ends in .ops. The path stands for it in messages, and
 * paths in it are relative to its folder. */
struct scenario *scenario_of_text(const char *path, const char *text,
				  const struct scenario_options *options,
				  const struct scenario_registry *registry, GError **error);
void scenario_free(struct scenario *scenario);
/** The scenario at one of its points: as if loaded anew with --set axes.NAME=STEP for each axis, which
 * its overrides then name. */
struct scenario *scenario_at_point(const struct scenario *scenario, guint point,
				   const struct scenario_options *options, GError **error);
struct scenario_step *scenario_point_step(const struct scenario *scenario, guint point, guint axis);
const struct scenario_axis *scenario_axis_find(const struct scenario *scenario, const char *name);
/** Loads a cost profile by path or by the name of one of the library. */
struct cost_profile *cost_profile_load(const char *name_or_path, GError **error);
/** A profile as the text of its file, laid out as those of the library; the caller frees. Its
 * distributions are constants or quantiles, as every profile's. */
char *cost_profile_text(const struct cost_profile *profile);
/** Where the library's files are: $EXTENTSIM_DATADIR, else the compiled-in place. */
char *scenario_data_path(const char *folder, const char *file);
/** Names, sorted, of the files of a folder of the library that end in `suffix` (".json"): folder
 * "scenarios", "scenarios/profiles" (".json"), "scenarios/images" (".image"). The caller frees with g_strfreev(). */
char **scenario_library(const char *folder, const char *suffix);
/** The i-th table of keys of a scenario file and the section it is of; NULL past the end. */
const struct sim_param *scenario_key_table(size_t i);
const char *scenario_key_section(size_t i);
/** The JSON Schema of a scenario file, made from the tables of the registry; the caller frees. */
char *scenario_schema(const struct scenario_registry *registry);
/** The JSON Schema of a cost profile, made from the kernel's tables; the caller frees. */
char *profile_schema(void);

enum scenario_error { SCENARIO_ERROR_BAD, SCENARIO_ERROR_IO };
#define SCENARIO_ERROR scenario_error_quark()
GQuark scenario_error_quark(void);

#endif
