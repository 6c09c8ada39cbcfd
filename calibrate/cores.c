/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What passes between two cores: a cache line, a lock, a sleeping task that is woken. A partner is held on
 * the second one; what is measured has both take turns, so that each turn crosses.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calibrate/internal.h"

enum {
	LINE_BYTES = 128, /* two, for the prefetcher takes neighbours */
	DAWDLE_NS = 4000,
};

struct pair {
	uint32_t turn __attribute__((aligned(LINE_BYTES))); /* whose: odd is the partner's */
	uint32_t next __attribute__((aligned(LINE_BYTES))); /* ticket to be drawn */
	uint32_t served __attribute__((aligned(LINE_BYTES)));
	bool stop __attribute__((aligned(LINE_BYTES)));
	void (*partner)(struct pair *);
	int cpu[2];
	bool one_core; /* they are hardware threads of the same */
};

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static bool stopped(const struct pair *pair)
{
	return __atomic_load_n(&pair->stop, __ATOMIC_ACQUIRE);
}

static cpu_set_t only(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return set;
}

/* ---- a word that both change ---- */

static void turn_partner(struct pair *pair)
{
	while (!stopped(pair))
		if (load(&pair->turn) & 1)
			__atomic_fetch_add(&pair->turn, 1, __ATOMIC_ACQ_REL);
}

static void run_turns(void *arg, uint64_t times)
{
	struct pair *pair = arg;

	while (times--) {
		uint32_t turn = __atomic_add_fetch(&pair->turn, 1, __ATOMIC_ACQ_REL);

		while (load(&pair->turn) == turn)
			;
	}
}

/* ---- a ticket spinlock, let go when the other one waits for it ---- */

static void locked_once(struct pair *pair)
{
	uint32_t ticket = __atomic_fetch_add(&pair->next, 1, __ATOMIC_RELAXED);

	while (load(&pair->served) != ticket)
		;
	while (load(&pair->next) == ticket + 1 && !stopped(pair))
		;
	__atomic_store_n(&pair->served, ticket + 1, __ATOMIC_RELEASE);
}

static void lock_partner(struct pair *pair)
{
	while (!stopped(pair))
		locked_once(pair);
}

static void run_lock(void *arg, uint64_t times)
{
	while (times--)
		locked_once(arg);
}

/* ---- a word that the other sleeps on ---- */

static void futex(uint32_t *word, int operation, uint32_t value)
{
	syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void pass_turn(struct pair *pair)
{
	__atomic_fetch_add(&pair->turn, 1, __ATOMIC_ACQ_REL);
	futex(&pair->turn, FUTEX_WAKE, 1);
}

/* Until the other one sleeps. */
static void dawdle(void)
{
	uint64_t begin = clock_raw_ns();

	while (clock_raw_ns() - begin < DAWDLE_NS)
		;
}

static void sleep_partner(struct pair *pair)
{
	while (!stopped(pair)) {
		uint32_t turn = load(&pair->turn);

		if (turn & 1) {
			dawdle();
			pass_turn(pair);
		} else {
			futex(&pair->turn, FUTEX_WAIT, turn);
		}
	}
}

static void run_sleeps(void *arg, uint64_t times)
{
	struct pair *pair = arg;

	while (times--) {
		uint32_t turn;

		dawdle();
		pass_turn(pair);
		while ((turn = load(&pair->turn)) & 1)
			futex(&pair->turn, FUTEX_WAIT, turn);
	}
}

static void run_dawdling(void *arg, uint64_t times)
{
	(void)arg;
	while (times--) {
		dawdle();
		dawdle();
	}
}

/* ---- the pair ---- */

static void *partner_main(void *arg)
{
	struct pair *pair = arg;

	pair->partner(pair);
	return NULL;
}

/* On its CPU from the beginning: on this one it might never run. */
static bool start_partner(struct pair *pair, pthread_t *thread)
{
	const cpu_set_t set = only(pair->cpu[1]);
	pthread_attr_t attr;
	bool fine;

	pthread_attr_init(&attr);
	fine = !pthread_attr_setaffinity_np(&attr, sizeof(set), &set) &&
	       !pthread_create(thread, &attr, partner_main, pair);
	pthread_attr_destroy(&attr);
	return fine;
}

static bool measure_pair(struct bench *bench, struct pair *pair, const char *name, const char *what,
			 void (*partner)(struct pair *), const struct op *op, const struct op *less)
{
	g_autofree char *said =
		g_strdup_printf("%s, CPUs %d and %d%s", what, pair->cpu[0], pair->cpu[1],
				pair->one_core ? ", threads of one core" : "");
	pthread_t thread;
	bool fine;

	pair->partner = partner;
	pair->stop = false;
	pair->turn = pair->next = pair->served = 0;
	if (!start_partner(pair, &thread)) {
		bench_skip(bench, name, what, "no second thread could be made");
		return true;
	}
	fine = bench_measure(bench, name, said, op, less);
	__atomic_store_n(&pair->stop, true, __ATOMIC_RELEASE);
	pass_turn(pair);
	pthread_join(thread, NULL);
	return fine;
}

static bool are_siblings(int a, int b)
{
	g_autofree char *path =
		g_strdup_printf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", a);
	g_autofree char *text = NULL;
	g_auto(GStrv) parts = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	parts = g_strsplit(text, ",", -1); /* "0,64" or "0-1" */
	for (char **part = parts; *part; part++) {
		char *end;
		gint64 first = g_ascii_strtoll(*part, &end, 10);
		gint64 last = *end == '-' ? g_ascii_strtoll(end + 1, NULL, 10) : first;

		if (first <= b && b <= last)
			return true;
	}
	return false;
}

/* The first CPU, and the first that is of another core; a thread of the same if there is no other. */
static bool choose(const cpu_set_t *set, struct pair *pair)
{
	pair->cpu[0] = pair->cpu[1] = -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, set))
			continue;
		if (pair->cpu[0] < 0) {
			pair->cpu[0] = cpu;
			continue;
		}
		pair->one_core = are_siblings(pair->cpu[0], cpu);
		if (pair->cpu[1] < 0 || !pair->one_core)
			pair->cpu[1] = cpu;
		if (!pair->one_core)
			break;
	}
	return pair->cpu[1] >= 0;
}

bool measure_cores(struct bench *bench)
{
	static const char line[] = "cache line to another core: atomic add, in turns",
			  spin[] = "ticket spinlock handed to another core",
			  sleeper[] = "futex wake-up of a task asleep on another core";
	struct pair pair = {.stop = false};
	/* A round of turns crosses twice. */
	const struct op turns = {.run = run_turns, .arg = &pair, .units = 2},
			lock = {.run = run_lock, .arg = &pair, .units = 2},
			sleeps = {.run = run_sleeps, .arg = &pair, .units = 2},
			dawdling = {.run = run_dawdling};
	cpu_set_t before, set;
	bool fine;

	if (sched_getaffinity(0, sizeof(before), &before) || !choose(&before, &pair)) {
		const char *why = "takes two CPUs, and this process may use one";

		bench_skip(bench, "line-transfer", line, why);
		bench_skip(bench, "handover-spin", spin, why);
		bench_skip(bench, "handover-sleep", sleeper, why);
		return true;
	}
	set = only(pair.cpu[0]);
	sched_setaffinity(0, sizeof(set), &set);
	fine = measure_pair(bench, &pair, "line-transfer", line, turn_partner, &turns, NULL) &&
	       measure_pair(bench, &pair, "handover-spin", spin, lock_partner, &lock, NULL) &&
	       measure_pair(bench, &pair, "handover-sleep", sleeper, sleep_partner, &sleeps,
			    &dawdling);
	sched_setaffinity(0, sizeof(before), &before);
	return fine;
}
