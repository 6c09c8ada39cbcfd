/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * results: the result document. Building it out of runs, writing it, reading it back, comparing
 * variants and documents, and showing a comparison as text, Markdown or JSON. The room knows
 * metrics, not the models they come from, and prints nothing by itself: it fills strings, or
 * writes to the FILE or path it is given.
 *
 * Nothing here is shared between threads: whoever runs replications in parallel hands their
 * samples in from one thread. The order of handing in never shows in a document.
 */
#ifndef RESULTS_H
#define RESULTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/sim.h"

enum {
	RESULTS_SCHEMA_VERSION = 2,
	RESULTS_SCHEMA_FIRST = 1, /* read too: has neither distributions nor series */
	/** A larger file is refused unread: a document of 10^5 metrics takes a fifth of this. */
	RESULTS_READ_MAX_MIB = 64,
};
/** JSON readers keep integers up to here, so a seed may not be larger. */
#define RESULTS_SEED_MAX ((uint64_t)INT64_MAX)

#define RESULTS_ERROR results_error_quark()
GQuark results_error_quark(void);
enum results_error {
	RESULTS_ERROR_INPUT, /* a document that is none: exit status 2 */
	RESULTS_ERROR_NOT_COMPARABLE, /* documents that answer different questions: 3 */
	RESULTS_ERROR_IO, /* could not be read or written: 5 */
};

/* ---- the document -------------------------------------------------------------------------- */

/** What kind of figure a metric is. Exact: the variant's runs drew no random number and agree.
 * Sampled: a mean over replications. Host: of the program's own run (wall clock, memory), which
 * differs each time, is left out of documents unless asked for, and takes part in no verdict. */
enum results_class { RESULTS_EXACT, RESULTS_SAMPLED, RESULTS_HOST };

struct results_pair {
	char *key, *value;
};

/** An entry of a cost profile, as words. */
struct results_cost {
	char *name, *value; /* "costs.syscall", "88ns" */
	char *source; /* where the figure comes from */
	char *low, *high; /* range of an estimate; NULL: it is none */
};

/** Something that happened and that a reader must know of. */
struct results_finding {
	char *kind; /* "refusal", "garbage", "deadlock", …: one word */
	char *text; /* may have several lines: a deadlock's chain */
	sim_ns time_ns; /* simulated */
};

/** One metric of one variant, over its replications. */
struct results_metric {
	char *name, *unit, *group;
	enum sim_direction direction;
	enum results_class class;
	uint32_t n; /* replications that have it */
	int64_t *by_seed; /* one for each replication of the document … */
	bool part; /* a share of a sum: 0 in runs that have not set it */
	bool *has; /* … and whether it is there: a run may be missing, or not carry a percentile */
	int64_t exact; /* class exact: the value */
	double value; /* the same, or the mean of the n */
	double half_width; /* class sampled and n > 1: 95 % Student interval; else 0 */
};

/** How the values behind metrics are spread, all replications together. */
struct results_distribution {
	char *name, *unit;
	struct sim_distribution *values;
};

/** Figures over simulated time, of the first replication. */
struct results_series {
	char *name, *unit;
	struct sim_series *points;
	char **figures; /* names; NULL-terminated */
};

/** What is kept of one run beside its metrics. */
struct results_replication {
	bool done; /* the run was made and handed in */
	bool completed; /* it came to its end: no deadlock, no stop */
	uint64_t events, draws, digest;
	GArray *marks; /* struct sim_mark, one after each interval; may be empty */
	uint64_t mark_interval; /* in events: a power of two; 0: there are no marks */
	GPtrArray *findings; /* struct results_finding * */
};

struct results_variant {
	char *name;
	GPtrArray *settings; /* struct results_pair *, in the scenario's order */
	struct results_replication *replication; /* as many as the document has */
	GPtrArray *metrics; /* struct results_metric *, by name */
	GHashTable *by_name; /* the same */
	GPtrArray *not_numbers; /* char *: metrics whose value is none; read for a gate alone */
	GPtrArray *distributions; /* struct results_distribution *, by name */
	GPtrArray *series; /* struct results_series *, by name */
};

struct results_doc {
	char *program_version; /* of the program that ran it */
	struct {
		char *name, *question, *kind; /* kind: "terminating" or "steady" */
		char *text; /* the file, byte for byte */
		char *digest; /* SHA-256 of the text, hexadecimal */
	} scenario;
	GPtrArray *overrides; /* char *, "path=value" as given with --set, in order */
	struct {
		char *name, *digest;
	} image; /* both NULL: the scenario has none */
	struct {
		char *name, *kernel, *cpu, *digest;
	} cost_profile; /* all NULL: no cost is asked for */
	GPtrArray *costs; /* struct results_cost *: what the profile says, overrides applied */
	GPtrArray *machine; /* struct results_pair *: a summary in the scenario's words */
	uint32_t replications; /* planned */
	uint64_t *seeds; /* one for each replication … */
	uint32_t *seed_replication; /* … and the replication number that was mixed into it */
	GPtrArray *variants; /* struct results_variant *, in the scenario's order */
	bool variants_given; /* by --variant, in place of those of the text */
	bool batch; /* between results_batch_begin() and _end() */
};

/**
 * Starts a document for `replications` runs of each variant under `seed`. The version is the one
 * this program was built as. All strings are copied, here and below. `seed` is at most
 * RESULTS_SEED_MAX; `replications` at least 1. The text is the scenario file as it was read; its
 * SHA-256 is taken here.
 */
struct results_doc *results_doc_new(const char *scenario_name, const char *question,
				    const char *kind, const char *text, size_t text_bytes,
				    uint64_t seed, uint32_t replications);
void results_doc_free(struct results_doc *doc);
void results_doc_add_override(struct results_doc *doc, const char *override);
void results_doc_set_image(struct results_doc *doc, const char *name, const char *digest);
void results_doc_set_cost_profile(struct results_doc *doc, const char *name, const char *kernel,
				  const char *cpu, const char *digest);
/** Adds an entry of the cost profile; `low` and `high` are the range of an estimate, else NULL. */
void results_doc_add_cost(struct results_doc *doc, const char *name, const char *value,
			  const char *source, const char *low, const char *high);
void results_doc_add_machine(struct results_doc *doc, const char *key, const char *value);
/** Adds the next variant in the scenario's order; the name must be new. Owned by the document. */
struct results_variant *results_doc_add_variant(struct results_doc *doc, const char *name);
void results_variant_add_setting(struct results_variant *variant, const char *key,
				 const char *value);
/** The variant of this name, or NULL. */
struct results_variant *results_doc_variant(const struct results_doc *doc, const char *name);
const struct results_metric *results_variant_metric(const struct results_variant *variant,
						    const char *name);

/** One finished run as it is handed in; everything is copied. */
struct results_sample {
	const struct sim_metrics *metrics;
	const struct sim_metrics *host; /* class host, names as "host.max_rss_bytes"; or NULL */
	uint64_t host_wall_ns; /* becomes host.wall_ns; 0: not measured */
	uint64_t events, draws, digest; /* sim_events(), sim_draws(), sim_digest() */
	const struct sim_mark *marks; /* sim_marks(); may be NULL */
	size_t mark_count;
	uint64_t mark_interval;
	const struct results_finding *findings;
	size_t finding_count;
	bool completed;
};
/** Hands in the run of replication `replication` (from 0), once each, in any order. A metric's
 * definition must be the same in every run. */
void results_add(struct results_doc *doc, struct results_variant *variant, uint32_t replication,
		 const struct results_sample *sample);
/** Between these two, results_add() leaves the derived values (class, mean, interval) to the end: many
 * runs are handed in in time proportional to their number. */
void results_batch_begin(struct results_doc *doc);
void results_batch_end(struct results_doc *doc);
/** Whether every run has been handed in. */
bool results_complete(const struct results_doc *doc);
/** Whether a run of the variant did not come to its end. */
bool results_variant_stopped(const struct results_doc *doc, const struct results_variant *variant);
/** Whether two documents are of the same runs by the same program: scenario, overrides, variants and
 * their settings, image, cost profile, seeds. */
bool results_same_runs(const struct results_doc *a, const struct results_doc *b);

/* ---- writing and reading --------------------------------------------------------------------- */

struct results_write_options {
	bool include_host; /* the document then differs from run to run */
};

/** Appends the document as JSON: one metric per line, sorted by name, the same bytes for the same
 * document whatever the locale. `options` may be NULL. */
void results_emit(const struct results_doc *doc, const struct results_write_options *options,
		  GString *out);
/**
 * Writes a text to `path`: beside it first, synced and renamed, so that a reader sees the old file
 * or the new one and a full disk leaves no half of it. A symbolic link is followed; what is no
 * regular file (a pipe, /dev/null) is written to in place. RESULTS_ERROR_IO names path and reason.
 */
bool results_write_text(const char *path, const char *text, size_t bytes, GError **error);

/** Reads a document of this schema version or an older one. Errors are `FILE:LINE:COLUMN: error: …` where a place
 * can be named. RESULTS_ERROR_INPUT for what is no such document, _IO for what can't be read. */
struct results_doc *results_read(const char *path, GError **error);
/** The same from memory; `name` stands for the file in messages. */
struct results_doc *results_parse(const char *name, const char *text, size_t bytes, GError **error);

/* ---- comparing -------------------------------------------------------------------------------- */

/** What is said of a figure beside that of its reference. Exact figures compare as integers;
 * sampled ones by the differences at each seed: the same if all are 0, told apart if the 95 %
 * Student interval of the differences excludes 0, else not. */
enum results_verdict {
	RESULTS_NO_VERDICT, /* the reference itself, a figure missing on a side, or of the host */
	RESULTS_SAME,
	RESULTS_BETTER,
	RESULTS_WORSE,
	RESULTS_DIFFERS, /* a metric without direction */
	RESULTS_CANT_TELL,
	RESULTS_STOPPED, /* a run on either side did not come to its end: not comparable */
};
const char *results_verdict_name(enum results_verdict verdict);

/** What stands in one place of the table. */
struct results_cell {
	const struct results_metric *metric; /* NULL: this variant has no such metric */
	enum results_verdict verdict;
	bool best; /* best of its family by direction, or not told apart from the best */
	bool has_relative; /* false also where the reference is 0 */
	double difference; /* mean over pairs of (this - reference); exact up to 2^53 */
	double relative; /* difference / |reference's mean over the same pairs| */
	double half_width; /* of the difference, from pairs; 0 for exact ones */
	uint32_t pairs; /* seeds that both have */
	uint32_t seeds_needed; /* can't tell: so many would, were the difference real; 0: none */
};

/** A column is a variant of a document. */
struct results_column {
	char *label;
	size_t doc;
	const struct results_variant *variant;
	size_t reference; /* the column it is compared with; its own index: it is a reference */
	bool same_events; /* every run has the event digest of the reference's */
	bool stopped; /* a run did not come to its end */
};

struct results_row {
	const char *name, *unit, *group;
	enum sim_direction direction;
	enum results_class class; /* the loosest of the cells' */
	bool summary; /* shown when not everything is asked for */
	bool zero; /* all cells are there and 0 */
	struct results_cell *cell; /* one per column */
};

struct results_comparison {
	const struct results_doc *const *docs;
	size_t doc_count;
	GPtrArray *columns; /* struct results_column * */
	GPtrArray *rows; /* struct results_row *, groups together, in the order of a table */
};

/**
 * Compares the variants of one document with its reference: the variant `none`, else the first.
 * Of several documents, a variant is compared with the one of that name in the first document,
 * or else with the first document's reference. `labels` names the documents (NULL for a single
 * one). Documents must answer one question: the same scenario, overrides (those of variants
 * aside), image, cost profile, seeds and metric definitions; else RESULTS_ERROR_NOT_COMPARABLE
 * says which differs. The documents and the array `docs` must outlive the comparison.
 */
struct results_comparison *results_compare(const struct results_doc *const *docs,
					   const char *const *labels, size_t doc_count,
					   GError **error);
void results_comparison_free(struct results_comparison *cmp);
/** The row of a metric; NULL: no column has it. */
const struct results_row *results_row_named(const struct results_comparison *cmp, const char *name);

/* ---- where two runs part ----------------------------------------------------------------------- */

/** The events, counted from 1, of which one is the first that differs, as far as two documents tell. */
struct results_parting {
	bool part; /* false: they are the same event by event */
	uint64_t first, last; /* INT64_MAX: to the end of either */
	sim_ns from_ns, to_ns; /* before the first, and of the last (SIM_NEVER: to the end) */
};
/** Runs without marks part somewhere between their first event and their last. */
void results_part(const struct results_replication *a, const struct results_replication *b,
		  struct results_parting *parting);
/** Whether two documents are of one scenario, by its text or its name; else RESULTS_ERROR_NOT_COMPARABLE. */
bool results_same_scenario(const struct results_doc *a, const struct results_doc *b,
			   GError **error);
/** Something that two runs were given differently, as words. */
struct results_given {
	char *what, *a, *b;
};
/** Everything of the kind that their documents tell: struct results_given *, which the array owns. */
GPtrArray *results_given(const struct results_doc *a, const struct results_variant *of_a,
			 const struct results_doc *b, const struct results_variant *of_b,
			 uint32_t replication);

/* ---- curves and claims -------------------------------------------------------------------- */

/** The document of one point, and the step it has of each axis. */
struct results_point {
	char **step; /* NULL-terminated, in the order of the axes */
	struct results_doc *doc; /* NULL: not run */
};
/** A scenario over its axes. A scenario without any is a curve of one point. */
struct results_curve {
	char **axis; /* names; NULL-terminated */
	char **measure; /* metrics shown, by name or with '*'; NULL: the summary's */
	GPtrArray *points; /* struct results_point * */
};
struct results_curve *results_curve_new(const char *const *axis, const char *const *measure);
/** Adds a point; the steps are copied, the document is taken over. */
struct results_point *results_curve_add(struct results_curve *curve, const char *const *step,
					struct results_doc *doc);
void results_curve_free(struct results_curve *curve);
/** The document of the first point that was run; NULL: none was. */
const struct results_doc *results_curve_doc(const struct results_curve *curve);
/** The point of `curve` that is where `point` is in the curve `of`; NULL: there is none. */
struct results_point *results_point_in(const struct results_curve *curve,
				       const struct results_curve *of,
				       const struct results_point *point);
/** "AXIS=STEP,AXIS=STEP": where a point is. The caller frees. */
char *results_point_place(const struct results_curve *curve, const struct results_point *point);
/** Reads a folder into which a scenario with axes was run, one document for each point, which must be
 * all of one curve (else RESULTS_ERROR_NOT_COMPARABLE). Points are in the order of their steps: as
 * numbers, or as the scenario's text has them. It measures what the scenario says. */
struct results_curve *results_curve_read(const char *folder, GError **error);
/** What a scenario's text says under a key, "answer" say; NULL: nothing, or it is a script. The caller
 * frees. */
char *results_doc_says(const struct results_doc *doc, const char *key);
/** The metrics that a scenario's text measures, NULL-terminated, or NULL. */
char **results_doc_measures(const struct results_doc *doc);
/** A step of an axis as a number: "128", "4KiB" (bytes), "10us" (ns). `unit` (may be NULL) gets "ns",
 * "bytes" or "". */
bool results_step_number(const char *step, double *value, const char **unit);
/** Whether every run of every point has been handed in. */
bool results_curve_complete(const struct results_curve *curve);

/** Which points: one step of one axis. */
struct results_place {
	const char *axis, *step;
};
/** A claim on a metric of a variant, at every point that `at` names: it is compared with a number, or
 * with the figure of another variant, or at another point, `times` so much. */
struct results_claim {
	const char *variant, *metric, *relation; /* "==", "!=", "<", "<=", ">", ">=" */
	double value, times;
	const char *of; /* another variant, or NULL */
	const struct results_place *at, *against;
	size_t at_count, against_count; /* no `against`: the other side is at the same point */
};
/** Whether a claim holds at each of its points; appends a line to `out` that says so, with the figures
 * of the first point where it does not. A figure that is not there does not hold, nor does a claim
 * about no point at all. */
bool results_check(const struct results_curve *curve, const struct results_claim *claim,
		   GString *out);

/**
 * Fills an answer: each "{VARIANT: METRIC @ AXIS=STEP,AXIS=STEP}" gives way to that figure as people
 * read it, "{… / …}" to the quotient of two. What names no figure is an error that quotes it.
 * Appends to `out`.
 */
bool results_answer(const struct results_curve *curve, const char *answer, GString *out,
		    GError **error);

/* ---- the gate ----------------------------------------------------------------------------- */

/** How much worse a figure may become: by no more than the larger of a share of the baseline's and an
 * amount in the metric's unit. */
struct results_tolerance {
	char *metric; /* name, or with '*' */
	char *class; /* "exact" or "sampled"; NULL: both */
	double relative; /* 0.01: one per cent. A baseline of 0 allows none */
	double absolute; /* in the metric's unit */
	char *reason;
};
/** A time that a baseline was made or renewed. */
struct results_renewal {
	char *program_version, *why;
};
/** What results are held against: documents of one scenario, one for each point of its axes. */
struct results_baseline {
	char *name; /* the file or folder, for messages */
	bool is_result; /* a result stands for it: no baseline was made */
	struct results_curve *curve;
	char **metrics; /* those it watches, with '*'; NULL: all. The last has to be NULL */
	GPtrArray *tolerances; /* struct results_tolerance *: the first that fits holds */
	GPtrArray *renewals; /* struct results_renewal *: the oldest first */
};
/** A baseline of nothing yet. Takes `curve` over. */
struct results_baseline *results_baseline_new(const char *name, struct results_curve *curve);
/** Reads a baseline. A document, or a folder of points, is one too, without tolerances, that watches all. A metric
 * whose value is not a number is taken as that. */
struct results_baseline *results_baseline_read(const char *path, GError **error);
/** The figures of any of them alone. */
struct results_curve *results_gate_read(const char *path, GError **error);
void results_baseline_free(struct results_baseline *baseline);
/** Adds "PATTERN RELATIVE ABSOLUTE REASON…" ("ops.*.latency_p99_ns 1% 5us scheduling"), in front of the
 * others. */
bool results_baseline_tolerate(struct results_baseline *baseline, const char *text, GError **error);
void results_baseline_add_renewal(struct results_baseline *baseline, const char *program_version,
				  const char *why);
/** Appends the baseline as JSON, one metric per line, of each document what a gate needs. */
void results_baseline_emit(const struct results_baseline *baseline, GString *out);
/** The overrides that all of its documents were made with; NULL-terminated; the caller's. */
char **results_baseline_sets(const struct results_baseline *baseline);

/** What the gate says of a figure. */
enum results_ruling {
	RESULTS_UNCHANGED,
	RESULTS_HOST_FIGURE, /* shown, never gates */
	RESULTS_IMPROVED,
	RESULTS_WITHIN, /* the tolerance */
	RESULTS_INCONCLUSIVE,
	RESULTS_REGRESSED,
	RESULTS_CHANGED, /* a metric without direction, or of a run that stopped */
	RESULTS_MISSING,
	RESULTS_NEW,
	RESULTS_NOT_A_NUMBER,
	RESULTS_RULINGS,
};
const char *results_ruling_name(enum results_ruling ruling);

struct results_gate_entry {
	char *place; /* "AXIS=STEP,…"; "" of a scenario without axes */
	const char *variant; /* NULL: the point as a whole is missing or new */
	const char *name; /* of the metric; NULL: the variant as a whole is */
	const struct results_metric *before, *after; /* NULL where it is not there */
	enum results_ruling ruling;
	bool sampled; /* the rule: paired seeds, not integers */
	double difference; /* after - before; of sampled ones the mean over pairs */
	double half_width; /* of sampled ones, at the gate's level */
	bool has_relative; /* the baseline is not 0 */
	double relative;
	uint32_t pairs;
	uint32_t seeds_needed; /* inconclusive: so many would decide; 0: none */
	const struct results_tolerance *tolerance; /* that held; NULL: nothing is allowed */
	double allowed; /* by it, in the metric's unit */
	const char *note; /* what else there is to say; NULL: nothing */
};
struct results_gate {
	const struct results_baseline *baseline;
	const struct results_curve *after;
	GPtrArray *entries; /* struct results_gate_entry *, in the order of the baseline */
	guint count[RESULTS_RULINGS];
	guint runs, same_runs; /* of both sides, and those that have the same event digest */
	guint intervals; /* sampled figures that differ: each interval is of 1 - 0.05/intervals */
	double level;
};
/**
 * Holds a result against a baseline. What does not answer the same question (scenario, overrides, image,
 * cost profile, seeds, definition of a metric), or was not run to its end, is RESULTS_ERROR_NOT_COMPARABLE.
 * Both must outlive the gate.
 */
struct results_gate *results_gate_new(const struct results_baseline *baseline,
				      const struct results_curve *after, const char *after_name,
				      GError **error);
void results_gate_free(struct results_gate *gate);
enum results_gate_outcome { RESULTS_PASSES, RESULTS_FAILS, RESULTS_UNDECIDED };
struct results_gate_options {
	bool strict; /* inconclusive is not a pass */
	bool allow_new;
	bool all; /* show unchanged figures too */
	bool ascii, colour;
	unsigned width; /* 0: a mail's */
};
enum results_gate_outcome results_gate_outcome(const struct results_gate *gate,
					       const struct results_gate_options *options);
void results_gate_text(const struct results_gate *gate, const struct results_gate_options *options,
		       GString *out);
/** For a review comment: worst first, bounded to RESULTS_MARKDOWN_MAX_BYTES. */
void results_gate_markdown(const struct results_gate *gate,
			   const struct results_gate_options *options, GString *out);
/** One figure per line. */
void results_gate_json(const struct results_gate *gate, const struct results_gate_options *options,
		       GString *out);
/** JUnit XML: a suite for each point and variant, a case for each metric. `timestamp` is "2026-01-31T12:00:00". */
void results_gate_junit(const struct results_gate *gate, const struct results_gate_options *options,
			const char *timestamp, GString *out);

/** "before" for "results/before.json": what a document is called in tables. The caller frees. */
char *results_file_name(const char *path);

/* ---- as commands take them ------------------------------------------------------------------ */

/** Stored results as a command takes them: documents to be compared, or a curve. */
struct results_set {
	GPtrArray *docs; /* struct results_doc * */
	GPtrArray *
		labels; /* char *, one for each, and NULL: their names, short where they differ so */
	struct results_curve
		*curve; /* of a folder of more than one point; then there are no docs */
};
/** Reads files, or one folder of points; `paths` is NULL-terminated. A folder of one point is a document. */
struct results_set *results_set_read(const char *const *paths, GError **error);
/** results_compare() of its documents, which it must outlive. */
struct results_comparison *results_set_compare(const struct results_set *set, GError **error);
void results_set_free(struct results_set *set);

/* ---- showing ---------------------------------------------------------------------------------- */

struct results_text_options {
	unsigned width; /* columns; 0 takes RESULTS_TEXT_WIDTH */
	bool all; /* every metric, not the summary */
	const char *const
		*measure; /* metrics of the summary, with '*', NULL-terminated; NULL: the usual */
	bool ascii; /* no character beyond ASCII, for terminals that are not UTF-8 */
	bool colour; /* ANSI colours; they never carry a meaning alone */
};
enum {
	RESULTS_TEXT_WIDTH = 80, /* a mail's */
	RESULTS_MARKDOWN_MAX_BYTES = 60000, /* a review comment takes 65536 */
};

/** Appends the comparison as a table that ends with the verdict in words. `options` may be NULL. */
void results_text(const struct results_comparison *cmp, const struct results_text_options *options,
		  GString *out);
/** The same, fenced and bounded to RESULTS_MARKDOWN_MAX_BYTES; colour is ignored. */
void results_markdown(const struct results_comparison *cmp,
		      const struct results_text_options *options, GString *out);
/** Appends a paragraph in lines of a mail's width: `label`, then the text. */
void results_paragraph(const char *label, const char *text, GString *out);
/** Appends one table for each metric that the curve measures: points down, variants across. */
void results_curve_text(const struct results_curve *curve,
			const struct results_text_options *options, GString *out);
/** The same, fenced and bounded. */
void results_curve_markdown(const struct results_curve *curve,
			    const struct results_text_options *options, GString *out);
/** The curve with the whole document of each point, as JSON. */
void results_curve_json(const struct results_curve *curve,
			const struct results_write_options *options, GString *out);

/* ---- parts of what is shown, for pages and plots ------------------------------------------- */

/** Appends a figure for people: times and sizes with three significant digits and a unit that suits. */
void results_value_text(double value, const char *unit, GString *out);
/** Appends what a table has in a cell: the figure, with its interval in the reference's column, a star if
 * it is of the best; and its difference to the reference. */
void results_cell_text(const struct results_comparison *cmp, const struct results_row *row,
		       size_t column, GString *value, GString *difference);
/** Whether a table shows the row, unless everything is asked for. `measure` as in the options. */
bool results_row_is_shown(const struct results_row *row, const char *const *measure);
/** Names, with '*', of what a table shows unless told: figures, not allocations by site. The caller frees with
 * g_strfreev(). */
char **results_summary_metrics(void);
/** Appends the verdict, a sentence to a line, without its heading. */
void results_verdict(const struct results_comparison *cmp, const char *const *measure,
		     GString *out);
/** Metrics that the curve measures, in the order in which they are shown; the names belong to it. */
GPtrArray *results_curve_metrics(const struct results_curve *curve);

/** The same thing found in several replications, told once. */
struct results_told {
	const struct results_finding *finding; /* of the first replication */
	uint32_t replications; /* that have it */
	uint64_t times;
	uint32_t last; /* replication */
};
/** What was found of a variant: struct results_told *, which the array owns. */
GPtrArray *results_told(const struct results_doc *doc, const struct results_variant *variant);

/** The whole model as JSON, one metric per line in the order of names. */
void results_comparison_json(const struct results_comparison *cmp, GString *out);

#endif
