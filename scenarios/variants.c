/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variants of a scenario: those of the file, or those of --variant. */
#include "scenarios/loader.h"

#include <string.h>

enum { NAME_BYTES_MAX = 64 };

/* Variant names stand in front of a colon in --variant and head the columns of a table. */
static const char *name_fault(const char *name)
{
	if (!*name)
		return "is empty";
	if (strlen(name) > NAME_BYTES_MAX)
		return "is longer than 64 bytes";
	for (; *name; name++)
		if (g_ascii_iscntrl(*name) || *name == ':' || *name == '=')
			return "may hold neither ':' nor '=' nor control characters";
	return NULL;
}

static void variant_free(const struct sim_param *params, struct fscrypt_variant *variant)
{
	sim_param_clear(params, variant);
	g_free(variant->name);
	g_free(variant);
}

static struct fscrypt_variant *read_variant(struct loader *loader,
					    const struct scenario_registry *registry,
					    const char *name, const json_t *json, GError **error)
{
	struct fscrypt_variant *variant = g_new0(struct fscrypt_variant, 1);
	g_autofree char *what = g_strdup_printf("variant \"%s\"", name);
	const char *fault = name_fault(name);
	GError *cause = NULL;
	bool fine;

	variant->name = g_strdup(name);
	fine = fault ? loader_fail_key(loader, error, "the name of %s %s", what, fault)
		     : read_object(loader, json, registry->variant_params, NULL, what, variant,
				   error);
	if (fine && registry->variant_check && !registry->variant_check(variant, &cause))
		fine = loader_prefix(loader, cause, error);
	if (!fine) {
		variant_free(registry->variant_params, variant);
		return NULL;
	}
	return variant;
}

bool scenario_read_variants(struct loader *loader, const struct scenario_registry *registry,
			    struct scenario *scenario, GError **error)
{
	const json_t *json = json_object_get(loader->root, "variants");
	const char *name;
	json_t *value;
	size_t mark;

	scenario->variants = g_ptr_array_new();
	if (!json)
		return loader_fail(loader, error,
				   "the scenario lacks the key \"variants\"\n"
				   "give at least one: \"variants\": "
				   "{\"none\": {\"design\": \"none\"}}");
	mark = loader_enter(loader, "variants");
	if (!read_is_object(loader, json, error))
		return false;
	json_object_foreach((json_t *)json, name, value)
	{
		struct fscrypt_variant *variant;
		size_t at = loader_enter(loader, name);

		if (strcmp(name, "doc") || !json_is_string(value)) {
			variant = read_variant(loader, registry, name, value, error);
			if (!variant)
				return false;
			g_ptr_array_add(scenario->variants, variant);
		}
		loader_leave(loader, at);
	}
	if (!scenario->variants->len)
		return loader_fail(loader, error, "variants: expected at least one");
	loader_leave(loader, mark);
	return true;
}

bool scenario_fit_variants(struct loader *loader, const struct scenario_registry *registry,
			   const struct scenario *scenario, GError **error)
{
	size_t mark = loader_enter(loader, "variants");

	for (guint i = 0; registry->variant_fits && i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];
		size_t at = loader_enter(loader, variant->name);
		GError *cause = NULL;

		if (!registry->variant_fits(variant, &scenario->machine, &cause))
			return loader_prefix(loader, cause, error);
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}

void scenario_free_variants(struct scenario *scenario, const struct sim_param *params)
{
	for (guint i = 0; scenario->variants && i < scenario->variants->len; i++)
		variant_free(params, g_ptr_array_index(scenario->variants, i));
	g_clear_pointer(&scenario->variants, g_ptr_array_unref);
}

/* ---- --variant ---------------------------------------------------------------------------- */

static bool fail_option(const char *text, GError **error, const char *message)
{
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
		    "--variant '%s': error: %s\n"
		    "expected 'NAME: key=value …', such as 'light: design=lightweight setup=pool'",
		    text, message);
	return false;
}

static bool add_words(json_t *variant, const struct sim_param *params, char **words,
		      const char *text, GError **error)
{
	for (; *words; words++) {
		char *equals = strchr(*words, '=');
		g_autofree char *message = NULL;

		if (!equals || equals == *words) {
			message = g_strdup_printf("\"%s\" is not key=value", *words);
			return fail_option(text, error, message);
		}
		*equals = '\0';
		if (json_object_get(variant, *words)) {
			message = g_strdup_printf("the key \"%s\" is given twice", *words);
			return fail_option(text, error, message);
		}
		json_object_set_new(variant, *words,
				    json_of_text(sim_param_find(params, *words), equals + 1));
	}
	return true;
}

static bool add_variant(struct loader *loader, json_t *variants, const struct sim_param *params,
			const char *text, GError **error)
{
	const char *colon = strchr(text, ':');
	g_autofree char *name = NULL, *origin = NULL;
	g_auto(GStrv) words = NULL;
	g_autoptr(GError) cause = NULL;
	json_t *variant = json_object();
	size_t mark;

	if (!g_utf8_validate(text, -1, NULL) || !colon) {
		json_decref(variant);
		return fail_option(g_utf8_validate(text, -1, NULL) ? text : "?", error,
				   colon ? "not UTF-8 text" : "no ':' behind the name");
	}
	name = g_strstrip(g_strndup(text, (gsize)(colon - text)));
	if (json_object_get(variants, name)) {
		json_decref(variant);
		return fail_option(text, error, "the variant is given twice");
	}
	json_object_set_new(variants, name, variant);
	mark = loader_enter(loader, "variants");
	loader_enter(loader, name);
	origin = g_strdup_printf("--variant '%s'", text);
	loader_override(loader, loader->at->str, origin);
	loader_leave(loader, mark);
	if (!g_shell_parse_argv(colon + 1, NULL, &words, &cause)) {
		if (!g_error_matches(cause, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
			return fail_option(text, error, cause->message);
		return true;
	}
	return add_words(variant, params, words, text, error);
}

bool scenario_replace_variants(struct loader *loader, const struct sim_param *params,
			       const char *const *variants, GError **error)
{
	json_t *json = json_object();

	json_object_set_new(loader->root, "variants", json);
	for (; *variants; variants++)
		if (!add_variant(loader, json, params, *variants, error))
			return false;
	return true;
}
