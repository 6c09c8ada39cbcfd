/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share among themselves. */
#ifndef RESULTS_INTERNAL_H
#define RESULTS_INTERNAL_H

#include "results/results.h"

/* ---- emit.c: JSON, a token at a time ---- */

/** Where the next token goes: commas, line breaks and indentation follow from it. */
struct emit {
	GString *out;
	unsigned depth;
	unsigned inline_depth; /* > 0: inside an object or array that stays on its line */
	bool first; /* nothing has been written at this level yet */
};

void emit_init(struct emit *e, GString *out);
/** Opens and closes; `key` is NULL inside an array and at the top. */
void emit_open(struct emit *e, const char *key, char bracket);
void emit_open_inline(struct emit *e, const char *key, char bracket);
void emit_close(struct emit *e, char bracket);
void emit_string(struct emit *e, const char *key, const char *value); /* NULL gives null */
void emit_int(struct emit *e, const char *key, int64_t value);
void emit_real(struct emit *e, const char *key, double value);
void emit_bool(struct emit *e, const char *key, bool value);
void emit_null(struct emit *e, const char *key);
void emit_digest(struct emit *e, const char *key, uint64_t digest);

enum { REAL_TEXT_MAX = 40 };
/** Shortest decimal of at most 17 digits that reads back as the same double; integers without a
 * point; never NaN or infinity, which JSON can't say (asserted). */
const char *real_text(double value, char text[static REAL_TEXT_MAX]);

/* ---- doc.c ---- */

struct results_doc *doc_alloc(uint32_t replications);
struct results_metric *variant_metric_add(struct results_doc *doc, struct results_variant *variant,
					  const char *name, const char *unit, const char *group,
					  enum sim_direction direction, enum results_class class);
/** Brings class, n, value and interval up to date with the replications handed in. */
void metric_derive(const struct results_doc *doc, const struct results_variant *variant,
		   struct results_metric *metric);
void variant_sort_metrics(struct results_variant *variant);
/** Adds one of this name, or finds it; empty at first. */
struct sim_distribution *variant_distribution(struct results_variant *variant, const char *name,
					      const char *unit);
/** Takes `points` over; the rest is copied. */
void variant_series_add(struct results_variant *variant, const char *name, const char *unit,
			struct sim_series *points, const char *const *figures);
struct results_pair *pair_new(const char *key, const char *value);
struct results_finding *finding_new(const char *kind, const char *text, sim_ns time_ns);

/** The kind of finding that a document lists apart, as `refusals`. */
#define REFUSAL_KIND "refusal"

extern const char *const direction_names[3], *const class_names[3];

/* ---- write.c ---- */

/** What of a document is written. */
struct write_choice {
	bool include_host;
	bool baseline; /* only what a gate needs */
	const char *const *metrics; /* names, with '*'; NULL: all */
};
/** The document as a member or an element of what is being emitted; `key` NULL at the top. */
void write_document(struct emit *e, const char *key, const struct results_doc *doc,
		    const struct write_choice *choice);

/* ---- read.c, folder.c ---- */

/** results_read(); `for_gate`: a value that is no number is noted, not an error. */
struct results_doc *doc_read(const char *path, bool for_gate, GError **error);
void docs_free(const GPtrArray *docs);
/** results_curve_read(); `for_gate` as above. */
struct results_curve *folder_read(const char *folder, bool for_gate, GError **error);
/** A curve of these documents (taken over), in the order of their steps; `names` are theirs in messages. */
struct results_curve *curve_of_docs(GPtrArray *docs, const char *const *names, GError **error);

/* ---- compare.c ---- */

/** Whether two documents answer the same question; else the error says what differs. */
bool docs_same_question(const struct results_doc *a, const struct results_doc *b, const char *label,
			const char *first, GError **error);
/** Those of variants too. */
bool docs_same_overrides(const struct results_doc *a, const struct results_doc *b);
/** The difference as a double; exact where it fits. */
double exact_difference(int64_t a, int64_t b);

/* ---- file.c, locate.c ---- */

/** Reads a whole file of at most RESULTS_READ_MAX_MIB; NUL-terminated for convenience. */
bool file_read(const char *path, char **text, size_t *bytes, GError **error);
/** Line and column (from 1, in characters) of the value that `path` (keys and decimal indices)
 * leads to, in a text that is valid JSON; where a part is not found, of the last one that was. */
void locate(const char *text, size_t bytes, const char *const *path, size_t parts, unsigned *line,
	    unsigned *column);

/* ---- gate.c, gate_words.c: what the printers of a gate share ---- */

bool gate_ruling_fails(enum results_ruling ruling, const struct results_gate_options *options);
/** "lightweight ops.read.count at cpus=2", in parts: what is not there is left out. */
void gate_where(const struct results_gate_entry *entry, GString *out);
/** "1001 -> 1002": exact figures with all their digits, means as people read them. */
void gate_values(const struct results_gate_entry *entry, GString *out);
/** "+1 (+0.1 %)", and of sampled ones the interval. */
void gate_difference(const struct results_gate_entry *entry, double level, GString *out);
/** Which rule was used, what it allows and why. */
void gate_rule(const struct results_gate_entry *entry, GString *out);
/** "431 figures: 420 unchanged, 2 improved, …". */
void gate_counts(const struct results_gate *gate, GString *out);
/** "REGRESSED", "passed", …. */
const char *gate_headline(const struct results_gate *gate,
			  const struct results_gate_options *options);
/** What to do next; nothing after a plain pass. */
void gate_advice(const struct results_gate *gate, GString *out);

/* ---- order.c: what a table shows, and in which order ---- */

/** Sorts the rows into groups and marks those of the summary. */
void rows_order(GPtrArray *rows, size_t columns);
/** Allocations by site, gfp flags and context are many: they get a group of their own. */
#define ALLOC_BY_PREFIX "alloc.by."
#define ALLOC_BY_GROUP "allocations by site, gfp flags and context (" ALLOC_BY_PREFIX "*)"
/** Whether a metric is named by a list of names, with '*'. */
bool name_is_wanted(const char *name, const char *const *patterns);
/** Rank of a metric in the summary; G_MAXUINT if it is not there. */
unsigned summary_rank(const char *name);

/* ---- units.c: figures for people ---- */

/** Appends a value with its unit: times and sizes with three significant digits, counts and small
 * sizes whole as long as they fit; `compact` makes them fit less. */
void human_value(GString *out, double value, const char *unit, bool compact);
/** "12.3±0.2us": both in the unit that suits the value. */
void human_interval(GString *out, double value, double half_width, const char *unit);
/** The difference of a cell to its reference: "+14.6%", "x12", "+3ns", "=", "vs 0", and so on, with
 * the half-width where there is one and `?` where nothing can be told. */
void human_difference(GString *out, const struct results_cell *cell, bool reference_is_zero,
		      const char *unit);

/* ---- curve.c, curve_text.c ---- */

static inline const struct results_point *point_at(const struct results_curve *curve, guint i)
{
	return curve->points->pdata[i];
}

/** Index of an axis; that of the NULL at the end if there is none of the name. */
size_t curve_axis(const struct results_curve *curve, const char *name);
/** Whether the point has every one of these steps. */
bool curve_is_at(const struct results_curve *curve, const struct results_point *point,
		 const struct results_place *places, size_t count);
/** The point that has these steps, and of the other axes those of `point`; NULL: there is none. */
const struct results_point *curve_other_point(const struct results_curve *curve,
					      const struct results_point *point,
					      const struct results_place *places, size_t count);
/** NULL where the point was not run, or lacks the variant or the metric. */
const struct results_metric *point_metric(const struct results_point *point, const char *variant,
					  const char *metric);

/* ---- estimates.c ---- */

/** Of each axis of estimates: which verdicts on the named metrics change within their ranges. */
void estimates_say(const struct results_curve *curve, const GPtrArray *names, unsigned width,
		   GString *out);

/* ---- text.c, words.c, table.c ---- */

/** The options with what is left open filled in; `options` may be NULL. */
struct results_text_options text_defaults(const struct results_text_options *options);
/** Appends `text`, cut to what a comment takes, in a fence that it does not hold. */
void text_fence(GString *text, GString *out);

/** Names come from files and may hold anything: makes the text UTF-8 without control characters
 * (colours may be kept) and, where only ASCII may, shows what is not as '?'. */
void text_clean(GString *text, bool ascii, bool keep_colours);

/** Appends text in lines of at most `width` columns, each begun with `indent` spaces, those after
 * the first with two more. */
void wrap_text(GString *out, const char *text, unsigned indent, unsigned width);
void words_heading(const struct results_comparison *cmp, unsigned width, GString *out);
/** The question and the facts that a document rests on; `curve`: without the steps of axes. */
void words_question(const struct results_doc *doc, bool curve, unsigned width, GString *out);
void words_findings(const struct results_comparison *cmp, bool all, unsigned width, GString *out);
void words_verdict(const struct results_comparison *cmp, const struct results_text_options *options,
		   GString *out);
void table_print(const struct results_comparison *cmp, const struct results_text_options *options,
		 GString *out);

static inline const struct results_column *column_at(const struct results_comparison *cmp, size_t i)
{
	return cmp->columns->pdata[i];
}

static inline const struct results_row *row_at(const struct results_comparison *cmp, size_t i)
{
	return cmp->rows->pdata[i];
}

/** The cell a cell is compared with. */
static inline const struct results_cell *
reference_cell(const struct results_comparison *cmp, const struct results_row *row, size_t column)
{
	return &row->cell[column_at(cmp, column)->reference];
}

#endif
