/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz: random operation scripts under random variants, judged by what may never be found, and
 * shrunk to the few lines that matter. See docs/fuzzing.md.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "models/fscrypt/fscrypt.h"

enum { FUZZ_ACTORS_MAX = 4 };

/** One operation of one actor. */
struct fuzz_line {
	uint32_t actor;
	char *text;
};

/** All that a run is made of: the same case is the same run. */
struct fuzz_case {
	uint64_t seed; /* of the scenario's random streams */
	uint32_t cpus, mirrors; /* of data, each on a device of its own */
	uint64_t memory_mib;
	bool flushers, spread, compress, buffer_direct_writes;
	char *variant; /* "key=value …" */
	GPtrArray *lines; /* struct fuzz_line *, those of one actor in their order */
};
struct fuzz_case *fuzz_case_new(void);
struct fuzz_case *fuzz_case_copy(const struct fuzz_case *from);
void fuzz_case_free(struct fuzz_case *c);
void fuzz_case_add(struct fuzz_case *c, uint32_t actor, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/** Actors that have a line. */
uint32_t fuzz_case_actors(const struct fuzz_case *c);

/* ---- generate.c ---- */

struct fuzz_options {
	uint32_t operations; /* of all actors of a case together */
	const char *variant; /* NULL: drawn */
	bool sound_only; /* draw no variant of which something is expected */
};
/** The case of a seed. Operations that the script language does not have are left out. */
struct fuzz_case *fuzz_generate(uint64_t seed, const struct fuzz_options *options);

/* ---- sound.c ---- */

/** A choice of which findings are expected, and why. */
struct fuzz_exception {
	const char *when; /* "key=value …", all of which the variant has; "" is every one */
	const char *kind; /* of finding */
	const char *why;
};
extern const struct fuzz_exception fuzz_exceptions[]; /* ends with when == NULL */
/** Draws a variant that may be, as "key=value …"; the caller frees. */
char *fuzz_draw_variant(uint64_t *state, bool sound_only);
/** Whether the text names a variant that may be. */
bool fuzz_variant_possible(const char *text);
/** Whether a finding of this kind is one of the variant's exceptions. */
bool fuzz_expected(const char *variant, const char *kind);
/** Whether the variant has no exception of its own. */
bool fuzz_sound(const char *variant);
/** The next draw of a stream, below `below`. */
uint32_t fuzz_draw(uint64_t *state, uint32_t below);

/* ---- run.c ---- */

struct fuzz_finding {
	char *kind, *text;
};
struct fuzz_verdict {
	GPtrArray *findings; /* struct fuzz_finding * */
	char *refused; /* why it could not be run; NULL: it was */
};
/** Runs the case, then cleans up and looks for what stays behind. A failed assertion ends the
 * process. */
struct fuzz_verdict fuzz_run(const struct fuzz_case *c);
/** The same in a process of its own: a crash or an endless loop is a finding too. */
struct fuzz_verdict fuzz_run_apart(const struct fuzz_case *c);
void fuzz_verdict_clear(struct fuzz_verdict *verdict);
/** The first finding that the variant does not excuse; NULL: none. `kind` not NULL: the first of that
 * kind, excused or not. */
const struct fuzz_finding *fuzz_first(const struct fuzz_case *c, const struct fuzz_verdict *verdict,
				      const char *kind);

/* ---- shrink.c ---- */

typedef struct fuzz_verdict (*fuzz_runner)(const struct fuzz_case *c);
/** Makes the case smaller as long as a finding of the kind stays: lines (ddmin), actors, numbers, the
 * variant, the machine. `runs` is the most runs to spend, and gets those spent. */
void fuzz_shrink(struct fuzz_case *c, const char *kind, fuzz_runner run, uint32_t *runs);

/* ---- write.c ---- */

/** The case as a scenario file; the variant stands on the command line. */
char *fuzz_scenario_json(const struct fuzz_case *c);
/** Writes FOLDER/NAME.ops (one actor) or NAME.json and returns the command line that runs it. */
char *fuzz_write(const struct fuzz_case *c, const char *folder, const char *name);

#endif
