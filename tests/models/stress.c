/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random scripts side by side on one filesystem: whatever they meet, nothing may stay behind. */
#include <criterion/criterion.h>

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "models/workload/workload.h"
#include "scenarios/scenarios.h"

enum { ACTORS = 4, OPERATIONS = 120, MIB = 1 << 20 };

static uint32_t draw(uint64_t *state, uint32_t below)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return (uint32_t)((z ^ z >> 31) % below);
}

/* ---- scripts ---- */

/* Three trees: plain, under key k0, under key k1; the scripts meet on a few files of each. */
static void file_name(GString *out, uint64_t *state)
{
	/* One draw a statement: the order of a call's arguments is the compiler's. */
	uint32_t dir = draw(state, 3), file = draw(state, 4);

	g_string_append_printf(out, " d%u/f%u", dir, file);
}

static void range(GString *out, uint64_t *state)
{
	uint32_t unit = draw(state, 3) ? 4096 : 1000;

	uint32_t at = draw(state, 400), count = draw(state, 60) + 1;

	g_string_append_printf(out, " %u %u", at * unit, count * unit);
}

static void dir_name(GString *out, uint64_t *state)
{
	uint32_t dir = draw(state, 3), below = draw(state, 2);

	g_string_append_printf(out, " d%u/g%u", dir, below);
}

static void add_name_operation(GString *out, uint64_t *state)
{
	static const char *const two_files[] = {"rename", "rename", "link", "exchange"};
	static const char *const on_dir[] = {"mkdir", "mkdir", "rmdir", "ls", "stat", "getpolicy"};
	uint32_t what = draw(state, 10);

	if (what < 4) {
		g_string_append(out, two_files[draw(state, G_N_ELEMENTS(two_files))]);
		file_name(out, state);
		file_name(out, state);
	} else if (what < 7) {
		g_string_append(out, on_dir[draw(state, G_N_ELEMENTS(on_dir))]);
		dir_name(out, state);
	} else if (what < 9) {
		g_string_append(out, draw(state, 2) ? "rename" : "exchange");
		dir_name(out, state);
		if (draw(state, 2))
			dir_name(out, state);
		else
			file_name(out, state);
	} else {
		uint32_t snapshot = draw(state, 6), key = draw(state, 2), file = draw(state, 4);

		g_string_append_printf(out,
				       "policy s%u k%u\nwrite s%u/d0/f%u 4096 8192\n"
				       "open s%u/d0/f%u",
				       snapshot, key, snapshot, file, snapshot, file);
	}
}

static void add_operation(GString *out, uint64_t *state)
{
	static const char *const on_range[] = {"write", "write",  "write", "read", "read",
					       "punch", "falloc", "zero",  "dio"};
	static const char *const on_file[] = {"unlink", "open", "close", "open", "close", "defrag"};
	uint32_t what = draw(state, 120);

	if (what < 55) {
		const char *op = on_range[draw(state, G_N_ELEMENTS(on_range))];

		g_string_append(out, op);
		file_name(out, state);
		range(out, state);
		g_string_append(out, op[0] == 'd' ? " 65536" : "");
	} else if (what < 70) {
		g_string_append(out, on_file[draw(state, G_N_ELEMENTS(on_file))]);
		file_name(out, state);
	} else if (what < 76) {
		g_string_append(out, "truncate");
		file_name(out, state);
		g_string_append_printf(out, " %u", draw(state, 500) * 1000);
	} else if (what < 80) {
		g_string_append(out, "append");
		file_name(out, state);
		g_string_append(out, " 5000 3 fsync");
	} else if (what < 88) {
		g_string_append(out, "reflink");
		file_name(out, state);
		file_name(out, state);
	} else if (what < 90) {
		bool removes = draw(state, 2);

		g_string_append_printf(out, "%s k%u", removes ? "rmkey" : "addkey", draw(state, 2));
	} else if (what < 93) {
		g_string_append_printf(out, "%s . s%u", "snapshot", draw(state, 6));
	} else if (what < 95) {
		g_string_append_printf(out, "subdel s%u", draw(state, 6));
	} else if (what < 97) {
		g_string_append(out, draw(state, 2) ? "dropcaches" : "balance");
	} else if (what < 100) {
		g_string_append(out, "sync");
	} else {
		add_name_operation(out, state);
	}
	g_string_append_c(out, '\n');
}

static char *make_script(uint64_t seed)
{
	GString *out = g_string_new(NULL);
	uint64_t state = seed;

	g_string_append(out, "addkey k0\naddkey k1\nmkdir d0\nmkdir d1\nmkdir d2\npolicy d1 k0\n"
			     "policy d2 k1\n");
	for (unsigned int i = 0; i < OPERATIONS; i++)
		add_operation(out, &state);
	return g_string_free(out, false);
}

/* ---- a world ---- */

/* Stands in for the head of struct script_config. */
struct script_text {
	char *script, *path;
	struct script *parsed;
};

struct stress {
	struct sim *sim;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	struct workload *workload;
	bool cleaned;
};

static const struct actor_kind *script_kind(void)
{
	for (size_t i = 0; actor_kinds[i]; i++)
		if (!g_strcmp0(actor_kinds[i]->name, "script"))
			return actor_kinds[i];
	cr_assert(false, "no script actor");
	return NULL;
}

static void clean_up(struct kernel_task *task, void *arg)
{
	struct stress *s = arg;

	btrfs_drop_caches(task, s->fs);
	s->cleaned = true;
}

static void mount(struct kernel_task *task, void *arg)
{
	(void)arg;
	machine_prime(task);
}

static void build(struct stress *s, const struct cost_profile *profile,
		  const struct fscrypt_variant *variant, uint64_t seed, uint64_t memory)
{
	struct sim_options options = {.seed = seed};
	struct machine_config machine = {
		.profile = profile,
		.cpus = 1 + seed % 5,
		.memory_bytes = memory,
		.devices = 1,
		.device_channels = 4,
		.dirty_background_permille = 100,
		.dirty_permille = 200,
		.flushers = true,
	};
	struct btrfs_config config = {
		.encrypts = fscrypt_variant_encrypts(variant),
		.context_bytes = fscrypt_variant_context_bytes(variant),
		.context_separate = variant->layout == LAYOUT_SEPARATE,
		.buffer_direct_writes = seed % 2,
		.mixed_trees = true,
		.leaf_borrows = seed % 4 == 3,
	};

	*s = (struct stress){.sim = sim_new(&options)};
	s->machine = machine_new(s->sim, &machine);
	s->fs = btrfs_mount(s->machine, &config, NULL);
	s->fc = fscrypt_new(s->fs, variant);
	s->workload = workload_new(s->machine, s->fs, s->fc);
}

static void take_apart(struct stress *s)
{
	sim_free(s->sim);
	workload_free(s->workload);
	btrfs_free(s->fs);
	fscrypt_free(s->fc);
	machine_free(s->machine);
}

static void expect_nothing_left(struct stress *s, const char *what, uint64_t seed)
{
	static const char *const sites[] = {
		"extent_map",	      "ordered_extent",	     "btrfs_bio",
		"trans_handle",	      "btrfs_path",	     "delayed_ref",
		"fscrypt_inode_info", "fscrypt_extent_info", "page_cache"};
	size_t found;

	sim_deadlocks(s->sim, &found);
	cr_expect_eq(found, 0u, "%s %lu: %zu deadlocks", what, (unsigned long)seed, found);
	sim_lock_cycles(s->sim, &found);
	cr_expect_eq(found, 0u, "%s %lu: %zu cycles", what, (unsigned long)seed, found);
	for (size_t i = 0; i < G_N_ELEMENTS(sites); i++)
		cr_expect_eq(alloc_site_bytes(alloc_site(s->machine, sites[i])), 0u,
			     "%s %lu: %lu bytes of %s are left", what, (unsigned long)seed,
			     (unsigned long)alloc_site_bytes(alloc_site(s->machine, sites[i])),
			     sites[i]);
	cr_expect_eq(s->fs->inodes.length, 0u, "%s %lu: %u inodes are left", what,
		     (unsigned long)seed, s->fs->inodes.length);
	cr_expect_eq(s->fc->count.infos_created, s->fc->count.infos_freed);
	for (guint i = 0; i < fscrypt_findings(s->fc)->len; i++) {
		const struct fscrypt_finding *f = fscrypt_findings(s->fc)->pdata[i];

		cr_expect(false, "%s %lu: %s: %s", what, (unsigned long)seed, f->kind, f->text);
	}
	cr_expect_eq(s->fs->count.lost_writes, 0u, "%s %lu: %lu lost", what, (unsigned long)seed,
		     (unsigned long)s->fs->count.lost_writes);
	store_check(s->fs->store);
}

static void run(const struct cost_profile *profile, const char *name,
		const struct fscrypt_variant *variant, uint64_t seed, uint64_t memory)
{
	const struct actor_kind *kind = script_kind();
	struct script_text config[ACTORS] = {0};
	struct stress s;

	build(&s, profile, variant, seed, memory);
	cr_assert_eq(fscrypt_mount(s.fc), 0);
	kernel_spawn(s.machine, "mount", mount, NULL);
	for (unsigned int i = 0; i < ACTORS; i++) {
		config[i].script = make_script(seed * ACTORS + i + 1);
		cr_assert(kind->check(&config[i], NULL));
		kind->start(s.workload, "script", &config[i]);
	}
	cr_expect_eq(sim_run(s.sim, SIM_NEVER), SIM_END_IDLE, "%s %lu", name, (unsigned long)seed);
	cr_expect_eq(s.workload->running, 0u, "%s %lu: %u stuck", name, (unsigned long)seed,
		     s.workload->running);
	if (!s.workload->running) {
		kernel_spawn(s.machine, "cleaner", clean_up, &s);
		sim_run(s.sim, SIM_NEVER);
		cr_expect(s.cleaned);
		expect_nothing_left(&s, name, seed);
	}
	take_apart(&s);
	for (unsigned int i = 0; i < ACTORS; i++) {
		kind->clear(&config[i]);
		g_free(config[i].script);
	}
}

static const struct {
	const char *name;
	const struct extent_design *design;
	enum context_layout layout;
	int64_t pool_size, pool_map;
	uint64_t memory_bytes;
} cases[] = {
	{"none", &design_none, LAYOUT_APPENDED, 1, 0, 512ull * MIB},
	{"light", &design_lightweight, LAYOUT_APPENDED, 128, 0, 512ull * MIB},
	{"light, a cipher, a map", &design_lightweight, LAYOUT_SEPARATE, 1, 1, 64ull * MIB},
	{"heavy", &design_heavyweight, LAYOUT_APPENDED, 2, 1, 512ull * MIB},
	{"heavy, separate", &design_heavyweight, LAYOUT_SEPARATE, 1, 0, 64ull * MIB},
};

static int64_t index_of(const char *(*name)(size_t), const char *want)
{
	for (size_t i = 0; name(i); i++)
		if (!g_strcmp0(name(i), want))
			return (int64_t)i;
	return -1;
}

Test(btrfs_stress, random_scripts_side_by_side_leave_nothing_behind)
{
	GError *error = NULL;
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", &error);
	const char *seeds = g_getenv("STRESS_SEEDS");
	uint64_t count = seeds ? g_ascii_strtoull(seeds, NULL, 10) : 40;

	cr_assert_not_null(profile, "%s", error ? error->message : "?");
	for (uint64_t seed = 1; seed <= count; seed++)
		for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
			bool none = cases[i].design == &design_none;
			struct fscrypt_variant variant = {
				.design = index_of(extent_design_name, cases[i].design->name),
				.layout = cases[i].layout,
				.setup = index_of(key_setup_name, none ? "none" : "pool"),
				.pool_size = cases[i].pool_size,
				.pool_map = cases[i].pool_map,
				.info_shared = 1,
			};

			run(profile, cases[i].name, &variant, seed, cases[i].memory_bytes);
		}
	cost_profile_free(profile);
}
