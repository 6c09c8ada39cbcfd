/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of scripts in this process, the way the program runs them, for tests with known answers. */
#ifndef TESTS_MODELS_SCRIPT_RUN_H
#define TESTS_MODELS_SCRIPT_RUN_H

#include "models/world.h"

/** Keys of a mix whose operations are visits of files drawn at random: open, read or write all, close. */
#define VISITS                                                                                     \
	"\"file_choice\": \"uniform\", \"open\": \"operation\", \"operation_bytes\": \"1MiB\",\n"

/** Twelve tasks that visit files of an image that is encrypted. */
#define READERS                                                                                    \
	"{\"question\": \"q\", \"machine\": {\"cpus\": 4, \"memory\": \"4GiB\"},\n"                \
	"\"filesystem\": {\"image\": \"debian-12\", \"key\": \"base\"},\n"                         \
	"\"actors\": [{\"kind\": \"mix\", \"tasks\": 12, \"operations\": 20, " VISITS              \
	"\"think\": "                                                                              \
	"\"10us\"}],\n"                                                                            \
	"\"variants\": {\"n\": {\"design\": \"none\"}}}\n"

/** A run asked for: what the command line would say. */
struct script_run {
	const char *text; /* the script; a .json scenario where it begins with '{' */
	const char *path; /* or the file it is in */
	const char *const *sets; /* NULL-terminated, or NULL */
	const char *const *variants; /* NULL-terminated, or NULL: those of the scenario */
	bool keep_dumps;
	bool may_stick; /* it need not come to its end */
};
/** Runs variant number `index`; the test fails if it can't be loaded or doesn't come to its end.
 * Free with world_outcome_clear(). */
struct world_outcome script_run(const struct script_run *run, guint index);
/** The same of a text under one variant; `sets` may be NULL. */
struct world_outcome script_run_under(const char *text, const char *variant,
				      const char *const *sets);
/** A figure that a run must come to; a list of them ends with a NULL metric. */
struct answer {
	const char *metric;
	int64_t value;
};
/** Such a run, which must come to each of these. */
void script_expect(const char *text, const char *variant, const char *const *sets,
		   const struct answer *answers);
/** One figure of such a run. */
int64_t script_figure(const char *text, const char *variant, const char *const *sets,
		      const char *metric);
/** Why it can't be loaded; NULL if it can. The caller frees. */
char *script_run_refusal(const struct script_run *run);
/** The value of a metric; the test fails if it is absent. */
int64_t metric_of(const struct world_outcome *outcome, const char *name);
bool metric_present(const struct world_outcome *outcome, const char *name);
/** Every metric and value, a line each. The caller frees. */
char *metrics_text(const struct world_outcome *outcome);

#endif
