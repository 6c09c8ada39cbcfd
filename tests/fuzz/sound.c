/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which variants there are, and what may be found in which: everything else is a fault of the model or
 * of the design. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_exception fuzz_exceptions[] = {
	{"design=inode", "IV reused",
	 "an inode and its copy in a snapshot have one key, and IVs by file offset"},
	{"design=inode", "garbage",
	 "an extent that is shared is read with the other inode's key, or at another offset"},
	{"design=inode", "wrong key",
	 "a preallocated extent that was shared is written in place under the other inode's key"},
	{"iv=file-offset", "garbage", "a clone may put an extent at another offset"},
	{"iv=physical", "garbage", "relocation moves ciphertext"},
	{"design=lightweight reflink.check=load", "garbage",
	 "nothing in the extent says that its key is another one than the inode's"},
	{"design=lightweight reflink.check=load", "wrong key",
	 "the same, met by a write in place to a preallocated extent"},
	{"design=lightweight rekey=allow", "garbage",
	 "old extents stay, and what the extent does not say is taken from the inode's new policy"},
	{"design=lightweight rekey=allow", "wrong key", "the same, met by a write in place"},
	{"design=enforced rekey=design", "write lost",
	 "a policy is replaced while data is dirty that goes in place: its extent keeps the old "
	 "key"},
	{"design=enforced rekey=allow", "write lost", "the same"},
	{"removal=hard", "write lost",
	 "dirty pages of an open file meet a master key that can derive nothing any more"},
	{"keyring=session", "write lost",
	 "the task that writes back may not have the key in its session keyring"},
	{"pool.full=steal", "write lost", "writeback that finds no idle cipher fails"},
	{"freeing=workqueue", "key in memory after removal",
	 "the worker may come by after the key has become absent"},
	{"freeing=immediate", "sleep in atomic context",
	 "set-ups whose infos end under a sleeping lock, below the map tree's lock"},
	{"load=locked", "possible deadlock",
	 "set-up under a tree's lock allocates, and reclaim evicts an inode through the trees"},
	{"load=locked", "deadlock", "the same, met"},
	{"load=locked", "stuck", "the same, by those who wait for it"},
	{"setup=fallback mode=adiantum", "possible deadlock",
	 "setting the key allocates under the profile's lock, which reclaim takes to evict a key"},
	{"setup=fallback mode=adiantum", "deadlock", "the same, met"},
	{"setup=fallback mode=adiantum", "stuck", "the same, by those who wait for it"},
	{"fault.context-not-copied=true", "context missing", "the fault"},
	{"fault.context-not-copied=true", "garbage", "the fault: a context of another extent"},
	{"fault.context-not-copied=true", "wrong key",
	 "the fault: an overwrite in place under the context of another extent"},
	{"fault.context-not-copied=true", "write lost", "the fault: EEXIST"},
	{"fault.evict-dirty=true", "write lost", "the fault"},
	{"fault.leaked-info=true", "info leaked", "the fault"},
	{"fault.leaked-info=true", "infos left", "the fault"},
	{"fault.leaked-info=true", "memory left", "the fault"},
	{"fault.leaked-info=true", "key stays", "the fault, where an info holds its key"},
	{"fault.freed-key-in-slot=true", "wrong key", "the fault"},
	{"fault.freed-key-in-slot=true", "garbage", "the fault"},
	{"fault.freed-key-in-slot=true", "key in memory after removal", "the fault"},
	{NULL, NULL, NULL},
};

/* ---- variants as text ---- */

static bool set_word(struct fscrypt_variant *variant, const char *word)
{
	g_auto(GStrv) parts = g_strsplit(word, "=", 2);
	const struct sim_param *param =
		parts[0] ? sim_param_find(fscrypt_variant_params, parts[0]) : NULL;

	return param && parts[1] && sim_param_set(param, variant, parts[1], NULL);
}

static bool parse(const char *text, struct fscrypt_variant *variant)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	bool design = false;

	*variant = (struct fscrypt_variant){.name = NULL};
	sim_param_defaults(fscrypt_variant_params, variant);
	for (char **word = words; *word; word++) {
		if (!set_word(variant, *word))
			return false;
		design |= g_str_has_prefix(*word, "design=");
	}
	return design;
}

bool fuzz_variant_possible(const char *text)
{
	struct fscrypt_variant variant;

	return parse(text, &variant) && fscrypt_variant_check(&variant, NULL);
}

static bool has_choice(const struct fscrypt_variant *variant, const char *choice)
{
	g_auto(GStrv) parts = g_strsplit(choice, "=", 2);
	const struct sim_param *param = sim_param_find(fscrypt_variant_params, parts[0]);
	g_autofree char *text = param ? sim_param_text(param, variant) : NULL;

	return !g_strcmp0(text, parts[1]);
}

static bool applies(const struct fuzz_exception *exception, const struct fscrypt_variant *variant)
{
	g_auto(GStrv) choices = g_strsplit(exception->when, " ", -1);

	for (char **choice = choices; *choice; choice++)
		if (!has_choice(variant, *choice))
			return false;
	return true;
}

bool fuzz_expected(const char *text, const char *kind)
{
	struct fscrypt_variant variant;

	parse(text, &variant);
	for (const struct fuzz_exception *e = fuzz_exceptions; e->when; e++)
		if (!strcmp(e->kind, kind) && applies(e, &variant))
			return true;
	return false;
}

bool fuzz_sound(const char *text)
{
	struct fscrypt_variant variant;

	parse(text, &variant);
	for (const struct fuzz_exception *e = fuzz_exceptions; e->when; e++)
		if (*e->when && applies(e, &variant))
			return false;
	return true;
}

/* ---- drawing ---- */

/* How often a choice is not left at its default, where that is not one time in four; and the values of
 * those that are numbers. */
static const struct choice {
	const char *key;
	uint32_t one_in;
	const char *values[4];
} choices[] = {
	{"layout", 2, {NULL}},	  {"context.bytes", 6, {"64"}},
	{"iv", 10, {NULL}},	  {"removal", 8, {NULL}},
	{"load", 8, {NULL}},	  {"pool.size", 2, {"1", "2", "5"}},
	{"pool.full", 8, {NULL}}, {"derived.size", 3, {"1", "7"}},
};

enum { CHOICE_ONE_IN = 4 };

static uint32_t count(const char *(*name)(size_t))
{
	uint32_t n = 0;

	while (name(n))
		n++;
	return n;
}

/* NULL: the choice has no values to draw from. */
static const char *draw_value(uint64_t *state, const struct sim_param *param,
			      const struct choice *choice)
{
	uint32_t n = 0;

	if (param->type == SIM_PARAM_BOOL)
		return strcmp(param->fallback, "true") ? "true" : "false";
	if (param->type == SIM_PARAM_WORD)
		return param->word(fuzz_draw(state, count(param->word)));
	while (choice && n < G_N_ELEMENTS(choice->values) && choice->values[n])
		n++;
	return n ? choice->values[fuzz_draw(state, n)] : NULL;
}

static const struct choice *choice_of(const char *key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(choices); i++)
		if (!strcmp(choices[i].key, key))
			return &choices[i];
	return NULL;
}

/* Choices of a pool or of at-io say nothing elsewhere. */
static bool concerns(const char *key, const char *setup)
{
	if (!strcmp(key, "design") || !strcmp(key, "setup") || !strcmp(key, "counterfactual") ||
	    g_str_has_prefix(key, "fault."))
		return false;
	if (g_str_has_prefix(key, "pool."))
		return !strcmp(setup, "pool");
	return !g_str_has_prefix(key, "at-io.") || !strcmp(setup, "at-io");
}

static void draw_choice(uint64_t *state, const struct sim_param *param, GString *out)
{
	const struct choice *choice = choice_of(param->name);
	bool set = !fuzz_draw(state, choice ? choice->one_in : CHOICE_ONE_IN);
	const char *value = draw_value(state, param, choice);

	if (set && value && g_strcmp0(value, param->fallback))
		g_string_append_printf(out, " %s=%s", param->name, value);
}

static char *draw(uint64_t *state)
{
	const char *design = extent_design_name(fuzz_draw(state, count(extent_design_name)));
	const char *setup = key_setup_name(fuzz_draw(state, count(key_setup_name)));
	GString *out = g_string_new("design=");

	g_string_append(out, design);
	if (!strcmp(design, "none"))
		return g_string_free(out, false);
	g_string_append_printf(out, " setup=%s", setup);
	if (!strcmp(setup, "hardware")) /* as if checksums were of no matter */
		g_string_append(out, " counterfactual=true");
	for (const struct sim_param *param = fscrypt_variant_params; param->name; param++)
		if (concerns(param->name, setup))
			draw_choice(state, param, out);
	return g_string_free(out, false);
}

char *fuzz_draw_variant(uint64_t *state, bool sound_only)
{
	for (;;) {
		char *text = draw(state);

		if (fuzz_variant_possible(text) && (!sound_only || fuzz_sound(text)))
			return text;
		g_free(text);
	}
}
