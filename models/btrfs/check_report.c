/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What checksums and tags take on disk, and what came of checking them. */
#include "models/btrfs/internal.h"

/* 6.12: fs/btrfs/fs.c, btrfs_csums[] */
enum { CRC32C_BYTES = 4 };

#define DISK "on disk"
#define IO "I/O"
#define TRUTH "truth"

static const struct sim_metric_def def_csums = {
	"disk.csum_bytes", "bytes", SIM_LESS_IS_BETTER, DISK,
	"checksums at the end: 4 bytes of crc32c for each block on disk that has one, until its "
	"whole extent is freed; not in it: the item headers of 25 bytes, one for each run of up to "
	"4057 neighbouring blocks at best, and the nodes above"};
static const struct sim_metric_def def_tags = {
	"disk.tag_bytes", "bytes", SIM_LESS_IS_BETTER, DISK,
	"authentication tags at the end: auth.tag bytes for each encrypted block on disk that has "
	"a "
	"checksum or would have one; without item headers, one for each run of up to 1013 tags of "
	"16 bytes at best"};
static const struct sim_metric_def def_total = {
	"disk.total_bytes", "bytes", SIM_LESS_IS_BETTER, DISK,
	"at the end: data extents, whole blocks of the subvolume trees, checksums and tags, one "
	"copy "
	"of each; not in it: extent tree, log trees, and what disk.csum_bytes leaves out"};
static const struct sim_metric_def def_repairs = {
	"io.read_repairs", "blocks", SIM_LESS_IS_BETTER, IO,
	"corrupted blocks that a read found, read from the other mirror and wrote back"};
static const struct sim_metric_def def_read_errors = {
	"io.read_errors", "blocks", SIM_LESS_IS_BETTER, IO,
	"corrupted blocks that a read found and no mirror had in order, and blocks whose tags "
	"disagreed under the reader's key; the read fails with EIO"};
static const struct sim_metric_def def_undetected = {
	"truth.undetected_blocks", "blocks", SIM_LESS_IS_BETTER, TRUTH,
	"corrupted blocks that were read as if they were in order: they have neither checksum nor "
	"tag"};

/* ---- scrub and balance: the same counts of two operations ---- */

struct check_def {
	struct sim_metric_def def;
	size_t offset; /* in struct btrfs_check_counts */
};

#define CHECK(of, stem, unit, direction, field, help)                                              \
	{                                                                                          \
		{of "." stem, unit, direction, of, help},                                          \
			offsetof(struct btrfs_check_counts, field)                                 \
	}
#define CHECKS(of)                                                                                 \
	CHECK(of, "blocks", "blocks", SIM_NO_DIRECTION, read,                                      \
	      "blocks of data read to be checked"),                                                \
		CHECK(of, "verified_blocks", "blocks", SIM_MORE_IS_BETTER, verified,               \
		      "of these, checked by a crc32c or a tag, whatever that came to"),            \
		CHECK(of, "unverified_blocks", "blocks", SIM_LESS_IS_BETTER, unverified,           \
		      "of these, not checked: they have a tag only, and its key is not there"),    \
		CHECK(of, "no_csum_blocks", "blocks", SIM_NO_DIRECTION, unsummed,                  \
		      "of these, not checked: nodatacow or preallocated, without checksum or "     \
		      "tag"),                                                                      \
		CHECK(of, "repaired_blocks", "blocks", SIM_NO_DIRECTION, repaired,                 \
		      "found corrupted and written anew from the other mirror"),                   \
		CHECK(of, "uncorrectable_blocks", "blocks", SIM_LESS_IS_BETTER, uncorrectable,     \
		      "found corrupted, without a good copy"),                                     \
		CHECK(of, "backrefs", "count", SIM_LESS_IS_BETTER, backrefs,                       \
		      "back references resolved to find the key of an extent's tags"),             \
		CHECK(of, "inode_lookups", "count", SIM_LESS_IS_BETTER, inode_lookups,             \
		      "of these, those that needed the context of an inode too"),                  \
		CHECK(of, "extent_tree_searches", "count", SIM_LESS_IS_BETTER, tree_searches,      \
		      "searches of the extent tree for these; the tree is not built, its depth "   \
		      "is "                                                                        \
		      "that of full leaves")

static const struct check_def scrub_defs[] = {CHECKS("scrub")},
			      balance_defs[] = {CHECKS("balance")};

static void report_checks(const struct check_def *defs, size_t count,
			  const struct btrfs_check_counts *counts, struct sim_metrics *metrics)
{
	for (size_t i = 0; i < count; i++) {
		const uint64_t *value = (const uint64_t *)((const char *)counts + defs[i].offset);

		sim_metrics_set(metrics, &defs[i].def, defs[i].def.name, (int64_t)*value);
	}
}

static void report_disk_sums(struct btrfs_fs *fs, struct sim_metrics *metrics)
{
	uint64_t plain, encrypted, tags, csums;
	struct store_stats stats;

	store_sums(fs->store, &plain, &encrypted);
	store_stats(fs->store, &stats);
	tags = encrypted * fs->config.tag_bytes;
	csums = (btrfs_has_csum(fs, true) ? plain + encrypted : plain) * CRC32C_BYTES;
	sim_metrics_set(metrics, &def_tags, def_tags.name, (int64_t)tags);
	sim_metrics_set(metrics, &def_csums, def_csums.name, (int64_t)csums);
	sim_metrics_set(
		metrics, &def_total, def_total.name,
		(int64_t)(stats.extent_bytes + tags + csums +
			  (stats.leaves + stats.nodes) * store_options(fs->store)->node_bytes));
}

void btrfs_report_checks(struct btrfs_fs *fs, struct sim_metrics *metrics)
{
	report_disk_sums(fs, metrics);
	sim_metrics_set(metrics, &def_repairs, def_repairs.name, (int64_t)fs->count.read_repairs);
	sim_metrics_set(metrics, &def_read_errors, def_read_errors.name,
			(int64_t)fs->count.read_errors);
	sim_metrics_set(metrics, &def_undetected, def_undetected.name,
			(int64_t)fs->count.undetected_blocks);
	if (fs->count.scrubs)
		report_checks(scrub_defs, G_N_ELEMENTS(scrub_defs), &fs->count.scrub, metrics);
	if (fs->count.balances)
		report_checks(balance_defs, G_N_ELEMENTS(balance_defs), &fs->count.balance,
			      metrics);
}

#define CHECK_DEFS(defs)                                                                           \
	&(defs)[0].def, &(defs)[1].def, &(defs)[2].def, &(defs)[3].def, &(defs)[4].def,            \
		&(defs)[5].def, &(defs)[6].def, &(defs)[7].def, &(defs)[8].def

const struct sim_metric_def *const btrfs_check_metric_defs[] = {&def_csums,
								&def_tags,
								&def_total,
								&def_repairs,
								&def_read_errors,
								&def_undetected,
								CHECK_DEFS(scrub_defs),
								CHECK_DEFS(balance_defs),
								NULL};
