/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The crypto API: look-ups, absent modules, self tests, what setkey allocates; cache lines. */
#include <criterion/criterion.h>
#include <errno.h>
#include "tests/models/kernel_fixture.h"

enum { TFM = 2048, TEMPORARY = 1536, LOOKUPS = 3, MIB = 1 << 20 };

struct world {
	struct kernel_fixture f;
	struct alloc_site *site;
	int err[64];
	sim_ns at[64];
	uint32_t tasks;
	uint32_t files_read;
	uint64_t times;
	struct kernel_rwsem sem;
};

static void prepare(struct world *w, uint32_t cpus)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
	w->f.config.cpus = cpus;
	for (int mode = 0; mode < CIPHER_MODES; mode++)
		w->f.profile.size[LIMIT_ALG_LOOKUPS + mode].value = LOOKUPS;
	w->f.profile.size[SIZE_ADIANTUM_SETKEY].value = TEMPORARY;
	w->f.profile.size[SIZE_CRYPTO_LARVAL].value = 512;
	w->f.profile.size[SIZE_CRYPTO_TEST].value = 256;
	fixture_cost(&w->f, SPAN_CRYPTO_LARVAL, 60000);
}

static void start(struct world *w)
{
	fixture_start(&w->f);
	w->site = alloc_site(w->f.machine, "tfm");
}

static void allocate_xts(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t n = w->tasks++;

	w->err[n] = crypto_alloc_skcipher(task, CIPHER_AES_256_XTS, w->site, TFM);
	w->at[n] = sim_now(w->f.sim);
}

Test(kernel_crypto, a_cipher_costs_its_allocation_and_looks_each_part_up)
{
	struct world w;

	prepare(&w, 1);
	fixture_cost(&w.f, COST_TFM_ALLOC + CIPHER_AES_256_XTS, 700);
	fixture_cost(&w.f, COST_SLAB_ALLOC, 60);
	start(&w);
	kernel_spawn(w.f.machine, "test", allocate_xts, &w);
	cr_assert(fixture_run(&w.f));
	cr_expect_eq(w.err[0], 0);
	EXPECT_U64(w.at[0], 760);
	EXPECT_U64(alloc_site_bytes(w.site), TFM);
	EXPECT_U64(fixture_metric(&w.f, "crypto.alg_lookups"), LOOKUPS);
	EXPECT_U64(fixture_metric(&w.f, "crypto.module_loads"), 0);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.tfm.GFP_KERNEL.process"), 1);
	fixture_free(&w.f);
}

/* ---- absent modules ---- */

static void read_file(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->files_read++;
	cr_expect_eq(task->nofs_depth, 0, "modprobe has the scope of the task that asked");
	kernel_sleep(task, 5000, PART_DEVICE);
}

static void allocate_scoped(struct kernel_task *task, void *arg)
{
	memalloc_nofs_save(task);
	allocate_xts(task, arg);
	memalloc_nofs_restore(task);
}

static void absent(struct world *w, sim_ns selftest, uint32_t tasks)
{
	prepare(w, 4);
	w->f.config.modules_absent = 1u << CIPHER_AES_256_XTS;
	fixture_cost(&w->f, COST_MODPROBE, 2000);
	fixture_cost(&w->f, COST_ALG_SELFTEST, selftest);
	start(w);
	machine_on_modprobe(w->f.machine, read_file, w);
	for (uint32_t i = 0; i < tasks; i++)
		kernel_spawn(w->f.machine, "test", allocate_scoped, w);
	cr_assert(fixture_run(&w->f));
}

Test(kernel_crypto, an_absent_algorithm_is_loaded_and_tested_before_it_is_used)
{
	struct world w;

	absent(&w, 300, 1);
	cr_expect_eq(w.err[0], 0);
	EXPECT_U64(w.at[0], 5000 + 2000 + 300);
	EXPECT_U64(fixture_metric(&w.f, "crypto.module_loads"), 1);
	EXPECT_U64(fixture_metric(&w.f, "crypto.alg_lookups"), LOOKUPS + 1);
	/* modprobe's own allocations are outside of the scope. */
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.crypto_larval.GFP_KERNEL.process"), 1);
	EXPECT_U64(alloc_site_bytes(alloc_site(w.f.machine, "crypto_larval")), 0);
	EXPECT_U64(alloc_site_bytes(alloc_site(w.f.machine, "crypto_test")), 0);
	fixture_free(&w.f);
}

Test(kernel_crypto, users_at_once_start_a_modprobe_each_and_one_registration)
{
	struct world w;

	absent(&w, 300, 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(w.err[i], 0);
	EXPECT_U64(w.files_read, 3);
	EXPECT_U64(fixture_metric(&w.f, "crypto.module_loads"), 3);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.crypto_larval.GFP_KERNEL.process"), 1);
	fixture_free(&w.f);
}

Test(kernel_crypto, a_test_that_takes_too_long_is_given_up_and_stays_so)
{
	struct world w;

	absent(&w, 61000, 1);
	cr_expect_eq(w.err[0], -ETIMEDOUT, "%d", w.err[0]);
	EXPECT_U64(w.at[0], 7000 + 60000);
	EXPECT_U64(fixture_metric(&w.f, "crypto.larval_timeouts"), 1);
	kernel_spawn(w.f.machine, "later", allocate_xts, &w);
	cr_assert(fixture_run(&w.f));
	cr_expect_eq(w.err[1], -ELIBBAD, "%d", w.err[1]);
	EXPECT_U64(alloc_site_bytes(alloc_site(w.f.machine, "crypto_larval")), 0);
	fixture_free(&w.f);
}

Test(kernel_crypto, a_run_broken_off_in_a_module_load_leaves_nothing)
{
	struct world w;

	prepare(&w, 4);
	w.f.config.modules_absent = 1u << CIPHER_AES_256_XTS;
	start(&w);
	machine_on_modprobe(w.f.machine, read_file, &w);
	kernel_spawn(w.f.machine, "test", allocate_xts, &w);
	cr_expect_eq(sim_run(w.f.sim, 100), SIM_END_TIME);
	fixture_free(&w.f);
}

/* ---- setkey ---- */

static void set_keys(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	for (int mode = 0; mode < CIPHER_MODES; mode++)
		w->err[mode] = crypto_skcipher_setkey(task, mode);
}

Test(kernel_crypto, only_adiantum_allocates_to_set_a_key)
{
	struct world w;

	prepare(&w, 1);
	start(&w);
	kernel_spawn(w.f.machine, "test", set_keys, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(fixture_metric(&w.f, "alloc.total"), 1);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.adiantum_setkey.GFP_KERNEL.process"), 1);
	EXPECT_U64(fixture_metric(&w.f, "crypto.setkey_allocations"), 1);
	EXPECT_U64(alloc_site_bytes(alloc_site(w.f.machine, "adiantum_setkey")), 0);
	fixture_free(&w.f);
}

static void set_keys_without_memory(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_charge_bytes(w->f.machine, w->site, 64 * MIB);
	set_keys(task, arg);
}

Test(kernel_crypto, adiantum_fails_to_set_a_key_without_memory)
{
	struct world w;

	prepare(&w, 1);
	start(&w);
	kernel_spawn(w.f.machine, "test", set_keys_without_memory, &w);
	cr_assert(fixture_run(&w.f));
	cr_expect_eq(w.err[CIPHER_AES_256_XTS], 0);
	cr_expect_eq(w.err[CIPHER_ADIANTUM], -ENOMEM);
	fixture_free(&w.f);
}

static void clone_cipher(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->err[0] = crypto_clone_skcipher(task, CIPHER_AES_256_XTS, w->site, TFM);
	crypto_free_skcipher(task, CIPHER_AES_256_XTS, w->site, TFM);
}

Test(kernel_crypto, a_clone_looks_nothing_up)
{
	struct world w;

	prepare(&w, 1);
	start(&w);
	kernel_spawn(w.f.machine, "test", clone_cipher, &w);
	cr_assert(fixture_run(&w.f));
	cr_expect_eq(w.err[0], 0);
	EXPECT_U64(fixture_metric(&w.f, "crypto.alg_lookups"), 0);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.tfm.GFP_ATOMIC.process"), 1);
	EXPECT_U64(alloc_site_bytes(w.site), 0);
	fixture_free(&w.f);
}

/* ---- cache lines ---- */

enum { LOCAL = 8, TRANSFER = 70, TIMES = 25 };

static void read_often(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t n = w->tasks++;

	for (int i = 0; i < TIMES; i++) {
		kernel_rwsem_read(task, &w->sem);
		kernel_rwsem_read_unlock(task, &w->sem);
	}
	w->at[n] = sim_now(w->f.sim);
	EXPECT_U64(fixture_parts(task), sim_now(w->f.sim));
}

static sim_ns readers(uint32_t n)
{
	struct world w;
	sim_ns end;

	prepare(&w, n);
	fixture_cost(&w.f, COST_LINE_LOCAL, LOCAL);
	fixture_cost(&w.f, COST_LINE_TRANSFER, TRANSFER);
	start(&w);
	kernel_rwsem_init(&w.sem, w.f.machine, "semaphore");
	for (uint32_t i = 0; i < n; i++)
		kernel_spawn(w.f.machine, "reader", read_often, &w);
	cr_assert(fixture_run(&w.f));
	end = sim_now(w.f.sim);
	fixture_free(&w.f);
	kernel_rwsem_destroy(&w.sem);
	return end;
}

Test(kernel_crypto, readers_on_many_cpus_queue_for_the_semaphores_cache_line)
{
	/* Two atomics for each time; one reader alone has the line after its first. */
	EXPECT_U64(readers(1), TRANSFER + (2 * TIMES - 1) * LOCAL);
	for (uint32_t n = 2; n <= 64; n *= 2)
		EXPECT_U64(readers(n), (uint64_t)2 * TIMES * n * TRANSFER);
}
