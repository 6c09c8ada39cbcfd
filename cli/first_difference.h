/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding where two runs part, and showing it. Private to the files of `compare --first-difference`. */
#ifndef FIRST_DIFFERENCE_H
#define FIRST_DIFFERENCE_H

#include <jansson.h>

#include "cli/cli.h"

/* How a run of a result was made again. */
enum made { MADE_NOT, MADE_HERE, MADE_BY_OTHER };

struct side {
	const char *path;
	struct results_curve *curve; /* of one point, mostly */
	/* The run that is followed; NULL: none is. */
	const struct results_point *point;
	const struct results_variant *variant;
	enum made made;
	char *why; /* it can't be; NULL, though it was not made: it comes to other events */
	json_t *state; /* before the first event that differs, or before the interval */
	json_t *then; /* the first event that differs, and some more: objects of the event log */
	bool ended; /* the run had no such event */
};

/* How many runs of a variant part. */
struct tally {
	char *place; /* "": there is one point */
	const char *variant;
	uint32_t runs, part;
};

struct first_difference {
	struct side a, b;
	GArray *tallies; /* struct tally */
	uint32_t unpaired; /* runs that one result has and the other has not */
	bool part;
	uint32_t replication; /* of the runs that are followed, the first that part */
	struct results_parting parting;
	GPtrArray *given; /* struct results_given * */
	bool found; /* the event; else only the interval is known */
	uint64_t event; /* its number */
	json_t *before; /* the last events that are the same: pairs, [a, b] */
	/* The first pair of the interval that did different things, if it is not among these. */
	json_t *did_otherwise; /* NULL: none */
};

void first_difference_text(const struct first_difference *fd, GString *out);
void first_difference_json(const struct first_difference *fd, GString *out);

#endif
