/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deadlocks through the crypto API and reclaim, with a third party and without: who waits for whom,
 * each edge by the kernel function it stands for.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/small_world.h"

enum { US = 1000 };

struct parties {
	struct small_world w;
	bool third_party, pressure, module_absent;
	uint32_t finished;
};

/* ---- the tasks ---- */

/* Makes a cipher while it holds a tree lock, in a scope of its own. */
static void make_cipher_under_tree_lock(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;
	uint64_t bytes = machine_size(p->w.machine, SIZE_TFM);

	sim_path_enter(p->w.sim, "btrfs_get_extent");
	kernel_down_write(task, &p->w.fs->tree_lock);
	kernel_sleep(task, 400 * US, PART_CPU);
	memalloc_nofs_save(task);
	if (!crypto_alloc_skcipher(task, CIPHER_AES_256_XTS, p->w.site, bytes))
		kernel_free(p->w.machine, p->w.site, bytes);
	memalloc_nofs_restore(task);
	kernel_up_write(task, &p->w.fs->tree_lock);
	sim_path_leave(p->w.sim);
	p->finished++;
}

static int change_nothing(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	(void)fs;
	(void)arg;
	(void)work;
	return 0;
}

static void change_a_tree(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;

	kernel_sleep(task, 100 * US, PART_CPU);
	sim_path_enter(p->w.sim, "btrfs_finish_one_ordered");
	btrfs_tree_change(task, p->w.fs, change_nothing, NULL);
	sim_path_leave(p->w.sim);
	p->finished++;
}

static void commit(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;

	kernel_sleep(task, 200 * US, PART_CPU);
	btrfs_commit_transaction(task, p->w.fs);
	p->finished++;
}

static void register_a_module(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;
	uint64_t bytes = 0;

	kernel_sleep(task, 300 * US, PART_CPU);
	if (p->pressure)
		bytes = small_world_fill(&p->w);
	crypto_register_alg(task);
	if (bytes)
		kernel_free(p->w.machine, p->w.site, bytes);
	p->finished++;
}

static void set_out(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;

	machine_prime(task);
	small_world_unlink_under_nokey_dentry(task, &p->w);
	kernel_spawn(p->w.machine, "reader", make_cipher_under_tree_lock, p);
	kernel_spawn(p->w.machine, "writer", change_a_tree, p);
	kernel_spawn(p->w.machine, "committer", commit, p);
	if (p->third_party)
		kernel_spawn(p->w.machine, "insmod", register_a_module, p);
}

static void play(struct parties *p)
{
	small_world_start(&p->w, 8);
	kernel_spawn(p->w.machine, "test", set_out, p);
	cr_assert_eq(sim_run(p->w.sim, SIM_NEVER), SIM_END_IDLE);
}

/* ---- what is found ---- */

static size_t deadlocks(struct parties *p)
{
	size_t count;

	sim_deadlocks(p->w.sim, &count);
	return count;
}

static size_t cycles(struct parties *p)
{
	size_t count;

	sim_lock_cycles(p->w.sim, &count);
	return count;
}

static const struct sim_chain_link *link_of(const struct sim_chain *chain, const char *task)
{
	for (size_t i = 0; i < chain->links; i++)
		if (!strcmp(chain->link[i].task, task))
			return &chain->link[i];
	cr_assert(false, "%s is not in the chain", task);
	return NULL;
}

static void expect_link(const struct sim_chain *chain, const char *task, const char *path,
			const char *resource, const char *held_since)
{
	const struct sim_chain_link *link = link_of(chain, task);

	cr_expect_str_eq(link->path, path, "%s in %s", task, link->path);
	cr_expect_str_eq(link->resource, resource, "%s waits for %s", task, link->resource);
	cr_expect_str_eq(link->held_since_path, held_since, "%s: held in %s", task,
			 link->held_since_path);
}

Test(kernel_deadlock, a_registration_in_reclaim_closes_the_ring)
{
	struct parties p = {.third_party = true, .pressure = true};
	const struct sim_chain *chain;
	size_t count;

	play(&p);
	chain = sim_deadlocks(p.w.sim, &count);
	cr_assert_eq(count, 1u);
	cr_expect_eq(p.finished, 0u);
	cr_expect_eq(chain->links, 4u, "%zu links", chain->links);
	expect_link(chain, "reader", "crypto_alg_mod_lookup", "crypto_alg_sem",
		    "crypto_register_alg");
	expect_link(chain, "insmod", "btrfs_join_transaction", "transaction",
		    "btrfs_commit_transaction");
	expect_link(chain, "committer", "btrfs_commit_transaction", "transaction",
		    "btrfs_join_transaction");
	expect_link(chain, "writer", "btrfs_finish_one_ordered", "btrfs-tree", "btrfs_get_extent");
	small_world_end(&p.w);
}

Test(kernel_deadlock, without_pressure_the_graph_still_knows_of_it)
{
	struct parties p = {.third_party = true};
	const struct sim_chain *cycle;
	size_t count;

	play(&p);
	cr_expect_eq(deadlocks(&p), 0u);
	cr_expect_eq(p.finished, 4u);
	cycle = sim_lock_cycles(p.w.sim, &count);
	cr_assert_eq(count, 1u);
	cr_expect_eq(cycle->links, 3u, "over the tree lock that eviction takes");
	cr_expect_str_eq(link_of(cycle, "insmod")->resource, "fs_reclaim");
	cr_expect_str_eq(link_of(cycle, "insmod")->held_since_path, "crypto_register_alg");
	cr_expect_str_eq(link_of(cycle, "reader")->resource, "crypto_alg_sem");
	small_world_end(&p.w);
}

Test(kernel_deadlock, without_the_third_party_nothing_is_reported)
{
	struct parties p = {.third_party = false};

	play(&p);
	cr_expect_eq(deadlocks(&p), 0u);
	cr_expect_eq(cycles(&p), 0u);
	cr_expect_eq(p.finished, 3u);
	small_world_end(&p.w);
}

/* ---- modprobe ---- */

static void read_module(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;
	struct btrfs_file *file;

	sim_path_enter(p->w.sim, "kernel_read_file");
	cr_assert_eq(btrfs_open(task, p->w.fs, "module", 0, &file), 0);
	btrfs_read(task, file, 0, 4096);
	btrfs_close(task, file);
	sim_path_leave(p->w.sim);
}

static void load_under_tree_lock(struct kernel_task *task, void *arg)
{
	struct parties *p = arg;
	struct btrfs_file *file;

	cr_assert_eq(btrfs_open(task, p->w.fs, "module", BTRFS_O_CREAT, &file), 0);
	cr_assert_eq(btrfs_write(task, file, 0, 8192), 0);
	btrfs_close(task, file);
	btrfs_drop_caches(task, p->w.fs);
	if (p->module_absent)
		machine_on_modprobe(p->w.machine, read_module, p);
	make_cipher_under_tree_lock(task, p);
}

static void play_modprobe(struct parties *p)
{
	small_world_start_with(&p->w, 8, 1u << CIPHER_AES_256_XTS);
	kernel_spawn(p->w.machine, "test", load_under_tree_lock, p);
	cr_assert_eq(sim_run(p->w.sim, SIM_NEVER), SIM_END_IDLE);
}

Test(kernel_deadlock, a_module_read_from_the_filesystem_waits_for_who_asked_for_it)
{
	struct parties p = {.module_absent = true};
	const struct sim_chain *chain;
	size_t count;

	play_modprobe(&p);
	chain = sim_deadlocks(p.w.sim, &count);
	cr_assert_eq(count, 1u);
	cr_expect_eq(chain->links, 2u);
	expect_link(chain, "test", "request_module", "modprobe", "request_module");
	cr_expect_str_eq(link_of(chain, "modprobe")->resource, "btrfs-tree");
	cr_expect_str_eq(link_of(chain, "modprobe")->held_since_path, "btrfs_get_extent");
	small_world_end(&p.w);
}

Test(kernel_deadlock, a_module_from_elsewhere_is_loaded)
{
	struct parties p = {.module_absent = false};

	play_modprobe(&p);
	cr_expect_eq(deadlocks(&p), 0u);
	cr_expect_eq(p.finished, 1u);
	small_world_end(&p.w);
}
