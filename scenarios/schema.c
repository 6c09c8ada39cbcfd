/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Schemas (draft 2020-12) of scenario files and cost profiles, out of the loader's tables. */
#include "scenarios/loader.h"

#include <string.h>

#define DRAFT "https://json-schema.org/draft/2020-12/schema"
#define REF_COST "#/$defs/cost"
#define REF_SIZE "#/$defs/size"
#define NUMBER "[0-9]+(\\.[0-9]{1,9})? ?"
#define TIME_PATTERN "(0|" NUMBER "(ns|us|ms|s|min|h))"
#define BYTES_PATTERN "(0|" NUMBER "(B|KiB|MiB|GiB|TiB))"
#define DIST_PATTERN                                                                               \
	"^ *(" TIME_PATTERN "|(constant|exponential) +" TIME_PATTERN "|uniform +" TIME_PATTERN     \
	" +" TIME_PATTERN "|hyperexponential +" TIME_PATTERN                                       \
	" +[0-9.]+|quantiles( +[0-9.]+:" TIME_PATTERN ")+) *$"

static json_t *string_schema(const char *pattern)
{
	return pattern ? json_pack("{s:s, s:s}", "type", "string", "pattern", pattern)
		       : json_pack("{s:s}", "type", "string");
}

/* A text with a unit; nothing needs none. */
static json_t *unit_schema(const char *pattern)
{
	return json_pack("{s:[o, {s:i}]}", "anyOf", string_schema(pattern), "const", 0);
}

static json_t *int_schema(int64_t min, int64_t max)
{
	json_t *schema = json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)min);

	if (min < 0 || max > 0)
		json_object_set_new(schema, "maximum", json_integer(max));
	return schema;
}

static json_t *word_schema(const struct sim_param *param)
{
	json_t *words = json_array();
	const char *word;

	for (size_t i = 0; (word = param->word(i)); i++)
		json_array_append_new(words, json_string(word));
	return json_pack("{s:o}", "enum", words);
}

static json_t *type_schema(const struct sim_param *param)
{
	switch (param->type) {
	case SIM_PARAM_INT:
		return int_schema(param->min, param->max);
	case SIM_PARAM_BYTES:
		return unit_schema("^" BYTES_PATTERN "$");
	case SIM_PARAM_TIME:
		return unit_schema("^" TIME_PATTERN "$");
	case SIM_PARAM_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case SIM_PARAM_WORD:
		return word_schema(param);
	case SIM_PARAM_TEXT:
	case SIM_PARAM_FILE:
		return string_schema(NULL);
	case SIM_PARAM_LINES:
		return json_pack("{s:s, s:o}", "type", "array", "items",
				 string_schema("^[^\\r\\n]*$"));
	case SIM_PARAM_DIST:
		return unit_schema(DIST_PATTERN);
	}
	g_assert_not_reached();
}

/* The default as the file would give it. */
static json_t *fallback_json(const struct sim_param *param)
{
	return json_of_text(param, param->fallback);
}

static json_t *param_schema(const struct sim_param *param)
{
	json_t *schema = type_schema(param);

	json_object_set_new(schema, "description", json_string(param->help));
	if (param->fallback && *param->fallback)
		json_object_set_new(schema, "default", fallback_json(param));
	return schema;
}

static json_t *object_schema(void)
{
	return json_pack("{s:s, s:{s:{s:s}}, s:b}", "type", "object", "properties", "doc", "type",
			 "string", "additionalProperties", false);
}

static void add_property(json_t *object, const char *name, json_t *schema, bool required)
{
	json_object_set_new(json_object_get(object, "properties"), name, schema);
	if (!required)
		return;
	if (!json_object_get(object, "required"))
		json_object_set_new(object, "required", json_array());
	json_array_append_new(json_object_get(object, "required"), json_string(name));
}

static json_t *table_schema(const struct sim_param *table)
{
	json_t *object = object_schema();

	for (; table->name; table++)
		add_property(object, table->name, param_schema(table), !table->fallback);
	return object;
}

/* Every name is of the one form that `ref` points at. */
static json_t *kernel_schema(const struct kernel_name *table, size_t n, const char *ref,
			     bool required)
{
	json_t *object = object_schema();

	for (size_t i = 0; i < n; i++)
		add_property(object, table[i].name,
			     json_pack("{s:s, s:s}", "$ref", ref, "description", table[i].meaning),
			     required);
	return object;
}

static json_t *actor_schema(const struct actor_kind *kind)
{
	json_t *object = table_schema(kind->params);

	add_property(object, "name", param_schema(sim_param_find(actor_params, "name")), false);
	add_property(object, "kind",
		     json_pack("{s:s, s:s}", "const", kind->name, "description", kind->summary),
		     true);
	return object;
}

static json_t *actors_schema(const struct scenario_registry *registry)
{
	json_t *kinds = json_array();

	for (const struct actor_kind *const *kind = registry->actor_kinds; *kind; kind++)
		json_array_append_new(kinds, actor_schema(*kind));
	return json_pack("{s:s, s:i, s:{s:o}}", "type", "array", "minItems", 1, "items", "oneOf",
			 kinds);
}

static json_t *variants_schema(const struct scenario_registry *registry)
{
	return json_pack("{s:s, s:{s:{s:s}}, s:o, s:i}", "type", "object", "properties", "doc",
			 "type", "string", "additionalProperties",
			 table_schema(registry->variant_params), "minProperties", 1);
}

static json_t *scalar_schema(void)
{
	return json_pack("{s:[s, s, s]}", "type", "number", "string", "boolean");
}

static json_t *list_schema(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

/* {AXIS: STEP}, or in "exclude" also a list of steps. */
static json_t *places_schema(void)
{
	return json_pack("{s:s, s:{s:[o, o]}}", "type", "object", "additionalProperties", "anyOf",
			 scalar_schema(), list_schema(scalar_schema()));
}

static json_t *params_schema(void)
{
	return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", scalar_schema());
}

static json_t *axes_schema(void)
{
	json_t *axis = table_schema(axis_params);
	json_t *pair = json_pack("{s:s, s:{s:s}, s:i, s:i}", "type", "array", "items", "type",
				 "integer", "minItems", 2, "maxItems", 2);
	json_t *steps = json_array();

	add_property(axis, "set",
		     json_pack("{s:[o, o]}", "anyOf", string_schema(NULL),
			       list_schema(string_schema(NULL))),
		     false);
	add_property(axis, "values", list_schema(scalar_schema()), false);
	add_property(axis, "range", pair, false);
	add_property(axis, "log", json_incref(pair), false);
	add_property(
		axis, "cases",
		json_pack("{s:s, s:o}", "type", "object", "additionalProperties", params_schema()),
		false);
	add_property(axis, "estimates", list_schema(string_schema("^(costs|sizes)\\.")), false);
	for (size_t i = 0; axis_sections[i]; i++)
		if (strcmp(axis_sections[i], "set") && strcmp(axis_sections[i], "only"))
			json_array_append_new(steps,
					      json_pack("{s:[s]}", "required", axis_sections[i]));
	json_object_set_new(axis, "oneOf", steps);
	return list_schema(axis);
}

static json_t *expect_schema(void)
{
	json_t *claim = table_schema(expect_params);

	add_property(claim, "value",
		     json_pack("{s:[{s:s}, o, o]}", "anyOf", "type", "number",
			       string_schema("^" BYTES_PATTERN "$"),
			       string_schema("^" TIME_PATTERN "$")),
		     false);
	add_property(claim, "times", json_pack("{s:s}", "type", "number"), false);
	add_property(claim, "at", places_schema(), false);
	add_property(claim, "against", places_schema(), false);
	json_object_set_new(claim, "oneOf",
			    json_pack("[{s:[s]}, {s:[{s:[s]}, {s:[s]}]}]", "required", "value",
				      "anyOf", "required", "of", "required", "against"));
	return json_pack("{s:s, s:o}", "type", "array", "items", claim);
}

static char *print_schema(json_t *schema)
{
	char *text = json_dumps(schema, JSON_INDENT(2));
	char *line = g_strconcat(text, "\n", NULL);

	free(text);
	json_decref(schema);
	return line;
}

/* `cost` and `size` are what a cost and a size look like in this kind of file. */
static void set_head(json_t *schema, const char *title, json_t *cost, json_t *size)
{
	json_object_set_new(schema, "$schema", json_string(DRAFT));
	json_object_set_new(schema, "title", json_string(title));
	json_object_set_new(schema, "$defs", json_pack("{s:o, s:o}", "cost", cost, "size", size));
	add_property(schema, "$schema", string_schema(NULL), false);
}

char *scenario_schema(const struct scenario_registry *registry)
{
	json_t *top = table_schema(scenario_params);

	set_head(top, "extentsim scenario", unit_schema(DIST_PATTERN), int_schema(0, 0));
	add_property(top, "machine", table_schema(machine_params), false);
	add_property(top, "costs", kernel_schema(kernel_cost_table, KERNEL_COSTS, REF_COST, false),
		     false);
	add_property(top, "sizes", kernel_schema(kernel_size_table, KERNEL_SIZES, REF_SIZE, false),
		     false);
	add_property(top, "filesystem", table_schema(filesystem_params), false);
	add_property(top, "actors", actors_schema(registry), true);
	add_property(top, "variants", variants_schema(registry), true);
	add_property(top, "params", params_schema(), false);
	add_property(top, "axes", axes_schema(), false);
	add_property(top, "exclude", list_schema(places_schema()), false);
	add_property(top, "measure", list_schema(string_schema(NULL)), false);
	add_property(top, "expect", expect_schema(), false);
	return print_schema(top);
}

/* ---- profiles ----------------------------------------------------------------------------- */

static json_t *ns_schema(void)
{
	return json_pack("{s:[o, o]}", "anyOf", int_schema(0, 0),
			 string_schema("^" TIME_PATTERN "$"));
}

static json_t *entry_schema(json_t *bound)
{
	json_t *entry = table_schema(profile_entry_params);

	add_property(entry, "range",
		     json_pack("{s:s, s:o, s:i, s:i}", "type", "array", "items", bound, "minItems",
			       2, "maxItems", 2),
		     false);
	json_object_set_new(entry, "if",
			    json_pack("{s:{s:{s:b}}, s:[s]}", "properties", "estimate", "const",
				      true, "required", "estimate"));
	json_object_set_new(entry, "then", json_pack("{s:[s]}", "required", "range"));
	return entry;
}

static json_t *cost_schema(void)
{
	json_t *entry = entry_schema(ns_schema());

	add_property(entry, "ns", ns_schema(), false);
	add_property(entry, "quantiles",
		     json_pack("{s:s, s:[s, s], s:i, s:o}", "type", "object", "required", "0",
			       "100", "maxProperties", SIM_DIST_POINTS_MAX, "additionalProperties",
			       ns_schema()),
		     false);
	json_object_set_new(
		entry, "oneOf",
		json_pack("[{s:[s]}, {s:[s]}]", "required", "ns", "required", "quantiles"));
	return entry;
}

static json_t *size_schema(void)
{
	json_t *entry = entry_schema(int_schema(0, 0));

	add_property(entry, "value", int_schema(0, 0), true);
	return entry;
}

char *profile_schema(void)
{
	json_t *top = table_schema(profile_params);

	set_head(top, "extentsim cost profile", cost_schema(), size_schema());
	add_property(top, "costs", kernel_schema(kernel_cost_table, KERNEL_COSTS, REF_COST, true),
		     true);
	add_property(top, "sizes", kernel_schema(kernel_size_table, KERNEL_SIZES, REF_SIZE, true),
		     true);
	return print_schema(top);
}
