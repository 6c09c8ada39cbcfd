/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool for real: threads of this machine, keys by HKDF, data by AES-256-XTS, and a pool of ciphers written
 * anew, with a mutex and condition variables. What the threads did under the pool's lock can be logged.
 */
#ifndef VALIDATE_THREADS_H
#define VALIDATE_THREADS_H

#include "calibrate/calibrate.h"
#include "models/fscrypt/fscrypt.h"
#include "validate/validate.h"

/** What a run of threads is, real or simulated. */
struct threads_plan {
	uint32_t threads, operations; /* of each thread */
	uint32_t nonces, blocks; /* different keys; blocks of 4 KiB in an operation */
	uint32_t pool_size;
	bool map, steal; /* pool.map, pool.full=steal */
	/** Of each operation, thread by thread: the number of its nonce. */
	const uint32_t *nonce;
};

struct threads_outcome {
	struct pool_counts counts;
	uint64_t wrong; /* operations whose data a key set anew did not open */
	double rate; /* operations a second, of all threads */
	double acquire_ns; /* mean time to a keyed cipher */
	uint64_t preempted; /* times that a thread had to leave its CPU to others */
	double together; /* share of the time from the first to the last that all ran */
};

/** Nonces by Zipf, the exponent in thousandths, for threads_plan.nonce; the caller frees. */
uint32_t *threads_nonces(const struct threads_plan *plan, uint64_t seed, uint32_t zipf_milli);

/* ---- threads_pool.c ---- */

struct real_pool;
/** With a log (struct pool_event), each step is appended to it. */
struct real_pool *real_pool_new(const struct threads_plan *plan, GArray *log, GError **error);
void real_pool_free(struct real_pool *pool);
const struct pool_counts *real_pool_counts(const struct real_pool *pool);
/** A slot that a thread has. libcrypto keeps the IV in the cipher, so that only one at a time may work with
 * it; others who share the slot have its key, but must set it in a cipher of their own. */
struct real_use {
	int32_t slot; /* -1: refused */
	bool keyed; /* it has the key; else who took it sets it */
	struct calibrate_cipher *cipher; /* the slot's; NULL: another works with it */
};
struct real_use real_pool_get(struct real_pool *pool, uint32_t thread, uint32_t nonce);
void real_pool_keyed(struct real_pool *pool, uint32_t thread, const struct real_use *use,
		     uint32_t nonce);
void real_pool_put(struct real_pool *pool, uint32_t thread, const struct real_use *use);

/* ---- threads_run.c, threads_model.c ---- */

/** Runs the plan. With a log, threads yield to each other on the way, and data is checked; without, the run is
 * timed. */
bool threads_run(const struct threads_plan *plan, GArray *log, struct threads_outcome *outcome,
		 GError **error);
/** Goes through the log in the model's code. How many steps came to the same; `got` says of the first other one. */
size_t threads_replay(const struct threads_plan *plan, const GArray *log,
		      struct pool_counts *counts, struct pool_event *got);
/** The plan in the model, on a machine of as many CPUs as threads. */
void threads_simulate(const struct threads_plan *plan, const struct cost_profile *profile,
		      uint64_t seed, struct threads_outcome *outcome);

#endif
