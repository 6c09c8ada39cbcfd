/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnuplot's SVG made fit to stand in a page: several of them, on a light ground or a dark one. */
#include "plot/internal.h"

#include <string.h>

/* gnuplot's ids are the same in each picture. */
static void prefix_ids(GString *svg, const char *prefix)
{
	static const char *const before[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};

	for (size_t i = 0; i < G_N_ELEMENTS(before); i++) {
		g_autofree char *with = g_strconcat(before[i], prefix, NULL);

		g_string_replace(svg, before[i], with, 0);
	}
}

static const char *const recoloured[][2] = {
	{"color=\"black\"", "color=\"currentColor\""},
	{"stroke='black'", "stroke='currentColor'"},
	{"stroke=\"black\"", "stroke=\"currentColor\""},
	{"fill=\"black\"", "fill=\"currentColor\""},
	{"fill='black'", "fill='currentColor'"},
	{"'rgb(  0,   0,   0)'", "'currentColor'"},
	{"\"rgb(  0,   0,   0)\"", "\"currentColor\""},
	{"stroke='rgb(221, 221, 221)'", "stroke='currentColor' stroke-opacity='0.15'"},
};

/* Its title and description are of the program; what is in the picture is said by the page. */
static void drop_element(GString *svg, const char *open, const char *close)
{
	const char *from = strstr(svg->str, open), *to = from ? strstr(from, close) : NULL;

	if (to)
		g_string_erase(svg, from - svg->str, to + strlen(close) - from);
}

bool svg_inline(const char *svg, const char *prefix, const char *label, GString *out)
{
	g_autoptr(GString) body = g_string_new(NULL);
	const char *root = strstr(svg, "<svg"), *box, *box_end, *content;

	if (!root || !(content = strchr(root, '>')) || !(box = strstr(root, "viewBox=\"")) ||
	    box > content || !(box_end = strchr(box + strlen("viewBox=\""), '"')))
		return false;
	g_string_append(body, content + 1);
	drop_element(body, "<title>", "</title>");
	drop_element(body, "<desc>", "</desc>");
	prefix_ids(body, prefix);
	for (size_t i = 0; i < G_N_ELEMENTS(recoloured); i++)
		g_string_replace(body, recoloured[i][0], recoloured[i][1], 0);
	html_format(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" "
		    "xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" aria-label=\"%s\" ",
		    label);
	g_string_append_len(out, box, box_end + 1 - box);
	g_string_append_c(out, '>');
	g_string_append(out, body->str);
	return true;
}
