/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading good scenarios, overriding them, and refusing bad overrides. */
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

TestSuite(loader);

static struct scenario *load(const char *path, const struct scenario_options *options)
{
	GError *error = NULL;
	struct scenario *scenario = scenario_load(path, options, &fake_registry, &error);

	cr_assert_not_null(scenario, "%s", error ? error->message : "no reason");
	return scenario;
}

static void expect_refused(const char *path, const struct scenario_options *options,
			   const char *wanted)
{
	g_autoptr(GError) error = NULL;
	struct scenario *scenario = scenario_load(path, options, &fake_registry, &error);

	cr_assert_null(scenario, "accepted; expected: %s", wanted);
	cr_expect_str_eq(error->message, wanted, "got %s\nwant %s", error->message, wanted);
}

static struct fscrypt_variant *variant(const struct scenario *scenario, guint i)
{
	return g_ptr_array_index(scenario->variants, i);
}

static struct scenario_actor *actor(const struct scenario *scenario, guint i)
{
	return g_ptr_array_index(scenario->actors, i);
}

static void expect_top(const struct scenario *s)
{
	cr_expect_str_eq(s->name, "first-run");
	cr_expect_str_eq(s->question, "Does it load?");
	cr_expect_str_eq(s->text, loader_good);
	cr_expect_eq(s->kind, SCENARIO_STEADY);
	cr_expect_eq(s->seed, 7);
	cr_expect_eq(s->replications, 3);
	cr_expect_eq(s->until_ns, 1500000000);
	cr_expect_eq(s->machine.cpus, 4);
	cr_expect_eq(s->machine.memory_bytes, UINT64_C(1) << 30);
	cr_expect_eq(s->machine.devices, 1);
	cr_expect_eq(s->machine.flushers, false);
	cr_expect_eq(s->machine.profile, s->profile);
	cr_expect_null(s->image_path);
	cr_expect_null(s->image);
	cr_expect_eq(strlen(s->digest), 64);
}

static void expect_profile(const struct scenario *s)
{
	const struct cost_entry *hkdf = &s->profile->cost[COST_HKDF_EXPAND];
	const struct cost_entry *syscall = &s->profile->cost[COST_SYSCALL];

	cr_expect_eq(hkdf->dist.kind, SIM_DIST_EXPONENTIAL);
	cr_expect_eq(hkdf->dist.a, 1100, "twice 550 ns, not %lu", (unsigned long)hkdf->dist.a);
	cr_expect_str_eq(hkdf->source, "this scenario, times 2");
	cr_expect_eq(syscall->dist.a, 200);
	cr_expect_str_eq(syscall->source, "a test, times 2");
	cr_expect_eq(s->profile->size[SIZE_PAGE].value, 4096);
	cr_expect_str_eq(s->profile->size[SIZE_PAGE].source, "this scenario");
	cr_expect_eq(s->profile->size[SIZE_EXTENT_MAP].value, 11);
}

static void expect_parts(const struct scenario *s)
{
	const struct fake_reader_config *reader = actor(s, 0)->config;
	const struct fake_script_config *script = actor(s, 1)->config;
	const struct scenario_expect *claim = g_ptr_array_index(s->expect, 1);

	cr_assert_eq(s->actors->len, 2);
	cr_expect_str_eq(actor(s, 0)->name, "readers");
	cr_expect_eq(reader->count, 2);
	cr_expect_eq(reader->size_bytes, 65536);
	cr_expect_eq(reader->direct, 0);
	cr_expect_eq(reader->think.kind, SIM_DIST_UNIFORM);
	cr_expect_eq(reader->think.b, 9000);
	cr_expect_str_eq(actor(s, 1)->name, "script");
	cr_expect_str_eq(script->script, "write f 0 4k\nsync");
	cr_assert_eq(s->variants->len, 2);
	cr_expect_str_eq(variant(s, 0)->name, "none");
	cr_expect_str_eq(variant(s, 1)->name, "v1.light");
	cr_expect_eq(variant(s, 1)->pool_size, 8);
	cr_expect_eq(variant(s, 0)->pool_size, 128);
	cr_assert_eq(s->expect->len, 3);
	cr_expect_str_eq(claim->relation, "<=");
	cr_expect_str_eq(claim->of, "v1.light");
	claim = g_ptr_array_index(s->expect, 2);
	cr_expect_eq(claim->value, 80000.0);
	cr_expect_null(claim->of);
}

Test(loader, a_good_scenario_is_read_whole)
{
	char *library = loader_library();
	struct scenario *s = load("first-run", NULL);

	expect_top(s);
	expect_profile(s);
	expect_parts(s);
	scenario_free(s);
	loader_library_remove(library);
	g_free(library);
}

Test(loader, defaults_are_those_of_the_tables)
{
	char *library = loader_library();
	g_autofree char *path =
		loader_file(library, "small.json",
			    "{\"question\": \"q\", \"actors\": [{\"kind\": \"reader\"}],\n"
			    " \"variants\": {\"a\": {\"design\": \"none\"}}}");
	struct scenario *s = load(path, NULL);

	cr_expect_str_eq(s->name, "small");
	cr_expect_eq(s->kind, SCENARIO_TERMINATING);
	cr_expect_eq(s->seed, 1);
	cr_expect_eq(s->replications, 1);
	cr_expect_eq(s->until_ns, SIM_NEVER);
	cr_expect_eq(s->machine.dirty_permille, 200);
	cr_expect_eq(s->machine.flushers, true);
	cr_expect_eq(s->expect->len, 0);
	cr_expect_eq(s->profile->cost[COST_SYSCALL].dist.a, 100);
	scenario_free(s);
	loader_library_remove(library);
	g_free(library);
}

Test(loader, set_reaches_every_part_and_options_win_over_the_file)
{
	char *library = loader_library();
	const char *const sets[] = {"machine.cpus=16",
				    "machine.flushers=true",
				    "actors.readers.count=9",
				    "actors[0].size=1MiB",
				    "actors.readers.think=quantiles 0:1us 100:3us",
				    "actors[1].script=[\"sync\", \"dump\"]",
				    "variants.v1.light.pool.size=32",
				    "variants.v1.light.pool.map=true",
				    "costs.setkey.aes-256-xts=900ns",
				    "sizes.extent_map=144",
				    "question=42",
				    "scale_times=1",
				    "expect[0].value=3",
				    "kind=terminating",
				    NULL};
	const struct scenario_options options = {.sets = sets,
						 .seed_given = true,
						 .seed = 99,
						 .replications_given = true,
						 .replications = 5};
	struct scenario *s = load("first-run", &options);
	const struct fake_reader_config *reader = actor(s, 0)->config;
	const struct fake_script_config *script = actor(s, 1)->config;
	const struct scenario_expect *claim = g_ptr_array_index(s->expect, 0);

	cr_expect_eq(s->machine.cpus, 16);
	cr_expect_eq(s->machine.flushers, true);
	cr_expect_eq(reader->count, 9);
	cr_expect_eq(reader->size_bytes, 1 << 20);
	cr_expect_eq(reader->think.kind, SIM_DIST_QUANTILES);
	cr_expect_str_eq(script->script, "sync\ndump");
	cr_expect_eq(variant(s, 1)->pool_size, 32);
	cr_expect_eq(variant(s, 1)->pool_map, 1);
	cr_expect_eq(s->profile->cost[COST_SETKEY + CIPHER_AES_256_XTS].dist.a, 900);
	cr_expect_eq(s->profile->size[SIZE_EXTENT_MAP].value, 144);
	cr_expect_str_eq(s->question, "42");
	cr_expect_eq(claim->value, 3.0);
	cr_expect_eq(s->kind, SCENARIO_TERMINATING);
	cr_expect_eq(s->seed, 99);
	cr_expect_eq(s->replications, 5);
	cr_expect_eq(s->overrides->len, G_N_ELEMENTS(sets) - 1);
	scenario_free(s);
	loader_library_remove(library);
	g_free(library);
}

static const struct {
	const char *set, *message;
} bad_sets[] = {
	{"machine.cpu=4", "--set machine.cpu=4: error: there is no \"machine.cpu\" in a scenario\n"
			  "did you mean \"machine.cpus\"?"},
	{"machien.cpus=4", "--set machien.cpus=4: error: there is no \"machien.cpus\" in a "
			   "scenario\ndid you mean \"machine\"?"},
	{"sede=4", "--set sede=4: error: there is no \"sede\" in a scenario\n"
		   "did you mean \"seed\"?"},
	{"actors.raeders.count=1", "--set actors.raeders.count=1: error: there is no "
				   "\"actors.raeders.count\" in a scenario\n"
				   "did you mean \"actors.readers\"?"},
	{"actors.readers.cuont=1", "--set actors.readers.cuont=1: error: there is no "
				   "\"actors.readers.cuont\" in a scenario\n"
				   "did you mean \"actors.readers.count\"?"},
	{"actors[7].count=1", "--set actors[7].count=1: error: there is no \"actors[7].count\" in "
			      "a scenario\nknown below actors.: readers, script"},
	{"variants.v1.ligth.pool.size=1",
	 "--set variants.v1.ligth.pool.size=1: error: there is no "
	 "\"variants.v1.ligth.pool.size\" in a scenario\nknown below variants.: none, v1.light"},
	{"variants.none.pool.siez=1", "--set variants.none.pool.siez=1: error: there is no "
				      "\"variants.none.pool.siez\" in a scenario\n"
				      "did you mean \"variants.none.pool.size\"?"},
	{"costs.hkdf_expend=1us", "--set costs.hkdf_expend=1us: error: there is no "
				  "\"costs.hkdf_expend\" in a scenario\n"
				  "did you mean \"costs.hkdf_expand\"?"},
	{"expect[3].value=1", "--set expect[3].value=1: error: there is no \"expect[3].value\" in "
			      "a scenario\nwrite expect[N].key, N from 0"},
	{"machine.cpus", "--set machine.cpus: error: expected PATH=VALUE, such as machine.cpus=4"},
	{"machine.cpus=four",
	 "--set machine.cpus=four: error: cpus: expected an integer from 1 to 8192, got \"four\""},
	{"machine.memory=64", "--set machine.memory=64: error: memory: expected a size with a "
			      "unit, such as \"64MiB\", from 16MiB to 64TiB, got \"64\""},
	{"variants.none.design=blue",
	 "--set variants.none.design=blue: error: design: unknown design \"blue\"\n"
	 "expected one of \"none\", \"lightweight\", \"heavyweight\""},
	{"variants.none.setup=pool", "--set variants.none.setup=pool: error: variant \"none\": "
				     "design \"none\" has no key to set up"},
};

Test(loader, a_bad_set_names_the_option_and_the_nearest_path)
{
	char *library = loader_library();

	for (size_t i = 0; i < G_N_ELEMENTS(bad_sets); i++) {
		const char *const sets[] = {bad_sets[i].set, NULL};
		const struct scenario_options options = {.sets = sets};

		expect_refused("first-run", &options, bad_sets[i].message);
	}
	loader_library_remove(library);
	g_free(library);
}

Test(loader, variant_options_replace_those_of_the_file)
{
	char *library = loader_library();
	const char *const variants[] = {"b: design=heavyweight setup=pool pool.size=4",
					"a:design=none", NULL};
	const char *const sets[] = {"variants.b.pool.map=true", NULL};
	struct scenario_options options = {.variants = variants, .sets = sets};
	struct scenario *s = load("first-run", &options);

	cr_assert_eq(s->variants->len, 2);
	cr_expect_str_eq(variant(s, 0)->name, "b");
	cr_expect_eq(variant(s, 0)->design, 2);
	cr_expect_eq(variant(s, 0)->pool_size, 4);
	cr_expect_eq(variant(s, 0)->pool_map, 1);
	cr_expect_str_eq(variant(s, 1)->name, "a");
	cr_expect_eq(s->expect->len, 0, "claims about replaced variants have gone");
	scenario_free(s);
	loader_library_remove(library);
	g_free(library);
}

#define FORM "\nexpected 'NAME: key=value …', such as 'light: design=lightweight setup=pool'"
static const struct {
	const char *variant, *message;
} bad_variants[] = {
	{"light", "--variant 'light': error: no ':' behind the name" FORM},
	{"a: design", "--variant 'a: design': error: \"design\" is not key=value" FORM},
	{"a: design=none design=none",
	 "--variant 'a: design=none design=none': error: the key \"design\" is given twice" FORM},
	{"a: desing=none", "--variant 'a: desing=none': error: unknown key \"desing\" in variant "
			   "\"a\"\ndid you mean \"design\"?"},
	{"a: setup=pool", "--variant 'a: setup=pool': error: variant \"a\" lacks the key "
			  "\"design\"\nwhat an extent stores"},
	{"a: design=none pool.size=0", "--variant 'a: design=none pool.size=0': error: pool.size: "
				       "expected an integer from 1 to 1048576, got \"0\""},
	{": design=none", "--variant ': design=none': error: the name of variant \"\" is empty"},
};

Test(loader, a_bad_variant_option_is_named)
{
	char *library = loader_library();

	for (size_t i = 0; i < G_N_ELEMENTS(bad_variants); i++) {
		const char *const variants[] = {bad_variants[i].variant, NULL};
		const struct scenario_options options = {.variants = variants};

		expect_refused("first-run", &options, bad_variants[i].message);
	}
	loader_library_remove(library);
	g_free(library);
}

Test(loader, a_bare_script_becomes_one_actor_on_the_default_machine)
{
	char *library = loader_library();
	g_autofree char *path =
		loader_file(library, "five.ops", "write f 0 4k\r\n\n# note\nsync\n");
	const struct fake_script_config *config;
	struct scenario *s = load(path, NULL);

	cr_expect_str_eq(s->name, "five.ops");
	cr_assert_eq(s->actors->len, 1);
	config = actor(s, 0)->config;
	cr_expect_str_eq(config->script, "write f 0 4k\n\n# note\nsync");
	cr_expect_str_eq(config->script_path, path);
	cr_assert_eq(s->variants->len, 1);
	cr_expect_str_eq(variant(s, 0)->name, "none");
	cr_expect_eq(s->machine.cpus, 8);
	scenario_free(s);
	loader_library_remove(library);
	g_free(library);
}

Test(loader, a_bad_line_of_a_script_is_named_where_the_user_wrote_it)
{
	char *library = loader_library();
	const char *const sets[] = {"actors.script.script=[\"wrong\"]", NULL};
	const struct scenario_options options = {.sets = sets};

	cr_assert_eq(chdir(library), 0);
	g_free(loader_file(library, "bad.ops", "sync\n\ngo wrong\n"));
	g_free(loader_file(library, "nothing.ops", ""));
	expect_refused("bad.ops", NULL, "bad.ops:3:4: error: unknown operation \"wrong\"");
	expect_refused("nothing.ops", NULL, "nothing.ops: error: the script is empty");
	expect_refused("first-run", &options,
		       "--set actors.script.script=[\"wrong\"]:1:1: error: unknown operation "
		       "\"wrong\"");
	cr_assert_eq(chdir("/"), 0);
	loader_library_remove(library);
	g_free(library);
}

static char *digest_of(const char *path, const char *set, const char *variant_text)
{
	const char *const sets[] = {set, NULL};
	const char *const variants[] = {variant_text, NULL};
	const struct scenario_options options = {.sets = sets, .variants = variants};
	struct scenario *s = load(path, &options);
	char *digest = g_strdup(s->digest);

	scenario_free(s);
	return digest;
}

Test(loader, the_digest_is_of_the_scenario_and_not_of_its_spelling_seed_or_place)
{
	char *library = loader_library();
	g_autofree char *other = loader_file(library, "elsewhere/copy.json", loader_good);
	g_autofree char *plain = digest_of("first-run", NULL, NULL);
	g_autofree char *copy = digest_of(other, NULL, NULL);
	g_autofree char *seed = digest_of("first-run", "seed=8", NULL);
	g_autofree char *replications = digest_of("first-run", "replications=9", NULL);
	g_autofree char *cpus = digest_of("first-run", "machine.cpus=5", NULL);
	g_autofree char *one = digest_of("first-run", NULL, "x: design=none");

	cr_expect_str_eq(plain, copy);
	cr_expect_str_eq(plain, seed);
	cr_expect_str_eq(plain, replications);
	cr_expect_str_neq(plain, cpus);
	cr_expect_str_neq(plain, one);
	loader_library_remove(library);
	g_free(library);
}

Test(loader, what_cannot_be_read_is_refused_with_the_reason)
{
	char *library = loader_library();
	g_autofree char *text = g_strnfill((17 << 20), '[');

	cr_assert_eq(chdir(library), 0);
	g_free(loader_file(library, "brackets.json", text));
	g_free(loader_file(library, "folder.json/x", ""));
	expect_refused("brackets.json", NULL,
		       "brackets.json: error: the scenario is larger than 16 MiB, the most that "
		       "is read");
	expect_refused("/dev/zero", NULL,
		       "/dev/zero: error: the scenario is larger than 16 MiB, the most that is "
		       "read");
	expect_refused("folder.json", NULL, "folder.json: error: it is a directory, not a file");
	expect_refused("frist-run", NULL,
		       "frist-run: error: no scenario \"frist-run\": neither a file nor a name of "
		       "the library\ndid you mean \"first-run\"?");
	expect_refused("nowhere/x.ops", NULL,
		       "nowhere/x.ops: error: no script \"nowhere/x.ops\": neither a file nor a "
		       "name of the library\nthe library has: first-run");
	cr_assert_eq(chdir("/"), 0);
	loader_library_remove(library);
	g_free(library);
}

/* A deterministic generator: the tests must not differ from run to run. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static char *mutate(const char *text, uint32_t *state)
{
	static const char bytes[] = "{}[]\",:\\0123456789-.eEtnfu \n\t\xff\x01zKMGiBs";
	GString *out = g_string_new(text);

	for (uint32_t n = 1 + next_random(state) % 4; n && out->len; n--) {
		gsize at = next_random(state) % out->len;
		gsize span = next_random(state) % 40;
		char byte = bytes[next_random(state) % (sizeof(bytes) - 1)];

		switch (next_random(state) % 4) {
		case 0:
			out->str[at] = byte;
			break;
		case 1:
			g_string_insert_c(out, (gssize)at, byte);
			break;
		case 2:
			g_string_erase(out, (gssize)at, 1);
			break;
		default:
			g_string_erase(out, (gssize)at, (gssize)MIN(span, out->len - at - 1));
			break;
		}
	}
	return g_string_free(out, FALSE);
}

Test(loader, two_thousand_mutations_are_read_or_refused_but_never_crash)
{
	char *library = loader_library();
	unsigned refused = 0, accepted = 0;
	uint32_t state = 1;

	for (unsigned i = 0; i < 2000; i++) {
		g_autofree char *text = mutate(loader_good, &state);
		g_autofree char *path = loader_file(library, "mutant.json", text);
		g_autoptr(GError) error = NULL;
		struct scenario *s = scenario_load(path, NULL, &fake_registry, &error);

		cr_assert_eq(!s, !!error, "mutation %u", i);
		refused += !s;
		accepted += !!s;
		if (error)
			cr_assert(strstr(error->message, ": error: "), "%s", error->message);
		scenario_free(s);
	}
	cr_expect_gt(refused, 1000, "only %u were refused", refused);
	cr_expect_gt(accepted, 20, "only %u were accepted", accepted);
	loader_library_remove(library);
	g_free(library);
}

Test(loader, mutated_options_are_applied_or_refused_but_never_crash)
{
	char *library = loader_library();
	unsigned refused = 0;
	uint32_t state = 7;

	for (unsigned i = 0; i < 2000; i++) {
		g_autofree char *set = mutate(bad_sets[i % G_N_ELEMENTS(bad_sets)].set, &state);
		g_autofree char *variant_text =
			mutate("a: design=heavyweight setup=pool 'pool.size=4'", &state);
		const char *const sets[] = {set, NULL};
		const char *const variants[] = {variant_text, NULL};
		const struct scenario_options options = {.sets = i % 3 ? sets : NULL,
							 .variants = i % 3 != 1 ? variants : NULL};
		g_autoptr(GError) error = NULL;
		struct scenario *s = scenario_load("first-run", &options, &fake_registry, &error);

		cr_assert_eq(!s, !!error, "mutation %u", i);
		refused += !s;
		scenario_free(s);
	}
	cr_expect_gt(refused, 1000, "only %u were refused", refused);
	loader_library_remove(library);
	g_free(library);
}
