/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy of files with data is replaced and the old key removed, under each design, to the count. */
#include <criterion/criterion.h>
#include <string.h>

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "models/workload/workload.h"
#include "scenarios/scenarios.h"

enum { MIB = 1 << 20, ACTORS_MAX = 4 };

/* ---- a world, whose memory is looked at when it has come to its end ---- */

struct rekey_case {
	const char *design, *setup;
	enum fscrypt_rekey rekey;
	enum fscrypt_policy_change change;
	int64_t removal, pool_scope;
	uint64_t memory_bytes; /* 0: enough */
	uint32_t seed;
};

struct world {
	struct sim *sim;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	struct workload *workload;
	struct sim_metrics *metrics;
	bool cleaned;
};

static const struct actor_kind *script_kind(void)
{
	for (size_t i = 0; actor_kinds[i]; i++)
		if (!strcmp(actor_kinds[i]->name, "script"))
			return actor_kinds[i];
	cr_assert(false, "no script actor");
	return NULL;
}

static int64_t index_of(const char *(*name)(size_t), const char *want)
{
	for (size_t i = 0; name(i); i++)
		if (!strcmp(name(i), want))
			return (int64_t)i;
	cr_assert(false, "no %s", want);
	return -1;
}

static struct fscrypt_variant variant_of(const struct rekey_case *c)
{
	return (struct fscrypt_variant){
		.design = index_of(extent_design_name, c->design),
		.setup = index_of(key_setup_name, c->setup),
		.pool_size = 8,
		.pool_scope = c->pool_scope,
		.removal = c->removal,
		.info_shared = 1,
		.rekey = c->rekey,
		.policy_change = c->change,
	};
}

static void build(struct world *w, const struct cost_profile *profile,
		  const struct fscrypt_variant *variant, const struct rekey_case *c)
{
	struct sim_options options = {.seed = c->seed};
	struct machine_config machine = {
		.profile = profile,
		.cpus = 1 + c->seed % 4,
		.memory_bytes = c->memory_bytes ? c->memory_bytes : 512ull * MIB,
		.devices = 1,
		.device_channels = 4,
		.dirty_background_permille = 100,
		.dirty_permille = 200,
		.flushers = true,
	};
	struct btrfs_config config = {
		.encrypts = fscrypt_variant_encrypts(variant),
		.context_bytes = fscrypt_variant_context_bytes(variant),
	};

	*w = (struct world){.sim = sim_new(&options), .metrics = sim_metrics_new()};
	w->machine = machine_new(w->sim, &machine);
	w->fs = btrfs_mount(w->machine, &config, NULL);
	w->fc = fscrypt_new(w->fs, variant);
	w->workload = workload_new(w->machine, w->fs, w->fc);
	cr_assert_eq(fscrypt_mount(w->fc), 0);
}

static void take_apart(struct world *w)
{
	sim_free(w->sim);
	workload_free(w->workload);
	btrfs_free(w->fs);
	fscrypt_free(w->fc);
	machine_free(w->machine);
	sim_metrics_free(w->metrics);
}

static void clean_up(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	btrfs_drop_caches(task, w->fs);
	w->cleaned = true;
}

static void expect_nothing_left(struct world *w, const char *what)
{
	static const char *const sites[] = {"extent_map", "ordered_extent", "fscrypt_inode_info",
					    "fscrypt_extent_info", "page_cache"};
	size_t found;

	sim_deadlocks(w->sim, &found);
	cr_expect_eq(found, 0u, "%s: %zu deadlocks", what, found);
	sim_lock_cycles(w->sim, &found);
	cr_expect_eq(found, 0u, "%s: %zu cycles", what, found);
	for (size_t i = 0; i < G_N_ELEMENTS(sites); i++)
		cr_expect_eq(alloc_site_bytes(alloc_site(w->machine, sites[i])), 0u,
			     "%s: %s is left", what, sites[i]);
	cr_expect_eq(w->fs->inodes.length, 0u, "%s: inodes are left", what);
	cr_expect_eq(w->fc->count.infos_created, w->fc->count.infos_freed, "%s: infos", what);
	for (guint i = 0; i < w->fc->keys->len; i++) {
		const struct master_key *key = w->fc->keys->pdata[i];

		cr_expect_eq(key->unlocked_inodes, 0u, "%s: %s has inodes", what, key->name);
		cr_expect_eq(key->extents, 0u, "%s: %s has extents", what, key->name);
	}
	store_check(w->fs->store);
}

static void expect_no_finding(const struct world *w, const char *what)
{
	for (guint i = 0; i < fscrypt_findings(w->fc)->len; i++) {
		const struct fscrypt_finding *f = fscrypt_findings(w->fc)->pdata[i];

		cr_expect(false, "%s: %s: %s", what, f->kind, f->text);
	}
}

/* Runs the scripts side by side and leaves the world at its end, with its metrics. */
static void run(struct world *w, const struct cost_profile *profile, const struct rekey_case *c,
		const char *const *scripts)
{
	struct fscrypt_variant variant = variant_of(c);
	void *config[ACTORS_MAX];
	const struct actor_kind *kind = script_kind();

	build(w, profile, &variant, c);
	for (size_t i = 0; scripts[i]; i++) {
		config[i] = g_malloc0(kind->config_bytes);
		sim_param_defaults(kind->params, config[i]);
		sim_param_set(sim_param_find(kind->params, "script"), config[i], scripts[i], NULL);
		cr_assert(kind->check(config[i], NULL));
		kind->start(w->workload, "script", config[i]);
	}
	cr_expect_eq(sim_run(w->sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(w->workload->running, 0u, "%s %s: stuck", c->design, c->setup);
	fscrypt_check_end(w->fc);
	workload_report(w->workload, w->metrics);
	fscrypt_report(w->fc, w->metrics);
	kernel_spawn(w->machine, "cleaner", clean_up, w);
	sim_run(w->sim, SIM_NEVER);
	cr_expect(w->cleaned);
	expect_nothing_left(w, c->design);
	for (size_t i = 0; i < ACTORS_MAX && scripts[i]; i++) {
		kind->clear(config[i]);
		sim_param_clear(kind->params, config[i]);
		g_free(config[i]);
	}
}

static struct cost_profile *load_profile(void)
{
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", NULL);

	cr_assert_not_null(profile);
	return profile;
}

static int64_t metric(const struct world *w, const char *name)
{
	const struct sim_metric_def *def;
	int64_t value;

	for (size_t i = 0; i < sim_metrics_count(w->metrics); i++)
		if (!strcmp(sim_metrics_at(w->metrics, i, &def, &value), name))
			return value;
	return 0;
}

struct answer {
	const char *metric;
	int64_t value;
};

static void expect_answers(const struct world *w, const struct rekey_case *c,
			   const struct answer *answers)
{
	for (; answers->metric; answers++)
		cr_expect_eq(metric(w, answers->metric), answers->value,
			     "%s %s rekey %d change %d: %s is %ld, not %ld", c->design, c->setup,
			     (int)c->rekey, (int)c->change, answers->metric,
			     (long)metric(w, answers->metric), (long)answers->value);
}

static void expect(const struct rekey_case *c, const char *script, const struct answer *answers,
		   bool sound)
{
	const char *const scripts[] = {script, NULL};
	struct cost_profile *profile = load_profile();
	struct world w;

	run(&w, profile, c, scripts);
	expect_answers(&w, c, answers);
	if (sound)
		expect_no_finding(&w, c->design);
	take_apart(&w);
	cost_profile_free(profile);
}

/* ---- one file: the whole decision ---- */

/* 256 old blocks in one extent, then 16 in another; the directory is plain, so that the file is reached
 * without the old key. */
#define BEFORE                                                                                     \
	"addkey OLD\naddkey NEW\nopen f\nclose f\nrekey f OLD\nwrite f 0 1m\nsync\ndropcaches\n"
#define AFTER                                                                                      \
	"rekey f NEW\nwrite f 1m 64k\nsync\ndropcaches\nread f 0 2m\nread f 1m 64k\n"              \
	"rmkey OLD\ndropcaches\nread f 0 2m\nread f 1m 64k\n"

Test(rekey, a_refused_replacement_leaves_the_file_under_its_key_and_lost_with_it)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool"},
		{.design = "lightweight", .setup = "at-io"},
		{.design = "heavyweight", .setup = "pool", .rekey = REKEY_REFUSE},
		{.design = "enforced", .setup = "library", .rekey = REKEY_REFUSE},
	};
	static const struct answer answers[] = {
		{"ops.rekey.count", 2},
		{"ops.rekey.refused", 1},
		{"rekey.refused", 1},
		{"rekey.files", 1},
		{"rekey.items_changed", 1},
		{"rekey.rewritten_bytes", 0},
		{"key.nonces_drawn", 2},
		{"ops.read.refused", 2},
		{"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 272},
		{"crypt.blocks_encrypted", 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, a_rewritten_file_outlives_its_old_key)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "shared-mode-key", .rekey = REKEY_REWRITE},
		{.design = "enforced", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "heavyweight",
		 .setup = "pool",
		 .rekey = REKEY_REWRITE,
		 .pool_scope = POOL_SCOPE_FILE},
		{.design = "heavyweight", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "lightweight",
		 .setup = "pool",
		 .rekey = REKEY_REWRITE,
		 .pool_scope = POOL_SCOPE_MASTER_KEY},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.files", 2},
		{"rekey.items_changed", 2},
		{"rekey.transactions", 2},
		{"rekey.rewritten_bytes", MIB},
		{"key.nonces_drawn", 3}, /* as written, anew, and what was added */
		{"ops.read.refused", 0},
		{"crypt.blocks_encrypted", 256 + 256 + 16},
		{"crypt.blocks_decrypted", 256 + 272 + 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, classic_keys_of_an_inode_are_rewritten_too)
{
	static const struct rekey_case cases[] = {
		{.design = "inode", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-open", .rekey = REKEY_REWRITE},
	};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", MIB},	 {"key.nonces_drawn", 0},
		{"ops.read.refused", 0},	 {"crypt.blocks_encrypted", 256 + 256 + 16},
		{"crypt.blocks_decrypted", 800}, {NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, a_forced_replacement_reads_garbage_where_the_key_is_the_inodes)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_ALLOW},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_ALLOW},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.rewritten_bytes", 0},
		{"ops.read.refused", 0},
		{"truth.garbage_blocks", 256 + 256},
		{"crypt.blocks_decrypted", 272 + 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(&cases[i], BEFORE AFTER, answers, false);
}

Test(rekey, an_enforced_context_refuses_the_old_extent_at_its_load_and_so_a_write_over_it)
{
	static const struct rekey_case c = {.design = "enforced", .setup = "pool"};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},	{"rekey.items_changed", 2},
		{"key.nonces_drawn", 2},	{"ops.read.count", 4},
		{"ops.read.refused", 2},	{"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 32}, {"ops.write.refused", 1},
		{"ops.write.failed", 0},	{NULL, 0},
	};

	expect(&c, BEFORE AFTER "write f 0 4k\nsync\n", answers, true);
}

Test(rekey, heavyweight_reads_old_extents_under_the_old_key_until_it_goes)
{
	static const struct rekey_case cases[] = {
		{.design = "heavyweight", .setup = "pool"},
		{.design = "heavyweight", .setup = "at-io"},
		{.design = "heavyweight", .setup = "at-open"},
		{.design = "heavyweight", .setup = "library"},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.rewritten_bytes", 0},
		{"key.nonces_drawn", 2},
		{"ops.rmkey.failed", 0},
		{NULL, 0},
	};
	/* The whole file before, its new part while the old key is away, the rest when it is back. */
	static const struct answer until[] = {{"ops.read.refused", 1},
					      {"rekey.stranded_loads", 1},
					      {"crypt.blocks_decrypted", 272 + 16 + 256},
					      {NULL, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		expect(&cases[i], BEFORE AFTER "addkey OLD\nread f 0 2m\n", answers, true);
		if (strcmp(cases[i].setup, "at-open")) /* which fails to open the file at all */
			expect(&cases[i], BEFORE AFTER "addkey OLD\nread f 0 2m\n", until, true);
	}
}

Test(rekey, stranded_data_is_counted_to_the_byte_and_not_while_its_key_is_there)
{
	static const struct rekey_case heavy = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	/* Of the old MiB the middle is overwritten: what is left are two items of one extent. */
#define OVERWRITTEN BEFORE "rekey f NEW\nwrite f 512k 64k\nfalloc f 2m 64k\nsync\ndropcaches\n"
	static const struct answer old_key_there[] = {{"rekey.other_key_bytes", MIB - 65536},
						      {"rekey.stranded_bytes", 0},
						      {"rekey.stranded_extents", 0},
						      {NULL, 0}};
	static const struct answer gone[] = {{"rekey.other_key_bytes", MIB - 65536},
					     {"rekey.stranded_bytes", MIB - 65536},
					     {"rekey.stranded_extents", 2},
					     {NULL, 0}};
	static const struct answer none[] = {
		{"rekey.other_key_bytes", 0}, {"rekey.stranded_bytes", 0}, {NULL, 0}};

	expect(&heavy, OVERWRITTEN, old_key_there, true);
	expect(&light, OVERWRITTEN, none, true);
	expect(&heavy, OVERWRITTEN "rmkey OLD\n", gone, true);
}

Test(rekey, extents_in_memory_keep_the_old_key_from_becoming_absent)
{
	static const struct rekey_case heavy = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	/* With the maps of old extents in memory the key stays, and its removal can be repeated. */
	static const char text[] = BEFORE "rekey f NEW\nread f 0 1m\nrmkey OLD\nrmkey OLD\n"
					  "dropcaches\nrmkey OLD\n";
	static const struct answer stays[] = {{"ops.rmkey.failed", 1}, {NULL, 0}};
	static const struct answer goes[] = {{"ops.rmkey.failed", 2}, {NULL, 0}};

	expect(&heavy, text, stays, true);
	expect(&light, text, goes, true);
}

Test(rekey, a_write_over_an_old_extent_of_heavyweight_is_a_new_one_under_the_new_key)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"key.nonces_drawn", 2}, /* the old extent of 256 blocks and the new one of all of them */
		{"ops.read.refused", 0},	 {"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 256}, {NULL, 0},
	};

	expect(&c, BEFORE "rekey f NEW\nwrite f 0 1m\nsync\nrmkey OLD\ndropcaches\nread f 0 1m\n",
	       answers, true);
}

Test(rekey, fragments_are_read_one_by_one_and_written_as_one)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", 4 * MIB},
		{"key.nonces_drawn", 1 + 100 + 1},
		{"crypt.blocks_encrypted", 1024 + 100 + 1024},
		{"crypt.blocks_decrypted", 1024 + 1024},
		{NULL, 0},
	};

	expect(&c,
	       "addkey OLD\naddkey NEW\nopen f\nclose f\nrekey f OLD\nwrite f 0 4m\nsync\n"
	       "randwrite f 4m 4k 100 1 fsync\nsync\ndropcaches\nrekey f NEW\nsync\nrmkey OLD\n"
	       "dropcaches\nread f 0 4m\n",
	       answers, true);
}

Test(rekey, preallocated_space_and_files_written_in_place_are_under_the_new_key_after_a_rewrite)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "library", .rekey = REKEY_REWRITE};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", 2 * 256 * 1024},
		{"ops.read.refused", 0},
		{"ops.write.refused", 0},
		{"truth.lost_writes", 0},
		/* Each file's: data, space behind it; then both anew. */
		{"key.nonces_drawn", 2 * (2 + 2)},
		{NULL, 0},
	};

	expect(&c,
	       "addkey OLD\naddkey NEW\nopen f\nclose f\nopen g\nclose g\nnocow g\nrekey f OLD\n"
	       "rekey g OLD\nwrite f 0 256k\nwrite g 0 256k\nsync\nfalloc f 256k 256k\n"
	       "falloc g 256k 256k\nsync\ndropcaches\nrekey f NEW\nrekey g NEW\nsync\nrmkey OLD\n"
	       "dropcaches\nwrite f 300k 100k\nwrite g 0 512k\nsync\ndropcaches\nread f 0 512k\n"
	       "read g 0 512k\n",
	       answers, true);
}

Test(rekey, copies_in_snapshots_and_clones_keep_the_old_key_and_are_unshared)
{
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct rekey_case inode = {
		.design = "inode", .setup = "pool", .rekey = REKEY_REWRITE};
	static const char text[] =
		"addkey OLD\naddkey NEW\nsubvol s\nopen s/f\nclose s/f\nrekey s/f OLD\n"
		"write s/f 0 1m\nsync\nsnapshot s t f\nrekey s/f NEW\nsync\ndropcaches\n"
		"read s/f 0 1m\nread t/f 0 1m\nsnapshot s u f\ndropcaches\nread u/f 0 1m\n"
		"rmkey OLD\nread u/f 0 1m\nread t/f 0 1m\n";
	static const struct answer answers[] = {
		{"ops.read.refused", 1}, {"crypt.blocks_decrypted", 768}, {NULL, 0}};

	expect(&light, text, answers, true);
	expect(&inode, text, answers, true);
}

Test(rekey, the_new_key_must_be_there_and_a_directory_with_names_stays)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"ops.rekey.count", 4}, {"ops.rekey.refused", 2}, {"rekey.files", 2}, {NULL, 0}};

	expect(&c,
	       "addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\nrekey d NEW\nrekey d OLD\n"
	       "write d/f 0 4k\nsync\nrekey d NEW\nrekey d/f AWAY\n",
	       answers, true);
}

Test(rekey, hard_removal_strands_old_extents_of_an_open_file_at_once)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "library", .removal = REMOVAL_HARD};
	static const struct answer answers[] = {{"ops.read.refused", 1},
						{"rekey.stranded_loads", 1},
						{"crypt.blocks_decrypted", 0},
						{NULL, 0}};

	expect(&c, BEFORE "open f\nrekey f NEW\nrmkey OLD\nread f 0 1m\nclose f\n", answers, true);
}

/* ---- a tree of files ---- */

/* Three files in two directories under one policy, one elsewhere under the same key. */
#define TREE                                                                                       \
	"addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\nmkdir d/s\nmkdir e\npolicy e OLD\n"        \
	"write d/a 0 64k\nwrite d/b 0 64k\nwrite d/s/c 0 64k\nwrite e/x 0 64k\nsync\ndropcaches\n"
#define READ_TREE "sync\ndropcaches\nread d/a 0 1m\nread d/b 0 1m\nread d/s/c 0 1m\nread e/x 0 1m\n"

Test(rekey, a_walk_changes_an_item_a_file_in_a_transaction_each_or_all_in_one)
{
	static const struct rekey_case user = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case kernel = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_WALK_KERNEL};
	static const struct answer both[] = {
		{"ops.rekeytree.failed", 0},
		{"ops.rekeytree.refused", 0},
		{"rekey.files", 3},
		{"rekey.refused", 0},
		{"rekey.items_changed", 3},
		{"rekey.files_left", 0},
		{"rekey.changed_outside", 0},
		{"ops.read.refused", 0},
		{"crypt.blocks_decrypted", 64},
		{NULL, 0},
	};
	static const struct answer three[] = {{"rekey.transactions", 3}, {NULL, 0}};
	static const struct answer one[] = {{"rekey.transactions", 1}, {NULL, 0}};

	expect(&user, TREE "rekeytree d NEW\n" READ_TREE, both, true);
	expect(&kernel, TREE "rekeytree d NEW\n" READ_TREE, both, true);
	expect(&user, TREE "rekeytree d NEW\n", three, true);
	expect(&kernel, TREE "rekeytree d NEW\n", one, true);
}

/* The call is the walk and little else. */
Test(rekey, the_rate_is_the_files_of_a_tree_over_the_time_of_its_change)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	const char *const scripts[] = {TREE "rekeytree d NEW\nsleep 1s\nrekey e/x NEW\n", NULL};
	struct cost_profile *profile = load_profile();
	struct world w;
	int64_t call, rate;

	run(&w, profile, &c, scripts);
	call = metric(&w, "ops.rekeytree.latency_max_ns");
	rate = metric(&w, "rekey.files_per_s");
	cr_expect(rate > INT64_C(3000000000) / call && rate < INT64_C(3600000000) / call,
		  "%ld files a second, in a call of %ld ns", (long)rate, (long)call);
	take_apart(&w);
	cost_profile_free(profile);
}

Test(rekey, a_walk_rewrites_or_is_refused_file_by_file_as_the_rule_is)
{
	static const struct answer rewritten[] = {
		{"rekey.files", 3},
		{"rekey.rewritten_bytes", 3 * 65536},
		{"rekey.transactions", 3},
		{"rekey.files_left", 0},
		{"rekey.bytes_left", 0},
		{"key.nonces_drawn", 4 + 3},
		{"crypt.blocks_decrypted", 3 * 16 + 64},
		{NULL, 0},
	};
	static const struct answer refused[] = {
		{"ops.rekeytree.refused", 1}, {"rekey.files", 0},	 {"rekey.refused", 3},
		{"rekey.files_left", 3},      {"rekey.transactions", 0}, {NULL, 0},
	};

	for (int change = POLICY_CHANGE_WALK_USER; change <= POLICY_CHANGE_WALK_KERNEL; change++) {
		struct rekey_case c = {.design = "lightweight", .setup = "pool"};

		c.change = (enum fscrypt_policy_change)change;
		expect(&c, TREE "rekeytree d NEW\n" READ_TREE, refused, true);
		c.rekey = REKEY_REWRITE;
		expect(&c, TREE "rekeytree d NEW\n" READ_TREE, rewritten, true);
	}
}

Test(rekey, without_the_old_key_a_changed_tree_is_found_by_its_no_key_names_only)
{
	static const struct rekey_case rewritten = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct rekey_case stranded = {.design = "heavyweight", .setup = "pool"};
	static const char text[] = TREE "rekeytree d NEW\nrmkey OLD\ndropcaches\nread d/a 0 64k\n"
					"read ~d/a 0 64k\nread d/~a 0 64k\n";
	static const struct answer readable[] = {{"ops.rmkey.failed", 0},
						 {"ops.read.refused", 1},
						 {"ops.read.failed", 1},
						 {"crypt.blocks_decrypted", 3 * 16 + 16},
						 {NULL, 0}};
	static const struct answer not_readable[] = {{"ops.read.refused", 2},
						     {"rekey.stranded_loads", 1},
						     {"crypt.blocks_decrypted", 0},
						     {NULL, 0}};

	expect(&rewritten, text, readable, true);
	expect(&stranded, text, not_readable, true);
}

Test(rekey, a_file_created_after_a_walk_is_under_the_key_of_its_directory)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"rekey.files", 3}, {"rekey.files_left", 1}, {NULL, 0}};

	expect(&c, TREE "rekeytree d NEW\nwrite d/n 0 4k\nsync\n", answers, true);
}

Test(rekey, one_item_changes_all_that_share_its_policy_and_no_part_of_it)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	static const struct answer whole[] = {
		{"rekey.files", 4},	      {"rekey.items_changed", 1},
		{"rekey.transactions", 1},    {"rekey.locks_held_ns", 0},
		{"rekey.changed_outside", 1}, {"rekey.files_left", 0},
		{"ops.read.refused", 0},      {"crypt.blocks_decrypted", 64},
		{"ops.write.refused", 0},     {NULL, 0},
	};
	static const struct answer part[] = {
		{"ops.rekeytree.refused", 1}, {"rekey.refused", 1},    {"rekey.files", 0},
		{"rekey.items_changed", 0},   {"rekey.files_left", 1}, {NULL, 0},
	};

	expect(&c,
	       TREE "open d/a\nread d/a 0 4k\nrekeytree d NEW\n" READ_TREE
		    "write d/n 0 4k\nwrite d/a 0 4k\nsync\nclose d/a\n",
	       (const struct answer[]){{"rekey.files", 4}, {"rekey.files_left", 0}, {NULL, 0}},
	       true);
	expect(&c, TREE "rekeytree d NEW\n" READ_TREE "write d/n 0 4k\nsync\n", whole, true);
	expect(&c, TREE "rekeytree d/s NEW\n", part, true);
}

Test(rekey, a_key_whose_policy_has_another_key_now_gets_a_policy_of_its_own)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	/* The new tree is under OLD and goes with it; d's directories are, too, so only f is seen. */
	static const struct answer answers[] = {{"rekey.files", 4 + 1},
						{"rekey.changed_outside", 1},
						{"rekey.items_changed", 2},
						{NULL, 0}};

	expect(&c,
	       TREE "rekeytree d NEW\nmkdir g\npolicy g OLD\nwrite g/f 0 4k\nsync\n"
		    "rekeytree g NEW\n",
	       answers, true);
}

Test(rekey, one_item_is_refused_where_old_extents_could_not_be_read)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	static const struct rekey_case forced = {.design = "lightweight",
						 .setup = "pool",
						 .rekey = REKEY_ALLOW,
						 .change = POLICY_CHANGE_INDIRECT};
	static const struct answer refused[] = {{"ops.rekeytree.refused", 1},
						{"rekey.files", 0},
						{"rekey.files_left", 3},
						{NULL, 0}};
	static const struct answer garbage[] = {{"truth.garbage_blocks", 64}, {NULL, 0}};

	expect(&c, TREE "rekeytree d NEW\n" READ_TREE, refused, true);
	expect(&forced, TREE "rekeytree d NEW\n" READ_TREE, garbage, false);
}

Test(rekey, with_new_writes_a_file_follows_its_directory_when_it_is_next_written)
{
	static const struct rekey_case heavy = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_NEW_WRITES};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .change = POLICY_CHANGE_NEW_WRITES};
	static const char text[] = TREE "rekeytree d NEW\nwrite d/s/c 0 4k\nwrite d/s/c 8k 4k\n"
					"write d/n 0 4k\nwrite d/s/m 0 4k\n" READ_TREE;
	static const struct answer follows[] = {
		/* Of the two blocks written, c has the new key. */
		{"rekey.bytes_left", 3 * 65536 - 2 * 4096},
		{"rekey.files", 1},
		{"rekey.files_left", 2},
		{"rekey.transactions", 2},
		{"rekey.items_changed", 2},
		{"ops.read.refused", 0},
		{NULL, 0},
	};
	static const struct answer stays[] = {
		{"rekey.bytes_left", 3 * 65536},
		{"rekey.files", 0},
		{"rekey.files_left", 3},
		{"rekey.transactions", 1},
		{"rekey.items_changed", 1},
		{"ops.read.refused", 0},
		{NULL, 0},
	};

	expect(&heavy, text, follows, true);
	expect(&light, text, stays, true);
}

Test(rekey, without_encryption_there_is_nothing_to_replace)
{
	static const struct rekey_case c = {.design = "none", .setup = "none"};
	static const struct answer answers[] = {
		{"ops.rekeytree.failed", 0}, {"ops.rekeytree.refused", 0}, {NULL, 0}};

	expect(&c, TREE "rekeytree d NEW\nrekey d/a OLD\n" READ_TREE, answers, true);
}

/* ---- under load ---- */

static char *load_script(uint32_t seed)
{
	static const char *const files[] = {"d/a", "d/b", "d/s/c", "d/n", "d/s/m"};
	static const char *const ops[] = {"write", "write", "read", "punch", "falloc", "read"};
	GString *out = g_string_new("");
	uint32_t state = seed * 2654435761u + 1;

	for (unsigned int i = 0; i < 80; i++) {
		state = state * 1664525u + 1013904223u;
		g_string_append_printf(out, "%s %s %u %u\n", ops[(state >> 8) % G_N_ELEMENTS(ops)],
				       files[(state >> 12) % G_N_ELEMENTS(files)],
				       (state >> 16) % 40 * 4096, ((state >> 24) % 20 + 1) * 4096);
		if (i % 20 == 19)
			g_string_append(out, (state >> 28) % 2 ? "dropcaches\n" : "sync\n");
	}
	return g_string_free(out, false);
}

static void run_load(const struct cost_profile *profile, const struct rekey_case *c)
{
	char *a = load_script(c->seed * 2), *b = load_script(c->seed * 2 + 1);
	char *main_script =
		g_strdup_printf("%srekeytree d NEW\nsync\nrekeytree d OLD\nrekey d/a NEW\n"
				"rekeytree d NEW\ndropcaches\n" READ_TREE,
				TREE);
	const char *const scripts[] = {main_script, a, b, NULL};
	struct world w;

	run(&w, profile, c, scripts);
	expect_no_finding(&w, c->design);
	cr_expect_eq(w.fs->count.lost_writes, 0u);
	take_apart(&w);
	g_free(a);
	g_free(b);
	g_free(main_script);
}

Test(rekey, a_tree_changes_its_key_while_others_read_and_write_it)
{
	static const struct rekey_case cases[] = {
		{.design = "heavyweight", .setup = "pool"},
		{.design = "heavyweight", .setup = "at-open"},
		{.design = "heavyweight", .setup = "pool", .pool_scope = POOL_SCOPE_FILE},
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "enforced", .setup = "library", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE},
	};
	struct cost_profile *profile = load_profile();
	const char *seeds = g_getenv("STRESS_SEEDS");
	uint32_t count = seeds ? (uint32_t)g_ascii_strtoull(seeds, NULL, 10) : 4;

	for (uint32_t seed = 1; seed <= count; seed++)
		for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
			for (int change = 0; change <= POLICY_CHANGE_NEW_WRITES; change++) {
				struct rekey_case c = cases[i];

				c.seed = seed;
				c.change = (enum fscrypt_policy_change)change;
				c.memory_bytes = seed % 2 ? 0 : 16ull * MIB;
				if (change != POLICY_CHANGE_INDIRECT || c.rekey != REKEY_REWRITE)
					run_load(profile, &c);
			}
	cost_profile_free(profile);
}

/* ---- at the very moment ---- */

enum { RACES = 320, RACE_STEP_NS = 3000, RACES_BEFORE = 300 };

static sim_ns end_of(const struct cost_profile *profile, const struct rekey_case *c,
		     const char *script)
{
	const char *const scripts[] = {script, NULL};
	struct world w;
	sim_ns end;

	run(&w, profile, c, scripts);
	end = w.workload->ended_at_ns;
	take_apart(&w);
	return end;
}

/* `first`, then `change`; another task does `other` some microseconds before or after the change begins. */
static void race(const struct rekey_case *c, const char *first, const char *change,
		 const char *other)
{
	struct cost_profile *profile = load_profile();
	sim_ns begin = end_of(profile, c, first) - RACES_BEFORE * RACE_STEP_NS;
	g_autofree char *changer = g_strconcat(first, change, NULL);

	for (unsigned int i = 0; i < RACES; i++) {
		g_autofree char *meets = g_strdup_printf(
			"sleep %luns\n%s", (unsigned long)(begin + i * RACE_STEP_NS), other);
		const char *const scripts[] = {changer, meets, NULL};
		struct world w;

		run(&w, profile, c, scripts);
		expect_no_finding(&w, c->design);
		cr_expect_eq(metric(&w, "ops.read.failed"), 0);
		take_apart(&w);
	}
	cost_profile_free(profile);
}

/* Many maps are loaded and many bios are under way. */
#define FRAGMENTS "randwrite f 1m 4k 200 1 fsync\nsync\ndropcaches\n"

static const struct rekey_case heavy_file_pools = {
	.design = "heavyweight", .setup = "pool", .pool_scope = POOL_SCOPE_FILE, .seed = 1};

Test(rekey, a_read_that_meets_the_change_is_under_one_key_or_the_other)
{
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE, .seed = 1};
	static const struct rekey_case inode = {
		.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE, .seed = 1};
	static const char change[] = "rekey f NEW\nrmkey OLD\nclose f\n";

	race(&light, BEFORE FRAGMENTS "open f\nsleep 1ms\n", change, "read f 0 1m\n");
	race(&inode, BEFORE FRAGMENTS "open f\nsleep 1ms\n", change, "read f 0 1m\n");
	race(&heavy_file_pools, BEFORE "open f\nsleep 1ms\n", change, "read f 0 1m\n");
}

Test(rekey, a_file_that_is_opened_while_its_policy_changes_gets_the_new_key)
{
	static const struct rekey_case c = {.design = "lightweight",
					    .setup = "pool",
					    .pool_scope = POOL_SCOPE_FILE,
					    .change = POLICY_CHANGE_WALK_KERNEL,
					    .seed = 1};

	race(&c,
	     "addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\ncreate d/e\nsync\ndropcaches\nsleep "
	     "2ms\n",
	     "rekeytree d NEW\n", "write d/e 0 64k\nsync\ndropcaches\nread d/e 0 64k\n");
}

Test(rekey, a_write_under_way_keeps_its_cipher_when_the_item_of_its_policy_changes)
{
	static const struct rekey_case c = {.design = "heavyweight",
					    .setup = "pool",
					    .pool_scope = POOL_SCOPE_FILE,
					    .change = POLICY_CHANGE_INDIRECT,
					    .seed = 1};

	race(&c, TREE "open d/a\nwrite d/a 0 1m\nsleep 1ms\n", "rekeytree d NEW\nclose d/a\n",
	     "sync\n");
}
