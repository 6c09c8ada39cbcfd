/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * M/M/1 at load 0.9, three ways:
 * loop    the bare loop: callbacks over a 4-ary heap, a sum of waits, nothing else (the yardstick)
 * store   two processes, arrivals and the server, with a store between them; the store measures
 *         itself and every wait goes into a histogram (what process-oriented engines publish)
 * pool    a process per customer that takes, holds and gives back a resource (the queue workload)
 */
#include "bench.h"
#include "sim/sim.h"

#include <stdio.h>

enum { HOLD_NS = 1000000, ARRIVAL_NS = 1111111, CUSTOMERS = 2000000 };

static struct sim *new_run(void)
{
	const struct sim_options options = {.seed = 42};

	return sim_new(&options);
}

/* ---- the bare loop ---- */

__extension__ typedef unsigned __int128 key;
enum { LOOP_HEAP = 64, LOOP_ARRIVAL = 0, LOOP_DEPARTURE = 1 };

struct loop {
	key heap[LOOP_HEAP];
	uint32_t count;
	uint64_t serial, left, served, waiting, wait_sum;
	sim_ns now, *arrived;
	uint64_t head, tail;
	struct sim_stream arrivals, holds;
};

static const uint64_t line_mask = (1 << 16) - 1;

static void loop_push(struct loop *loop, sim_ns when, unsigned what)
{
	key k = (key)when << 64 | loop->serial++ << 8 | what;
	uint32_t i = loop->count++;

	while (i && loop->heap[(i - 1) / 4] > k) {
		loop->heap[i] = loop->heap[(i - 1) / 4];
		i = (i - 1) / 4;
	}
	loop->heap[i] = k;
}

static key loop_pop(struct loop *loop)
{
	key top = loop->heap[0], last = loop->heap[--loop->count];
	uint32_t i = 0, child;

	while ((child = 4 * i + 1) < loop->count) {
		uint32_t end = child + 4 < loop->count ? child + 4 : loop->count;

		for (uint32_t j = child + 1; j < end; j++)
			child = loop->heap[j] < loop->heap[child] ? j : child;
		if (last < loop->heap[child])
			break;
		loop->heap[i] = loop->heap[child];
		i = child;
	}
	loop->heap[i] = last;
	return top;
}

static void loop_serve(struct loop *loop)
{
	loop->wait_sum += loop->now - loop->arrived[loop->head++ & line_mask];
	loop->served++;
	loop_push(loop, loop->now + sim_draw_exponential(&loop->holds, HOLD_NS), LOOP_DEPARTURE);
}

static void loop_event(struct loop *loop, unsigned what)
{
	if (what == LOOP_ARRIVAL) {
		loop->arrived[loop->tail++ & line_mask] = loop->now;
		if (loop->tail - loop->head == 1 && !loop->waiting)
			loop_serve(loop), loop->waiting = 1;
		if (--loop->left)
			loop_push(loop,
				  loop->now + sim_draw_exponential(&loop->arrivals, ARRIVAL_NS),
				  LOOP_ARRIVAL);
	} else if (loop->head != loop->tail) {
		loop_serve(loop);
	} else {
		loop->waiting = 0;
	}
}

void bench_mm1_loop(uint64_t n)
{
	struct sim *sim = new_run();
	struct loop loop = {.left = n, .arrived = g_new(sim_ns, line_mask + 1)};

	sim_stream_init(&loop.arrivals, sim, "arrival", 0);
	sim_stream_init(&loop.holds, sim, "hold", 0);
	loop_push(&loop, sim_draw_exponential(&loop.arrivals, ARRIVAL_NS), LOOP_ARRIVAL);
	while (loop.count) {
		key k = loop_pop(&loop);

		loop.now = (sim_ns)(k >> 64);
		loop_event(&loop, (unsigned)k & 0xff);
	}
	g_assert(loop.served == n);
	g_free(loop.arrived);
	sim_free(sim);
}

/* ---- two processes and a store ---- */

struct shop {
	struct sim *sim;
	struct sim_store line;
	struct sim_stream arrivals, holds;
	struct sim_histogram *wait_ns;
	uint64_t customers;
};

static void arrive(struct sim_task *self, void *arg)
{
	struct shop *shop = arg;

	(void)self;
	for (uint64_t i = 0; i < shop->customers; i++) {
		sim_hold(shop->sim, sim_draw_exponential(&shop->arrivals, ARRIVAL_NS));
		sim_store_put(&shop->line, GSIZE_TO_POINTER(sim_now(shop->sim)));
	}
}

static void serve(struct sim_task *self, void *arg)
{
	struct shop *shop = arg;

	(void)self;
	for (uint64_t i = 0; i < shop->customers; i++) {
		void *arrived;

		sim_store_take(&shop->line, &arrived);
		sim_histogram_add(shop->wait_ns, sim_now(shop->sim) - GPOINTER_TO_SIZE(arrived));
		sim_hold(shop->sim, sim_draw_exponential(&shop->holds, HOLD_NS));
	}
}

static uint64_t store_events;

void bench_mm1_store(uint64_t n)
{
	struct shop shop = {.sim = new_run(), .customers = n};

	shop.wait_ns = sim_histogram_new();
	sim_store_init(&shop.line, shop.sim, "line", 0);
	sim_stream_init(&shop.arrivals, shop.sim, "arrival", 0);
	sim_stream_init(&shop.holds, shop.sim, "hold", 0);
	sim_spawn(shop.sim, "arrivals", arrive, &shop);
	sim_spawn(shop.sim, "server", serve, &shop);
	g_assert(sim_run(shop.sim, SIM_NEVER) == SIM_END_IDLE);
	g_assert(sim_histogram_count(shop.wait_ns) == n);
	store_events = sim_events(shop.sim);
	sim_histogram_free(shop.wait_ns);
	sim_store_destroy(&shop.line);
	sim_free(shop.sim);
}

/* ---- a process per customer ---- */

static uint64_t pool_events;

void bench_mm1_pool(uint64_t n)
{
	struct sim *sim = new_run();
	const struct sim_queue_config config = {
		.servers = 1,
		.arrival = {.kind = SIM_DIST_EXPONENTIAL, .a = ARRIVAL_NS},
		.hold = {.kind = SIM_DIST_EXPONENTIAL, .a = HOLD_NS},
		.customers = n,
	};
	struct sim_queue_result result;

	g_assert(sim_queue_run(sim, &config, NULL, &result) == SIM_END_IDLE);
	g_assert(result.served == n);
	pool_events = sim_events(sim);
	sim_histogram_free(result.wait_ns);
	sim_free(sim);
}

/* ---- side by side ---- */

void bench_mm1(void)
{
	static const struct {
		const char *name;
		void (*run)(uint64_t n);
	} ways[] = {
		{"bare callback loop", bench_mm1_loop},
		{"two processes and a store", bench_mm1_store},
		{"a process per customer", bench_mm1_pool},
	};
	enum { WAYS = G_N_ELEMENTS(ways) };
	double ns[WAYS][BENCH_ROUNDS];

	for (int round = 0; round < BENCH_ROUNDS; round++)
		for (int way = 0; way < WAYS; way++) {
			double start = bench_cpu_ns();

			ways[way].run(CUSTOMERS);
			ns[way][round] = (bench_cpu_ns() - start) / CUSTOMERS;
		}
	printf("M/M/1, load 0.9, %d customers, %d rounds in turns\n", CUSTOMERS, BENCH_ROUNDS);
	printf("%-28s %8s %8s %14s %10s %7s\n", "", "ns", "least", "customers/s", "events/s",
	       "ratio");
	for (int way = 0; way < WAYS; way++) {
		double events =
			way == 0 ? 2.0
				 : (double)(way == 1 ? store_events : pool_events) / CUSTOMERS;

		bench_sort(ns[way], BENCH_ROUNDS);
		printf("%-28s %8.1f %8.1f %12.1f M %8.1f M %7.2f\n", ways[way].name,
		       ns[way][BENCH_ROUNDS / 2], ns[way][0], 1e3 / ns[way][BENCH_ROUNDS / 2],
		       events * 1e3 / ns[way][BENCH_ROUNDS / 2],
		       ns[way][BENCH_ROUNDS / 2] / ns[0][BENCH_ROUNDS / 2]);
	}
}
