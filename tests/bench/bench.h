/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Benches: each prints its own lines. A new one is a function here and a row in main.c. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

enum { BENCH_ROUNDS = 5 };

/* CPU time of this process in ns. */
double bench_cpu_ns(void);
/* Sorts the values; the median is in the middle, the least in front. */
void bench_sort(double *values, int n);

void bench_mm1(void);
void bench_hold(void);
void bench_tasks(void);
void bench_btrfs(void);
void bench_mrc(void);

/* Work that runs alone, for counting instructions: `n` customers or operations. */
void bench_mm1_loop(uint64_t n);
void bench_mm1_store(uint64_t n);
void bench_mm1_pool(uint64_t n);

#endif
