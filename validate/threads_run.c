/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that take ciphers out of the real pool, derive, set keys and work on data. */
#include "validate/threads.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { REST_US = 5000 };

struct shared {
	const struct threads_plan *plan;
	struct real_pool *pool;
	/* Threads sleep here until all are there: who has slept is not the first to be preempted. */
	pthread_mutex_t gate_lock;
	pthread_cond_t gate_turns;
	enum { GATE_SHUT, GATE_OPEN, GATE_NEVER } gate;
	bool checked; /* data is; else time is taken */
};

struct worker {
	struct shared *shared;
	uint32_t number;
	struct calibrate_master *master;
	struct calibrate_cipher *own,
		*fresh; /* for a key that is shared; one that no pool has seen */
	uint8_t *data, *plain;
	uint64_t wrong, preempted, acquire_ns, began_ns, ended_ns;
	pthread_t thread;
};

static const uint8_t master_key[CALIBRATE_KEY_BYTES] = "the one master key of all threads";

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t *threads_nonces(const struct threads_plan *plan, uint64_t seed, uint32_t zipf_milli)
{
	const struct sim_options options = {.seed = seed};
	struct sim *sim = sim_new(&options);
	struct sim_zipf *zipf = sim_zipf_new(plan->nonces, zipf_milli);
	uint64_t purpose = sim_purpose("nonce");
	uint32_t *nonces = g_new(uint32_t, (gsize)plan->threads * plan->operations);

	for (uint32_t t = 0; t < plan->threads; t++)
		for (uint32_t i = 0; i < plan->operations; i++)
			nonces[(size_t)t * plan->operations + i] =
				(uint32_t)sim_keyed_zipf(sim, purpose, t, i, zipf);
	sim_zipf_free(zipf);
	sim_free(sim);
	return nonces;
}

static void set_key(struct worker *w, struct calibrate_cipher *cipher, uint32_t nonce)
{
	uint8_t bytes[CALIBRATE_NONCE_BYTES] = {0}, key[CALIBRATE_KEY_BYTES];

	memcpy(bytes, &nonce, sizeof(nonce));
	calibrate_derive(w->master, bytes, key);
	calibrate_set_key(cipher, key);
}

/* A cipher keyed for the nonce, with its slot. */
static struct real_use acquire(struct worker *w, uint32_t nonce, struct calibrate_cipher **cipher)
{
	struct real_pool *pool = w->shared->pool;
	struct real_use use = real_pool_get(pool, w->number, nonce);

	*cipher = use.cipher ? use.cipher : w->own;
	if (use.slot < 0 || (use.keyed && use.cipher))
		return use;
	set_key(w, *cipher, nonce);
	if (w->shared->checked)
		sched_yield();
	if (!use.keyed)
		real_pool_keyed(pool, w->number, &use, nonce);
	return use;
}

/* ---- with data that is checked ---- */

static size_t bytes_of(const struct worker *w)
{
	return (size_t)w->shared->plan->blocks * KERNEL_BLOCK_BYTES;
}

/* No two threads use the same IV: one that got into another's cipher would be found out. */
static void work_on_data(struct worker *w, struct calibrate_cipher *cipher, bool encrypt)
{
	calibrate_crypt(cipher, encrypt, (uint64_t)w->number << 32, w->data,
			w->shared->plan->blocks);
}

/* Every other operation encrypts what a fresh key must open, the rest opens what a fresh key encrypted. */
static void check_operation(struct worker *w, uint32_t nonce, uint32_t i)
{
	bool encrypt = i % 2;
	struct calibrate_cipher *cipher = NULL;
	struct real_use use;

	memset(w->plain, (int)(nonce * 7 + i), bytes_of(w));
	memcpy(w->data, w->plain, bytes_of(w));
	set_key(w, w->fresh, nonce);
	if (!encrypt)
		work_on_data(w, w->fresh, true);
	use = acquire(w, nonce, &cipher);
	if (use.slot < 0) {
		sched_yield();
		return;
	}
	work_on_data(w, cipher, encrypt);
	if (i % 3 == 0)
		sched_yield();
	real_pool_put(w->shared->pool, w->number, &use);
	if (encrypt)
		work_on_data(w, w->fresh, false);
	w->wrong += memcmp(w->data, w->plain, bytes_of(w)) != 0;
}

/* ---- timed ---- */

static void timed_operation(struct worker *w, uint32_t nonce)
{
	struct calibrate_cipher *cipher = NULL;
	uint64_t begin = now_ns();
	struct real_use use = acquire(w, nonce, &cipher);

	w->acquire_ns += now_ns() - begin;
	if (use.slot < 0)
		return;
	work_on_data(w, cipher, true);
	real_pool_put(w->shared->pool, w->number, &use);
}

static bool pass_gate(struct shared *shared)
{
	bool open;

	pthread_mutex_lock(&shared->gate_lock);
	while (shared->gate == GATE_SHUT)
		pthread_cond_wait(&shared->gate_turns, &shared->gate_lock);
	open = shared->gate == GATE_OPEN;
	pthread_mutex_unlock(&shared->gate_lock);
	return open;
}

static void turn_gate(struct shared *shared, bool open)
{
	pthread_mutex_lock(&shared->gate_lock);
	shared->gate = open ? GATE_OPEN : GATE_NEVER;
	pthread_cond_broadcast(&shared->gate_turns);
	pthread_mutex_unlock(&shared->gate_lock);
}

static uint64_t times_preempted(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct threads_plan *plan = w->shared->plan;
	const uint32_t *nonce = plan->nonce + (size_t)w->number * plan->operations;
	uint64_t preempted;

	if (!pass_gate(w->shared))
		return NULL;
	preempted = times_preempted();
	w->began_ns = now_ns();
	for (uint32_t i = 0; i < plan->operations; i++)
		if (w->shared->checked)
			check_operation(w, nonce[i], i);
		else
			timed_operation(w, nonce[i]);
	w->ended_ns = now_ns();
	w->preempted = times_preempted() - preempted;
	return NULL;
}

/* ---- all of them ---- */

static bool worker_init(struct worker *w, struct shared *shared, uint32_t number, GError **error)
{
	*w = (struct worker){.shared = shared, .number = number};
	w->master = calibrate_master_new(master_key, error);
	w->own = w->master ? calibrate_cipher_new(error) : NULL;
	w->fresh = w->own ? calibrate_cipher_new(error) : NULL;
	w->data = g_malloc0(bytes_of(w));
	w->plain = g_malloc0(bytes_of(w));
	return w->fresh;
}

static void worker_clear(struct worker *w)
{
	calibrate_master_free(w->master);
	calibrate_cipher_free(w->own);
	calibrate_cipher_free(w->fresh);
	g_free(w->data);
	g_free(w->plain);
}

/* Starts all of them, and waits for all of them. */
static bool work_together(struct worker *workers, uint32_t threads, GError **error)
{
	struct shared *shared = workers->shared;
	uint32_t started = 0;
	int err = 0;

	while (!err && started < threads) {
		err = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
		started += !err;
	}
	if (!shared->checked)
		g_usleep(REST_US);
	turn_gate(shared, !err);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	if (err)
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "%u threads: %s", threads,
			    g_strerror(err));
	return !err;
}

/* Threads do not begin at the same instant: each has its own rate. */
static void sum_up(const struct worker *workers, const struct threads_plan *plan,
		   struct threads_outcome *outcome)
{
	uint64_t acquire_ns = 0, first = UINT64_MAX, all_from = 0, all_to = UINT64_MAX, last = 0;

	for (uint32_t i = 0; i < plan->threads; i++) {
		double ns = (double)(workers[i].ended_ns - workers[i].began_ns);

		first = MIN(first, workers[i].began_ns);
		all_from = MAX(all_from, workers[i].began_ns);
		all_to = MIN(all_to, workers[i].ended_ns);
		last = MAX(last, workers[i].ended_ns);

		outcome->rate += plan->operations * 1e9 / ns;
		acquire_ns += workers[i].acquire_ns;
		outcome->wrong += workers[i].wrong;
		outcome->preempted += workers[i].preempted;
	}
	outcome->acquire_ns = (double)acquire_ns / plan->threads / plan->operations;
	outcome->together =
		all_to > all_from ? (double)(all_to - all_from) / (double)(last - first) : 0;
}

bool threads_run(const struct threads_plan *plan, GArray *log, struct threads_outcome *outcome,
		 GError **error)
{
	struct shared shared = {
		.plan = plan,
		.gate_lock = PTHREAD_MUTEX_INITIALIZER,
		.gate_turns = PTHREAD_COND_INITIALIZER,
		.checked = log,
	};
	g_autofree struct worker *workers = g_new0(struct worker, plan->threads);
	bool fine;

	*outcome = (struct threads_outcome){.wrong = 0};
	shared.pool = real_pool_new(plan, log, error);
	fine = shared.pool;
	for (uint32_t i = 0; fine && i < plan->threads; i++)
		fine = worker_init(&workers[i], &shared, i, error);
	fine = fine && work_together(workers, plan->threads, error);
	if (fine) {
		sum_up(workers, plan, outcome);
		outcome->counts = *real_pool_counts(shared.pool);
	}
	for (uint32_t i = 0; i < plan->threads; i++)
		worker_clear(&workers[i]);
	if (shared.pool)
		real_pool_free(shared.pool);
	return fine;
}
