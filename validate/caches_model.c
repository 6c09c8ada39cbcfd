// SPDX-License-Identifier: GPL-2.0-or-later
/* The caches of keys inside the model: worlds that read blocks of many extents in a drawn order. */
#include <stdlib.h>

#include "validate/internal.h"

enum { FILES = 60, READS = 3000, ZIPF_MILLI = 800 };

/* A file of one block each: its extent's key is used when it is written and at every direct read. */
static char *script_of(const struct validate_options *options, GArray *keys)
{
	const struct sim_options run = {.seed = options->seed};
	struct sim_zipf *zipf = sim_zipf_new(FILES, ZIPF_MILLI);
	GString *text = g_string_new("addkey K\npolicy . K\n");
	struct sim *sim = sim_new(&run);
	struct sim_stream draws;

	sim_stream_init(&draws, sim, "reads of files", 0);
	for (uint32_t i = 0; i < FILES + READS; i++) {
		uint32_t key = i < FILES ? i : (uint32_t)sim_draw_zipf(&draws, zipf);

		g_string_append_printf(
			text, i < FILES ? "write f%u 0 4k\nsync\n" : "dread f%u 0 4k\n", key);
		g_array_append_val(keys, key);
	}
	sim_zipf_free(zipf);
	sim_free(sim);
	return g_string_free(text, FALSE);
}

struct key_cache {
	const char *name, *variant, *hits, *misses;
};

static const struct key_cache key_caches[] = {
	{"Map of keyed ciphers", "x: design=lightweight setup=pool pool.map=true pool.size=",
	 "key.cache_hits", "key.cache_misses"},
	{"Keyslots, fallback", "x: design=lightweight setup=fallback fallback.slots=",
	 "fallback.slot_hits", "fallback.slot_misses"},
	{"Keyslots, hardware",
	 "x: design=lightweight setup=hardware counterfactual=true hardware.slots=",
	 "hardware.slot_hits", "hardware.slot_misses"},
	{"Derived keys", "x: design=lightweight setup=pool derived.cache=true derived.size=",
	 "derived.hits", "derived.misses"},
};

static bool check(const struct key_cache *cache, uint32_t size, const char *text,
		  const GArray *keys, const struct validate_options *options,
		  struct validate_report *report, int64_t *unaccounted, GError **error)
{
	const uint32_t *key = &g_array_index(keys, uint32_t, 0);
	g_autofree char *variant = g_strdup_printf("%s%u", cache->variant, size);
	g_autofree char *what = g_strdup_printf("%s, %u for %u extents: hits of %u uses",
						cache->name, size, FILES, keys->len);
	const struct validate_world world = {
		.name = "caches.ops", .text = text, .variant = variant};
	struct world_outcome outcome;
	int64_t hits;

	if (!validate_world_run(&world, options, &outcome, error))
		return false;
	hits = validate_metric(&outcome, cache->hits);
	*unaccounted += llabs((int64_t)keys->len - hits - validate_metric(&outcome, cache->misses));
	validate_equal(report, what, (int64_t)plain_hits(plain_lru, size, key, keys->len), hits, "",
		       "an LRU as an array, over the same uses");
	world_outcome_clear(&outcome);
	return true;
}

bool validate_caches_model(const struct validate_options *options, struct validate_report *report,
			   GError **error)
{
	static const uint32_t sizes[] = {1, 5, 20, 59};
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autofree char *text = script_of(options, keys);
	int64_t unaccounted = 0;

	for (size_t c = 0; c < G_N_ELEMENTS(key_caches); c++)
		for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++)
			if (!check(&key_caches[c], sizes[s], text, keys, options, report,
				   &unaccounted, error))
				return false;
	validate_equal(report, "Uses of all of these that are neither hits nor misses", 0,
		       unaccounted, "", "conservation");
	return true;
}
