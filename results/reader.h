/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking a JSON value whose shape is known, so that what does not fit is named with file, line
 * and column. The first error ends everything: after it each call gives nothing and says nothing.
 */
#ifndef RESULTS_READER_H
#define RESULTS_READER_H

#include <jansson.h>

#include "results/internal.h"

enum { READER_DEPTH_MAX = 12, READER_INDEX_TEXT_MAX = 24 };

struct reader {
	const char *name, *text;
	size_t bytes;
	const char *path[READER_DEPTH_MAX];
	char index_text[READER_DEPTH_MAX][READER_INDEX_TEXT_MAX];
	size_t parts;
	int64_t version; /* of the schema */
	const char *scenario_text; /* of a baseline, whose documents have none of their own */
	bool take_not_numbers; /* a value that is no number is noted, not an error */
	uint64_t figures; /* metrics times replications so far */
	GError **error;
	bool failed;
};

/** Down into a member or an element, and up again. */
void reader_enter(struct reader *r, const char *key);
void reader_enter_index(struct reader *r, size_t index);
void reader_leave(struct reader *r);
/** Notes an error at the present place. */
void reader_fail(struct reader *r, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** Fails where a document holds more figures than may be. */
void reader_count_figures(struct reader *r, uint64_t figures);
/** Fails unless `value` is an object that has no key beside these (NULL-terminated). */
void reader_keys(struct reader *r, const json_t *value, const char *const *keys);
/** Members that must be there; NULL, 0 or false after a failure. Strings belong to the JSON. */
const json_t *reader_object(struct reader *r, const json_t *object, const char *key);
const json_t *reader_array(struct reader *r, const json_t *object, const char *key);
/** The same with this many elements, or a failure. */
const json_t *reader_array_of(struct reader *r, const json_t *object, const char *key,
			      size_t elements);
const char *reader_string(struct reader *r, const json_t *object, const char *key);
bool reader_bool(struct reader *r, const json_t *object, const char *key);
/** An integer of at least `min`. */
int64_t reader_int(struct reader *r, const json_t *object, const char *key, int64_t min);
double reader_number(struct reader *r, const json_t *object, const char *key);
/** One of three words; its index. */
int reader_word(struct reader *r, const json_t *object, const char *key,
		const char *const words[static 3]);
/** The value at the present place, as a string or as a digest of 16 hexadecimal digits. */
const char *reader_this_string(struct reader *r, const json_t *value);
uint64_t reader_this_digest(struct reader *r, const json_t *value);

/* ---- read_shapes.c ---- */

/** Distributions and series of a variant; documents of version 1 have neither. */
void read_shapes(struct reader *r, const json_t *object, struct results_variant *variant);

/** A document, from its root on; NULL or not of use after a failure. */
struct results_doc *read_root(struct reader *r, const json_t *root);
/** Parses a whole text; the place of a syntax error is named. */
json_t *reader_parse(struct reader *r);

#endif
