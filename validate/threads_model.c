/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same threads in the model: in the order of a log, and in the time that costs take. */
#include "validate/threads.h"

enum {
	MEMORY_MIB = 256,
	DIRTY_BACKGROUND_PERMILLE = 100,
	DIRTY_PERMILLE = 200,
	SPAN_NS = 1000000000,
};

/* A mount of which nothing is used but its key set-up. */
struct model {
	const struct threads_plan *plan;
	struct sim *sim;
	struct machine *machine;
	struct fscrypt_variant variant;
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	uint32_t key;
	uint64_t acquire_ns;
	double rate;
};

static int64_t index_of(const char *(*name)(size_t), const char *want)
{
	int64_t i = 0;

	while (g_strcmp0(name((size_t)i), want))
		i++;
	return i;
}

static void model_start(struct model *m, const struct threads_plan *plan,
			const struct cost_profile *profile, uint64_t seed)
{
	const struct sim_options options = {.seed = seed};
	const struct machine_config config = {
		.profile = profile,
		.cpus = plan->threads,
		.memory_bytes = (uint64_t)MEMORY_MIB << 20,
		.devices = 1,
		.device_channels = 1,
		.dirty_background_permille = DIRTY_BACKGROUND_PERMILLE,
		.dirty_permille = DIRTY_PERMILLE,
	};

	*m = (struct model){.plan = plan, .sim = sim_new(&options)};
	m->machine = machine_new(m->sim, &config);
	m->variant = (struct fscrypt_variant){
		.design = index_of(extent_design_name, "lightweight"),
		.setup = index_of(key_setup_name, "pool"),
		.mode = CIPHER_AES_256_XTS,
		.pool_size = plan->pool_size,
		.pool_map = plan->map,
		.pool_full = plan->steal ? POOL_FULL_STEAL : POOL_FULL_WAIT,
	};
	m->fs = btrfs_mount(
		m->machine,
		&(struct btrfs_config){.encrypts = true,
				       .context_bytes = fscrypt_variant_context_bytes(&m->variant)},
		NULL);
	m->fc = fscrypt_new(m->fs, &m->variant);
	m->key = fscrypt_key_number(m->fc, "K");
	fscrypt_preset_key(m->fc, m->key);
	fscrypt_mount(m->fc);
}

static void model_end(struct model *m)
{
	sim_free(m->sim);
	btrfs_free(m->fs);
	fscrypt_free(m->fc);
	machine_free(m->machine);
}

size_t threads_replay(const struct threads_plan *plan, const GArray *log,
		      struct pool_counts *counts, struct pool_event *got)
{
	struct cost_profile *free_of_charge = g_new0(struct cost_profile, 1);
	struct model m;
	size_t same;

	for (int i = SPAN_SCHED_SLICE; i < KERNEL_COSTS; i++)
		free_of_charge->cost[i].dist.a = SPAN_NS;
	for (int i = 0; i < KERNEL_SIZES; i++)
		free_of_charge->size[i].value = 1;
	free_of_charge->size[SIZE_PAGE].value = KERNEL_BLOCK_BYTES;
	model_start(&m, plan, free_of_charge, 0);
	same = fscrypt_pool_replay(m.fc, (const struct pool_event *)(const void *)log->data,
				   log->len, counts, got);
	model_end(&m);
	cost_profile_free(free_of_charge);
	return same;
}

/* ---- in time ---- */

struct simulated {
	struct model *model;
	uint32_t number;
};

static void work(struct kernel_task *task, void *arg)
{
	const struct simulated *self = arg;
	struct model *m = self->model;
	const struct threads_plan *plan = m->plan;
	const uint32_t *nonce = plan->nonce + (size_t)self->number * plan->operations;

	for (uint32_t i = 0; i < plan->operations; i++) {
		sim_ns begin = sim_now(m->sim);
		void *cipher;
		int err;

		kernel_request_begin(task, (uint64_t)self->number * plan->operations + i);
		err = fscrypt_get_cipher(task, m->fc, m->key, nonce[i], &cipher);
		m->acquire_ns += sim_now(m->sim) - begin;
		if (err)
			continue;
		kernel_run(task, COST_ENCRYPT_4K + CIPHER_AES_256_XTS, plan->blocks);
		fscrypt_put_cipher(task, m->fc, cipher);
	}
	m->rate += plan->operations * 1e9 / (double)sim_now(m->sim);
}

void threads_simulate(const struct threads_plan *plan, const struct cost_profile *profile,
		      uint64_t seed, struct threads_outcome *outcome)
{
	struct model m;
	g_autofree struct simulated *threads = g_new(struct simulated, plan->threads);

	model_start(&m, plan, profile, seed);
	for (uint32_t t = 0; t < plan->threads; t++) {
		threads[t] = (struct simulated){.model = &m, .number = t};
		kernel_spawn(m.machine, "thread", work, &threads[t]);
	}
	sim_run(m.sim, SIM_NEVER);
	*outcome = (struct threads_outcome){
		.rate = m.rate,
		.acquire_ns = (double)m.acquire_ns / plan->threads / plan->operations,
	};
	model_end(&m);
}
