/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents made up for the tests: small enough to be checked by hand. */
#ifndef TESTS_RESULTS_FABRICATE_H
#define TESTS_RESULTS_FABRICATE_H

#include "results/results.h"

/** A metric of a made-up run. Definitions are by name, in a table of their own. */
struct figure {
	const char *name;
	int64_t value;
};

struct made_up {
	const struct figure *figures; /* ends with a NULL name */
	uint64_t draws, digest;
	const char *finding; /* "kind: text", or NULL */
	bool stopped;
	const uint64_t *latencies; /* of reads, ended by 0; NULL: none. And a series with it */
};

struct results_doc *fabricate_doc(uint32_t replications);
void fabricate_run(struct results_doc *doc, const char *variant, uint32_t replication,
		   const struct made_up *run);
/** Three variants, two replications, sampled and exact metrics, findings: what goldens show. */
struct results_doc *fabricate_first_run(void);

char *fabricate_json(const struct results_doc *doc);
/** Writes the document to a file as the program does. */
bool fabricate_file(const struct results_doc *doc, const char *path, GError **error);
/** The comparison of one document as text, `width` columns wide. */
char *fabricate_text(const struct results_doc *doc, const struct results_text_options *options);

#endif
