/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world of rekey_world.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/rekey_world.h"

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "models/workload/workload.h"
#include "scenarios/scenarios.h"

enum { ACTORS_MAX = 4 };

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

static void build(struct rekey_world *w, const struct cost_profile *profile,
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

	*w = (struct rekey_world){.sim = sim_new(&options), .metrics = sim_metrics_new()};
	w->machine = machine_new(w->sim, &machine);
	w->fs = btrfs_mount(w->machine, &config, NULL);
	w->fc = fscrypt_new(w->fs, variant);
	w->workload = workload_new(w->machine, w->fs, w->fc);
	cr_assert_eq(fscrypt_mount(w->fc), 0);
}

void rekey_end(struct rekey_world *w)
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
	struct rekey_world *w = arg;

	btrfs_drop_caches(task, w->fs);
	w->cleaned = true;
}

static void expect_nothing_left(struct rekey_world *w, const char *what)
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

void rekey_expect_no_finding(const struct rekey_world *w, const char *what)
{
	for (guint i = 0; i < fscrypt_findings(w->fc)->len; i++) {
		const struct fscrypt_finding *f = fscrypt_findings(w->fc)->pdata[i];

		cr_expect(false, "%s: %s: %s", what, f->kind, f->text);
	}
}

void rekey_run(struct rekey_world *w, const struct cost_profile *profile,
	       const struct rekey_case *c, const char *const *scripts)
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

struct cost_profile *rekey_profile(void)
{
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", NULL);

	cr_assert_not_null(profile);
	return profile;
}

int64_t rekey_metric(const struct rekey_world *w, const char *name)
{
	const struct sim_metric_def *def;
	int64_t value;

	for (size_t i = 0; i < sim_metrics_count(w->metrics); i++)
		if (!strcmp(sim_metrics_at(w->metrics, i, &def, &value), name))
			return value;
	return 0;
}

static void expect_answers(const struct rekey_world *w, const struct rekey_case *c,
			   const struct answer *answers)
{
	for (; answers->metric; answers++)
		cr_expect_eq(rekey_metric(w, answers->metric), answers->value,
			     "%s %s rekey %d change %d: %s is %ld, not %ld", c->design, c->setup,
			     (int)c->rekey, (int)c->change, answers->metric,
			     (long)rekey_metric(w, answers->metric), (long)answers->value);
}

void rekey_expect(const struct rekey_case *c, const char *script, const struct answer *answers,
		  bool sound)
{
	const char *const scripts[] = {script, NULL};
	struct cost_profile *profile = rekey_profile();
	struct rekey_world w;

	rekey_run(&w, profile, c, scripts);
	expect_answers(&w, c, answers);
	if (sound)
		rekey_expect_no_finding(&w, c->design);
	rekey_end(&w);
	cost_profile_free(profile);
}
