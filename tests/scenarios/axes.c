/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters, axes and the points of their product. */
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(axes);

#define HEAD                                                                                       \
	"{\"question\": \"Where is the knee?\", \"measure\": [\"m\"],\n"                           \
	"\"variants\": {\"none\": {\"design\": \"none\"},\n"                                       \
	" \"light\": {\"design\": \"lightweight\", \"setup\": \"pool\"},\n"                        \
	" \"heavy\": {\"design\": \"heavyweight\", \"setup\": \"pool\"}},\n"                       \
	"\"params\": {\"files\": 3, \"size\": \"4k\"},\n"                                          \
	"\"actors\": [{\"name\": \"r\", \"kind\": \"reader\", \"count\": \"${files}\"},\n"         \
	" {\"kind\": \"script\", \"script\": [\"repeat ${files} write f{} 0 ${size}\"]}],\n"
#define POOLS "{\"name\": \"pool\", \"set\": \"variants.*.pool.size\", \"values\": [4, 8]}"
#define CPUS "{\"name\": \"cpus\", \"set\": \"machine.cpus\", \"log\": [2, 12], \"factor\": 4}"

struct world {
	char *library, *path;
};

static struct scenario *load(struct world *w, const char *text, const char *const *sets)
{
	struct scenario_options options = {.sets = sets};
	GError *error = NULL;
	struct scenario *scenario;

	w->library = loader_library();
	w->path = loader_file(w->library, "axes.json", text);
	scenario = scenario_load(w->path, &options, &fake_registry, &error);
	cr_assert_not_null(scenario, "%s", error ? error->message : "no reason");
	return scenario;
}

static struct scenario *at(const struct scenario *scenario, guint point, const char *const *sets)
{
	struct scenario_options options = {.sets = sets};
	GError *error = NULL;
	struct scenario *there = scenario_at_point(scenario, point, &options, &error);

	cr_assert_not_null(there, "%s", error ? error->message : "no reason");
	return there;
}

static void end(struct world *w, struct scenario *scenario)
{
	scenario_free(scenario);
	loader_library_remove(w->library);
	g_free(w->library);
	g_free(w->path);
}

static const struct fscrypt_variant *variant(const struct scenario *scenario, guint i)
{
	return scenario->variants->pdata[i];
}

static char *labels(const struct scenario *scenario, guint axis)
{
	GString *text = g_string_new(NULL);
	const struct scenario_axis *a = scenario->axes->pdata[axis];

	for (guint i = 0; i < a->steps->len; i++)
		g_string_append_printf(text, "%s%s", i ? " " : "",
				       ((struct scenario_step *)a->steps->pdata[i])->label);
	return g_string_free(text, false);
}

Test(axes, a_parameter_fills_texts_and_takes_the_place_of_whole_values)
{
	static const char *const sets[] = {"params.files=5", NULL};
	struct world w;
	struct scenario *s = load(&w, HEAD "\"axes\": []}", sets);
	const struct fake_reader_config *reader =
		((struct scenario_actor *)s->actors->pdata[0])->config;
	const struct fake_script_config *script =
		((struct scenario_actor *)s->actors->pdata[1])->config;

	cr_expect_eq(reader->count, 5);
	cr_expect_str_eq(script->script, "repeat 5 write f{} 0 4k");
	cr_expect_eq(s->points->len, 1, "a scenario without axes is one point");
	end(&w, s);
}

Test(axes, points_are_the_product_and_each_is_the_scenario_with_its_steps_set)
{
	struct world w;
	struct scenario *s = load(&w, HEAD "\"axes\": [" CPUS ", " POOLS "]}", NULL);
	g_autofree char *cpus = labels(s, 0);
	static const uint32_t expected[][2] = {{2, 4}, {2, 8}, {8, 4}, {8, 8}, {12, 4}, {12, 8}};

	cr_expect_str_eq(cpus, "2 8 12", "got %s", cpus);
	cr_assert_eq(s->points->len, G_N_ELEMENTS(expected));
	for (guint i = 0; i < s->points->len; i++) {
		struct scenario *there = at(s, i, NULL);

		cr_expect_eq(there->points->len, 1);
		cr_expect_eq(there->machine.cpus, expected[i][0], "point %u", i);
		cr_expect_eq(variant(there, 1)->pool_size, expected[i][1], "point %u", i);
		cr_expect_eq(variant(there, 2)->pool_size, expected[i][1], "every variant");
		cr_expect_eq(there->seed, s->seed, "common random numbers");
		cr_expect_eq(there->overrides->len, 2);
		scenario_free(there);
	}
	end(&w, s);
}

Test(axes, excluded_points_are_left_out)
{
	struct world w;
	struct scenario *s = load(&w,
				  HEAD "\"exclude\": [{\"cpus\": [2, 12], \"pool\": 8}],\n"
				       "\"axes\": [" CPUS ", " POOLS "]}",
				  NULL);

	cr_assert_eq(s->points->len, 4);
	cr_expect_str_eq(scenario_point_step(s, 0, 1)->label, "4");
	cr_expect_str_eq(scenario_point_step(s, 1, 0)->label, "8");
	cr_expect_str_eq(scenario_point_step(s, 2, 1)->label, "8");
	end(&w, s);
}

Test(axes, set_gives_an_axis_other_steps_or_one)
{
	static const char *const sets[] = {"axes.cpus=[3, 5]", "axes.pool=16", NULL};
	struct world w;
	struct scenario *s = load(&w, HEAD "\"axes\": [" CPUS ", " POOLS "]}", sets), *there;

	cr_assert_eq(s->points->len, 2);
	cr_expect_eq(variant(s, 1)->pool_size, 16, "an axis of one step is set at once");
	there = at(s, 1, sets);
	cr_expect_eq(there->machine.cpus, 5);
	cr_expect_eq(variant(there, 1)->pool_size, 16);
	cr_expect_eq(there->overrides->len, 2, "an axis is named once");
	scenario_free(there);
	end(&w, s);
}

Test(axes, a_case_sets_several_things)
{
	struct world w;
	struct scenario *s =
		load(&w,
		     HEAD "\"axes\": [{\"name\": \"size\", \"cases\": {\n"
			  "\"small\": {\"params.size\": \"4k\", \"params.files\": 9},\n"
			  "\"large\": {\"params.size\": \"1m\", \"params.files\": 2}}}]}",
		     NULL);
	struct scenario *there = at(s, 1, NULL);
	const struct fake_script_config *script =
		((struct scenario_actor *)there->actors->pdata[1])->config;

	cr_expect_eq(s->points->len, 2);
	cr_expect_str_eq(script->script, "repeat 2 write f{} 0 1m");
	scenario_free(there);
	end(&w, s);
}

Test(axes, an_estimate_is_taken_as_shipped_and_at_both_ends_of_its_range)
{
	static const char entry[] = "{\"ns\": 80, \"estimate\": true, \"range\": [20, 400], "
				    "\"source\": \"a guess\"}";
	struct world w = {.library = loader_library()};
	g_autofree char *profile = loader_profile("costs", "line_transfer", entry);
	struct scenario_options options = {.sets = NULL};
	struct scenario *s, *there;
	g_autofree char *steps = NULL;
	GError *error = NULL;

	g_free(loader_file(w.library, "scenarios/profiles/aes-ni-6.12.json", profile));
	w.path = loader_file(w.library, "axes.json",
			     HEAD "\"axes\": [{\"name\": \"guess\", \"estimates\": "
				  "[\"costs.line_transfer\"]}]}");
	s = scenario_load(w.path, &options, &fake_registry, &error);
	cr_assert_not_null(s, "%s", error ? error->message : "");
	steps = labels(s, 0);
	cr_expect_str_eq(steps, "shipped line_transfer:low line_transfer:high");
	for (guint i = 0; i < 3; i++) {
		static const uint64_t expected[] = {80, 20, 400};

		there = at(s, i, NULL);
		cr_expect_eq(sim_dist_mean(&there->profile->cost[COST_LINE_TRANSFER].dist),
			     expected[i]);
		scenario_free(there);
	}
	end(&w, s);
}

Test(axes, what_an_axis_sets_is_not_set_beside_it)
{
	static const char *const sets[][2] = {{"machine.cpus=4", NULL},
					      {"variants.light.pool.size=4", NULL}};
	struct world w;

	for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
		struct scenario_options options = {.sets = sets[i]};
		struct scenario *s = load(&w, HEAD "\"axes\": [" CPUS ", " POOLS "]}", NULL);
		g_autoptr(GError) error = NULL;
		struct scenario *refused = scenario_load(w.path, &options, &fake_registry, &error);

		cr_assert_null(refused);
		cr_expect(strstr(error->message, i ? "axes.pool=" : "axes.cpus="), "%s",
			  error->message);
		end(&w, s);
	}
}

Test(axes, a_claim_about_a_step_that_set_took_away_is_dropped)
{
	static const char *const sets[] = {"axes.cpus=2", NULL};
	struct world w;
	struct scenario *s = load(&w,
				  HEAD "\"expect\": [{\"variant\": \"light\", \"metric\": \"m\", "
				       "\"is\": \"<\", \"at\": {\"cpus\": 2}, \"against\": "
				       "{\"cpus\": 8}, \"times\": 0.5},\n"
				       "{\"variant\": \"light\", \"metric\": \"m\", \"is\": \"<\", "
				       "\"value\": 1, \"at\": {\"cpus\": 2}}],\n"
				       "\"axes\": [" CPUS "]}",
				  sets);

	cr_expect_eq(s->expect->len, 1);
	end(&w, s);
}

Test(axes, a_file_that_an_axis_names_lies_beside_the_scenario)
{
	struct world w = {.library = loader_library()};
	g_autofree char *profile =
		loader_profile("costs", "line_transfer", "{\"ns\": 77, \"source\": \"counted\"}");
	struct scenario_options options = {.sets = NULL};
	struct scenario *s, *there;
	GError *error = NULL;

	g_free(loader_file(w.library, "mine.json", profile));
	w.path = loader_file(w.library, "axes.json",
			     HEAD "\"axes\": [{\"name\": \"p\", \"set\": \"machine.profile\", "
				  "\"values\": [\"aes-ni-6.12\", \"mine.json\"]}]}");
	s = scenario_load(w.path, &options, &fake_registry, &error);
	cr_assert_not_null(s, "%s", error ? error->message : "");
	there = at(s, 1, NULL);
	cr_expect_eq(sim_dist_mean(&there->profile->cost[COST_LINE_TRANSFER].dist), 77);
	scenario_free(there);
	end(&w, s);
}

static void refuse(const char *text, const struct scenario_options *options, const char *because)
{
	struct world w = {.library = loader_library()};
	g_autoptr(GError) error = NULL;
	struct scenario *refused;

	w.path = loader_file(w.library, "axes.json", text);
	refused = scenario_load(w.path, options, &fake_registry, &error);
	cr_assert_null(refused, "%s", because);
	cr_expect(strstr(error->message, because), "%s", error->message);
	loader_library_remove(w.library);
	g_free(w.library);
	g_free(w.path);
}

Test(axes, two_axes_do_not_set_one_thing)
{
	refuse(HEAD "\"axes\": [" POOLS ", {\"name\": \"p\", \"values\": [1, 2],\n"
		    "\"set\": \"variants.light.pool.size\"}]}",
	       NULL, "axis \"pool\" sets this, too");
}

Test(axes, seed_and_replications_are_not_given_beside_their_axis)
{
	refuse(HEAD "\"axes\": [{\"name\": \"s\", \"set\": \"seed\", \"values\": [1, 2]}]}",
	       &(struct scenario_options){.seed_given = true, .seed = 3},
	       "--seed: error: axis \"s\"");
	refuse(HEAD "\"axes\": [{\"name\": \"r\", \"set\": \"replications\",\n"
		    "\"values\": [1, 2]}]}",
	       &(struct scenario_options){.replications_given = true, .replications = 3},
	       "--replications: error: axis \"r\"");
}

Test(axes, a_point_that_can_not_be_is_not_excluded)
{
	refuse(HEAD "\"exclude\": [{\"cpus\": [2, 3]}],\n\"axes\": [" CPUS "]}", NULL,
	       "axis \"cpus\" has no step \"3\"");
}

Test(axes, a_product_too_large_is_refused_at_once_even_if_all_of_it_is_excluded)
{
	g_autoptr(GString) text = g_string_new(HEAD "\"exclude\": [{}],\n\"axes\": [");

	for (int i = 0; i < 6; i++)
		g_string_append_printf(text,
				       "%s{\"name\": \"a%d\", \"set\": \"actors[%d].x\", "
				       "\"range\": [1, 1000]}",
				       i ? ",\n" : "", i, i);
	g_string_append(text, "]}");
	refuse(text->str, NULL, "more than 1000000 points");
}
