/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate: the model held against what is known without it: closed forms, other algorithms, recordings
 * of real kernels, and this machine. Each check says what was expected, from which source, and what was
 * obtained. The room stands on all others but cli, and prints nothing: it fills a report.
 */
#ifndef VALIDATE_H
#define VALIDATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define VALIDATE_ERROR validate_error_quark()
GQuark validate_error_quark(void);
enum validate_error {
	VALIDATE_ERROR_INPUT, /* no such group; a recording or a script that is none: exit status 2 */
	VALIDATE_ERROR_IO, /* could not be read, written, mounted, started: 5 */
	VALIDATE_ERROR_INTERRUPTED, /* validate_run() takes it for an end */
};

enum validate_verdict {
	VALIDATE_HOLDS,
	VALIDATE_FAILS,
	VALIDATE_SKIPPED, /* can't be checked here; the note says why */
};
const char *validate_verdict_name(enum validate_verdict verdict);

/** One line of the report. Figures are words, with their unit; "" where there is none to tell. */
struct validate_check {
	const char *group; /* of the list of groups */
	char *what;
	char *expected, *obtained;
	char *interval; /* what is accepted, or the interval of what was obtained */
	char *source; /* where the expectation comes from */
	char *note; /* why it failed or was skipped; may have several lines */
	enum validate_verdict verdict;
};

struct validate_report {
	const char *group; /* checks added belong to it */
	GPtrArray *checks; /* struct validate_check * */
};
struct validate_report *validate_report_new(void);
void validate_report_free(struct validate_report *report);
/** How many checks have the verdict. */
guint validate_count(const struct validate_report *report, enum validate_verdict verdict);

/** Adds a check of two integers that must be equal. `unit` is "" or as metrics have it. */
struct validate_check *validate_equal(struct validate_report *report, const char *what,
				      int64_t expected, int64_t obtained, const char *unit,
				      const char *source);
/** Adds a check that low <= obtained <= high. */
struct validate_check *validate_between(struct validate_report *report, const char *what,
					double expected, double obtained, double low, double high,
					const char *unit, const char *source);
/** Adds a check of words that must be equal. */
struct validate_check *validate_same(struct validate_report *report, const char *what,
				     const char *expected, const char *obtained,
				     const char *source);
/** Adds one that can't be made here. */
struct validate_check *validate_skip(struct validate_report *report, const char *what,
				     const char *why);
/** Says more of a check. */
void validate_note(struct validate_check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);

struct validate_options {
	char **groups; /* names; NULL-terminated, or NULL: those that are not asked for by name alone */
	uint64_t seed; /* of what is random */
	/* What is random is so many times less, and its intervals wider; what is enumerated, a step
	 * shorter. For builds that are slow. 0: 1 */
	uint32_t shrink;
	uint64_t scripts; /* live: how many, 0: the group's default */
	const char *keep; /* folder for what differs; NULL: nothing is kept */
	const volatile int *interrupted; /* non-zero: end soon; may be NULL */
	void (*begins)(void *arg, const char *group); /* tells of each group; may be NULL */
	void *begins_arg;
};

/** A family of checks. Its function adds to the report; false if it could not work at all. What can't be
 * done on this machine is a skipped check, not an error. */
struct validate_group {
	const char *name, *summary;
	bool host; /* looks at this machine: only if asked for by name */
	bool (*check)(const struct validate_options *options, struct validate_report *report,
		      GError **error);
};
/** All of them, in the order of the report; the last has no name. */
extern const struct validate_group validate_groups[];

/** Makes the checks of the groups asked for. A name that no group has is VALIDATE_ERROR_INPUT and names the
 * nearest. After an interruption the report has what was finished. */
bool validate_run(const struct validate_options *options, struct validate_report *report,
		  GError **error);

/** Appends the report as a table with one line of totals, and notes of what failed or was skipped below.
 * `width` 0: a mail's. */
void validate_text(const struct validate_report *report, unsigned width, GString *out);
/** The same as a Markdown table, for docs/validation.md. */
void validate_markdown(const struct validate_report *report, GString *out);
/** The same as JSON, one check per line. */
void validate_json(const struct validate_report *report, GString *out);

#endif
