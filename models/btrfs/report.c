/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the filesystem measures, and dumps of its layout. */
#include "models/btrfs/internal.h"

#define DISK "on disk"
#define IO "I/O"
#define TRUTH "truth"

static const struct sim_metric_def def_context = {"disk.context_bytes", "bytes", SIM_LESS_IS_BETTER,
						  DISK,
						  "bytes of extent contexts in the subvolume trees "
						  "at the end, length prefixes and the headers "
						  "of separate items included; in distinct leaves"};
static const struct sim_metric_def def_leaves = {
	"disk.leaves", "blocks", SIM_LESS_IS_BETTER, DISK,
	"distinct leaves of all subvolume trees at the end"};
static const struct sim_metric_def def_items = {"disk.file_extent_items", "count", SIM_NO_DIRECTION,
						DISK,
						"file extent items in distinct leaves at the end"};
static const struct sim_metric_def def_extents = {"disk.extents", "count", SIM_NO_DIRECTION, DISK,
						  "data extents with a reference at the end"};
static const struct sim_metric_def def_data = {
	"disk.data_bytes", "bytes", SIM_LESS_IS_BETTER, DISK,
	"bytes of data extents at the end, parts without a reference included"};
static const struct sim_metric_def def_loads = {
	"io.extent_map_loads", "count", SIM_LESS_IS_BETTER, IO,
	"extent maps built from the tree because the cache had none (btrfs_get_extent)"};
static const struct sim_metric_def def_ordered = {"io.ordered_extents", "count", SIM_NO_DIRECTION,
						  IO, "ordered extents created"};
static const struct sim_metric_def def_searches = {"tree.searches", "count", SIM_LESS_IS_BETTER, IO,
						   "descents from a subvolume tree's root"};
static const struct sim_metric_def def_cow = {"tree.blocks_cowed", "blocks", SIM_LESS_IS_BETTER, IO,
					      "tree blocks copied on write"};
static const struct sim_metric_def def_written = {
	"tree.blocks_written", "blocks", SIM_LESS_IS_BETTER, IO,
	"tree blocks that commits wrote: new ones and copies; those of log trees not included"};
static const struct sim_metric_def def_commits = {"tree.commits", "count", SIM_NO_DIRECTION, IO,
						  "transactions committed"};
static const struct sim_metric_def def_maps = {
	"mem.extent_maps_max_bytes", "bytes", SIM_LESS_IS_BETTER, "memory",
	"most bytes of struct extent_map at one instant; crypto state that hangs on them is in "
	"mem.keys_max_bytes"};
static const struct sim_metric_def def_cached = {"mem.extent_cache_max_bytes", "bytes",
						 SIM_LESS_IS_BETTER, "memory",
						 "most bytes at one instant of struct extent_map "
						 "and of the crypto state that hangs on them: "
						 "extent infos, their keys, and ciphers of their "
						 "own"};
static const struct sim_metric_def def_maps_then = {
	"mem.extent_cache_maps", "count", SIM_NO_DIRECTION, "memory",
	"extent maps in memory at the instant of mem.extent_cache_max_bytes"};
static const struct sim_metric_def def_per_map = {
	"mem.extent_cache_bytes_per_map", "bytes", SIM_LESS_IS_BETTER, "memory",
	"mem.extent_cache_max_bytes divided by mem.extent_cache_maps, rounded down; absent when "
	"nothing was cached"};
static const struct sim_metric_def def_lost = {
	"truth.lost_writes", "blocks", SIM_LESS_IS_BETTER, TRUTH,
	"blocks that write() accepted and writeback could not write"};

static const struct sim_metric_def def_shrunk = {"mem.inodes_shrunk", "count", SIM_NO_DIRECTION,
						 "memory",
						 "inodes that the shrinkers took out of memory"};
static const struct sim_metric_def def_shrunk_unlinked = {
	"mem.inodes_shrunk_unlinked", "count", SIM_LESS_IS_BETTER, "memory",
	"of those, inodes without a name: each joins a transaction in reclaim"};

static const struct sim_metric_def def_policies = {
	"policy.set_at_first_write", "inodes", SIM_NO_DIRECTION, DISK,
	"files of a plain tree that got the policy of a directory above them when first written"};

const struct sim_metric_def *const btrfs_metric_defs[] = {
	&def_context,  &def_leaves,    &def_items,	     &def_extents,
	&def_data,     &def_loads,     &def_ordered,	     &def_searches,
	&def_cow,      &def_written,   &def_commits,	     &def_maps,
	&def_cached,   &def_maps_then, &def_per_map,	     &def_lost,
	&def_policies, &def_shrunk,    &def_shrunk_unlinked, NULL};

void btrfs_report(struct btrfs_fs *fs, struct sim_metrics *metrics)
{
	const struct btrfs_work *work = &fs->count.work;
	struct store_stats stats;

	store_stats(fs->store, &stats);
	sim_metrics_set(metrics, &def_context, def_context.name, (int64_t)stats.context_bytes);
	sim_metrics_set(metrics, &def_leaves, def_leaves.name, (int64_t)stats.leaves);
	sim_metrics_set(metrics, &def_items, def_items.name, (int64_t)stats.file_extent_items);
	sim_metrics_set(metrics, &def_extents, def_extents.name, (int64_t)stats.extents);
	sim_metrics_set(metrics, &def_data, def_data.name, (int64_t)stats.extent_bytes);
	sim_metrics_set(metrics, &def_loads, def_loads.name, (int64_t)fs->count.map_loads);
	sim_metrics_set(metrics, &def_ordered, def_ordered.name, (int64_t)fs->count.ordered);
	sim_metrics_set(metrics, &def_searches, def_searches.name, (int64_t)work->searches);
	sim_metrics_set(metrics, &def_cow, def_cow.name,
			(int64_t)(work->nodes_cowed + work->leaves_cowed));
	sim_metrics_set(metrics, &def_written, def_written.name,
			(int64_t)fs->count.tree_blocks_written);
	sim_metrics_set(metrics, &def_commits, def_commits.name, (int64_t)fs->commits);
	sim_metrics_set(metrics, &def_maps, def_maps.name,
			(int64_t)alloc_site_max_bytes(fs->site_map));
	sim_metrics_set(metrics, &def_shrunk, def_shrunk.name, (int64_t)fs->count.inodes_shrunk);
	sim_metrics_set(metrics, &def_shrunk_unlinked, def_shrunk_unlinked.name,
			(int64_t)fs->count.inodes_shrunk_unlinked);
	sim_metrics_set(metrics, &def_cached, def_cached.name, (int64_t)fs->cached.bytes_max);
	sim_metrics_set(metrics, &def_maps_then, def_maps_then.name, (int64_t)fs->cached.maps_then);
	if (fs->cached.maps_then)
		sim_metrics_set(metrics, &def_per_map, def_per_map.name,
				(int64_t)(fs->cached.bytes_max / fs->cached.maps_then));
	sim_metrics_set(metrics, &def_lost, def_lost.name, (int64_t)fs->count.lost_writes);
	if (fs->count.policies_at_first_write)
		sim_metrics_set(metrics, &def_policies, def_policies.name,
				(int64_t)fs->count.policies_at_first_write);
	btrfs_report_checks(fs, metrics);
}

struct btrfs_dump {
	struct store_dump *dump;
};

struct btrfs_dump *btrfs_dump_new(struct btrfs_fs *fs)
{
	struct btrfs_dump *dump = g_new(struct btrfs_dump, 1);

	dump->dump = store_dump_new(fs->store);
	return dump;
}

void btrfs_dump_free(struct btrfs_dump *dump)
{
	store_dump_free(dump->dump);
	g_free(dump);
}

void btrfs_dump(struct btrfs_dump *dump, const char *const *paths, size_t count, GString *out)
{
	store_dump(dump->dump, paths, count, out);
}
