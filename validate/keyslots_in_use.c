// SPDX-License-Identifier: GPL-2.0-or-later
/* Keyslots of blk-crypto-fallback as a filesystem uses them, in the two versions that there are. */
#include "validate/internal.h"

enum { SLOTS = 100 }; /* num_keyslots of the module */

/* Files of one block, written one by one and then read, all of them, three times. */
static char *cycle_over(unsigned int files)
{
	GString *text = g_string_new("addkey K\npolicy . K\n");

	for (unsigned int i = 0; i < files; i++)
		g_string_append_printf(text, "write f%u 0 4k\nsync\n", i);
	for (unsigned int i = 0; i < 3 * files; i++)
		g_string_append_printf(text, "dread f%u 0 4k\n", i % files);
	return g_string_free(text, FALSE);
}

struct use {
	const char *what, *metric;
	int64_t expected;
};

static bool check(const char *version, unsigned int files, const struct use *uses, size_t count,
		  const struct validate_options *options, struct validate_report *report,
		  GError **error)
{
	g_autofree char *text = cycle_over(files);
	g_autofree char *variant = g_strdup_printf(
		"x: design=lightweight setup=fallback fallback.version=%s", version);
	const struct validate_world world = {
		.name = "keyslots.ops", .text = text, .variant = variant};
	struct world_outcome outcome;

	if (!validate_world_run(&world, options, &outcome, error))
		return false;
	for (size_t i = 0; i < count; i++) {
		g_autofree char *what = g_strdup_printf("%s, %u files written and read 3 times: %s",
							version, files, uses[i].what);

		validate_equal(report, what, uses[i].expected,
			       validate_metric(&outcome, uses[i].metric), "",
			       "block/blk-crypto-fallback.c of that version, counted by hand");
	}
	world_outcome_clear(&outcome);
	return true;
}

/* A key lives as long as its extent's map, so each is derived once. A cycle over one key more than there
 * are slots is the worst that can be done to an LRU. A cipher's request is on the stack since 7.x. */
bool validate_keyslots_in_use(const struct validate_options *options,
			      struct validate_report *report, GError **error)
{
	static const char *const versions[] = {"6.12", "7.x"};

	for (size_t v = 0; v < G_N_ELEMENTS(versions); v++) {
		const struct use fit[] =
			{
				{"keys derived", "key.derivations", SLOTS},
				{"keys set", "key.setkeys", SLOTS},
				{"slots found keyed", "fallback.slot_hits", 3 * SLOTS},
				{"bounce pages", "alloc.by.blk_crypto_bounce_page.*", SLOTS},
				{"requests from the heap", "alloc.by.skcipher_request.*",
				 v ? 0 : 4 * SLOTS},
			},
				 too_many[] = {
					 {"keys derived", "key.derivations", SLOTS + 1},
					 {"keys set", "key.setkeys", 4 * (SLOTS + 1)},
					 {"slots found keyed", "fallback.slot_hits", 0},
				 };

		if (!check(versions[v], SLOTS, fit, G_N_ELEMENTS(fit), options, report, error) ||
		    !check(versions[v], SLOTS + 1, too_many, G_N_ELEMENTS(too_many), options,
			   report, error))
			return false;
	}
	return true;
}
