/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The btrfs structure layer at size: a file of ten million 4 KiB extents, random overwrites of it,
 * snapshots, and what all of it takes in memory.
 */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "models/btrfs/store.h"

#define BLOCK 4096ull
#define COMMIT_EVERY 100000u /* operations: about a commit interval of a fast disk */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

/* Resident bytes of this process; 0 where /proc does not tell. */
static uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	uint64_t total = 0, resident = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * 4096;
}

/* One block written on its own, from planning to the end of the ordered extent. */
static void write_block(struct btrfs_store *store, struct store_inode *inode, uint64_t block,
			GArray *pieces)
{
	g_array_set_size(pieces, 0);
	store_plan_direct(store, inode, block * BLOCK, BLOCK, STORE_CONTENT_UNIQUE, pieces, NULL);
	store_finish(store, inode, &g_array_index(pieces, struct store_piece, 0), NULL);
}

struct bench_file {
	struct btrfs_store *store;
	struct store_inode *inode;
	GArray *pieces;
	uint64_t extents, resident_before;
};

static void file_fill(struct bench_file *file, uint64_t extents)
{
	uint32_t root;

	memset(file, 0, sizeof(*file));
	file->resident_before = resident_bytes();
	file->extents = extents;
	file->store = store_new(NULL);
	file->pieces = g_array_new(FALSE, FALSE, sizeof(struct store_piece));
	store_subvol_create(file->store, "sv", &root, NULL);
	store_create(file->store, "sv/f", 0, &file->inode, NULL);
	for (uint64_t i = 0; i < extents; i++) {
		write_block(file->store, file->inode, i, file->pieces);
		if (i % COMMIT_EVERY == COMMIT_EVERY - 1)
			store_commit(file->store, NULL);
	}
	store_commit(file->store, NULL);
}

static void file_free(struct bench_file *file)
{
	g_array_free(file->pieces, TRUE);
	store_inode_put(file->store, file->inode, NULL);
	store_free(file->store);
}

static void overwrite(struct bench_file *file, uint64_t n)
{
	uint64_t state = 42;

	for (uint64_t i = 0; i < n; i++) {
		write_block(file->store, file->inode, splitmix64(&state) % file->extents,
			    file->pieces);
		if (i % COMMIT_EVERY == COMMIT_EVERY - 1)
			store_commit(file->store, NULL);
	}
	store_commit(file->store, NULL);
}

static void print_memory(const struct bench_file *file, const char *when)
{
	struct store_stats stats;

	store_stats(file->store, &stats);
	printf("btrfs: %s: %" PRIu64 " extents, %" PRIu64 " items in %" PRIu64
	       " leaves: %.1f bytes an extent, %.1f an item; resident %.1f an extent\n",
	       when, stats.extents, stats.file_extent_items, stats.leaves,
	       (double)stats.memory_bytes / (double)stats.extents,
	       (double)stats.memory_bytes / (double)stats.file_extent_items,
	       (double)(resident_bytes() - file->resident_before) / (double)stats.extents);
}

static void bench_snapshot(struct bench_file *file)
{
	uint32_t root;
	double start = bench_cpu_ns();

	for (unsigned int i = 0; i < BENCH_ROUNDS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		store_snapshot(file->store, "sv", name, &root, NULL);
	}
	printf("btrfs: snapshot of it: %.2f us\n", (bench_cpu_ns() - start) / BENCH_ROUNDS / 1000);
	start = bench_cpu_ns();
	write_block(file->store, file->inode, file->extents / 2, file->pieces);
	printf("btrfs: first overwrite after it: %.2f us\n", (bench_cpu_ns() - start) / 1000);
}

/* Overwrites that cut up large extents instead of replacing small ones. */
static void bench_splits(uint64_t n)
{
	struct bench_file file;
	uint64_t state = 7, blocks = n * 16;
	double start;

	file_fill(&file, 0);
	for (uint64_t at = 0; at < blocks; at += 1u << 15) {
		store_write(file.store, file.inode, at * BLOCK, BLOCK << 15, STORE_CONTENT_UNIQUE,
			    NULL, NULL);
		store_flush(file.store, file.inode, NULL);
	}
	start = bench_cpu_ns();
	for (uint64_t i = 0; i < n; i++) {
		write_block(file.store, file.inode, splitmix64(&state) % blocks, file.pieces);
		if (i % COMMIT_EVERY == COMMIT_EVERY - 1)
			store_commit(file.store, NULL);
	}
	store_commit(file.store, NULL);
	printf("btrfs: random 4 KiB into 128 MiB extents: %.2f M/s\n",
	       (double)n / (bench_cpu_ns() - start) * 1000);
	print_memory(&file, "cut up");
	file_free(&file);
}

void bench_btrfs(void)
{
	const uint64_t extents = 10000000, writes = 5000000;
	struct bench_file file;
	double start = bench_cpu_ns();

	file_fill(&file, extents);
	printf("btrfs: %" PRIu64 " sequential 4 KiB direct writes: %.2f M/s\n", extents,
	       (double)extents / (bench_cpu_ns() - start) * 1000);
	print_memory(&file, "written in order");
	start = bench_cpu_ns();
	overwrite(&file, writes);
	printf("btrfs: random 4 KiB overwrites of it: %.2f M/s\n",
	       (double)writes / (bench_cpu_ns() - start) * 1000);
	print_memory(&file, "overwritten");
	bench_snapshot(&file);
	file_free(&file);
	bench_splits(2000000);
}
