/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small machine for the tests of models/kernel: everything costs nothing until a test says so. */
#ifndef KERNEL_FIXTURE_H
#define KERNEL_FIXTURE_H

#include "models/kernel/kernel.h"

struct kernel_fixture {
	struct sim *sim;
	struct cost_profile profile;
	struct machine_config config;
	struct machine *machine;
	struct sim_metrics *metrics;
};

enum { FIXTURE_PAGE = 4096 };

/* One CPU, 64 MiB, one device with one channel, no flusher; then the test changes what it likes. */
void fixture_prepare(struct kernel_fixture *f);
void fixture_cost(struct kernel_fixture *f, enum kernel_cost cost, sim_ns ns);
void fixture_start(struct kernel_fixture *f);
/* Runs until nothing is left to do; false if the run ended in another way. */
bool fixture_run(struct kernel_fixture *f);
/* Reports the machine's metrics and returns one of them, -1 if it is absent. */
int64_t fixture_metric(struct kernel_fixture *f, const char *name);
void fixture_free(struct kernel_fixture *f);
/* Sum of the parts of the task's life so far. */
sim_ns fixture_parts(const struct kernel_task *task);
/* Its waits at a place since the account was opened; NULL: at all places. */
sim_ns fixture_waited(const struct kernel_task *task, const struct kernel_account *account,
		      const char *place);
/* A small generator of test data, apart from the engine's streams. */
uint32_t fixture_random(uint64_t *state, uint32_t below);

#define EXPECT_U64(a, b)                                                                           \
	do {                                                                                       \
		uint64_t a_ = (a), b_ = (b);                                                       \
		cr_expect_eq(a_, b_, "%s is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, #a,    \
			     a_, b_);                                                              \
	} while (0)

#endif
