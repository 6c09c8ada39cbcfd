/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench [NAME ...]        run these benches, or all
 * bench --only WORK N     run one piece of work once and print nothing (for counting instructions)
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	void (*run)(void);
} benches[] = {
	{"mm1", bench_mm1},	{"hold", bench_hold}, {"tasks", bench_tasks},
	{"btrfs", bench_btrfs}, {"mrc", bench_mrc},
};

static const struct {
	const char *name;
	void (*run)(uint64_t n);
} works[] = {
	{"mm1-loop", bench_mm1_loop},
	{"mm1-store", bench_mm1_store},
	{"mm1-pool", bench_mm1_pool},
};

double bench_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
}

static int run_bench(const char *name)
{
	int found = 0;

	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (name && strcmp(name, benches[i].name))
			continue;
		benches[i].run();
		fflush(stdout);
		found = 1;
	}
	if (!found)
		fprintf(stderr, "bench: there is no bench %s\n", name);
	return !found;
}

static int run_work(const char *name, uint64_t n)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(name, works[i].name))
			continue;
		works[i].run(n);
		return 0;
	}
	fprintf(stderr, "bench: there is no work %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	int rc = 0;

	if (argc == 4 && !strcmp(argv[1], "--only"))
		return run_work(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 1)
		return run_bench(NULL);
	for (int i = 1; i < argc; i++)
		rc |= run_bench(argv[i]);
	return rc ? 2 : 0;
}
