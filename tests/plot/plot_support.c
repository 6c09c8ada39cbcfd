/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/plot/plot_support.h"

#include <criterion/criterion.h>
#include <string.h>

struct results_curve *plot_curve(const char *const *axes, const char *const (*steps)[3],
				 const char *name)
{
	static const char *const measure[] = {"key.*", NULL};
	struct results_curve *curve = results_curve_new(axes, measure);

	for (size_t i = 0; steps[i][0]; i++) {
		struct results_doc *doc = fabricate_doc(2);
		int64_t value = 10 * (int64_t)i + 5;

		for (uint32_t r = 0; r < 2; r++) {
			struct figure a[] = {
				{"key.setkeys", value + 2 * r}, {"key.nonces_drawn", 0}, {NULL, 0}};
			struct figure b[] = {
				{"key.setkeys", 7 * value}, {"key.nonces_drawn", 0}, {NULL, 0}};

			fabricate_run(doc, "a", r,
				      &(struct made_up){.figures = a, .draws = 1, .digest = 1});
			fabricate_run(doc, name, r, &(struct made_up){.figures = b, .digest = 2});
		}
		results_curve_add(curve, steps[i], doc);
	}
	return curve;
}

const struct plot *plot_named(const GPtrArray *plots, const char *name)
{
	for (guint i = 0; i < plots->len; i++) {
		const struct plot *plot = plots->pdata[i];

		if (!strcmp(plot->name, name))
			return plot;
	}
	cr_assert_fail("there is no plot \"%s\" among %u", name, plots->len);
	return NULL;
}

void expect_well_formed(const char *text)
{
	static const GMarkupParser parser = {.start_element = NULL};
	GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, NULL, NULL);
	/* GMarkup knows no document type. */
	const char *start = g_str_has_prefix(text, "<!DOCTYPE html>\n")
				    ? text + strlen("<!DOCTYPE html>\n")
				    : text;
	g_autoptr(GError) error = NULL;
	bool fine = g_markup_parse_context_parse(context, start, -1, &error) &&
		    g_markup_parse_context_end_parse(context, &error);

	g_markup_parse_context_free(context);
	cr_assert(fine, "not well-formed: %s", error ? error->message : "");
}
