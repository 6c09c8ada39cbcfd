// SPDX-License-Identifier: GPL-2.0-or-later
/* Subvolume trees against arithmetic: what fits a leaf, how trees grow, what a change copies. */
#include "models/btrfs/store.h"
#include "validate/internal.h"

/* Sizes on disk, as include/uapi/linux/btrfs_tree.h packs them; not the model's own constants. */
enum {
	NODE = 16384,
	HEADER = 101, /* struct btrfs_header */
	ITEM = 25, /* struct btrfs_item */
	KEY_PTR = 33, /* struct btrfs_key_ptr */
	FILE_EXTENT = 53, /* struct btrfs_file_extent_item */
	INODE = 160, /* struct btrfs_inode_item */
	INODE_REF = 10, /* struct btrfs_inode_ref, and the name */
	DIR_ITEM = 30, /* struct btrfs_dir_item, and the name */
	PREFIX = 4, /* a length before an appended context, in series v1 to v5 */
	LEAF_ROOM = NODE - HEADER,
	NODE_ROOM = (NODE - HEADER) / KEY_PTR,
	BLOCK = 4096,
};
static const char format[] = "sizes of include/uapi/linux/btrfs_tree.h";

/* ---- trees filled in key order ------------------------------------------------------------ */

/* One file of extents of a block each, in the top-level subvolume. */
static struct btrfs_store *filled(const struct btrfs_store_options *options, uint32_t extents)
{
	struct store_image_extent *extent = g_new0(struct store_image_extent, extents);
	const struct store_image_inode file = {
		.parent = UINT32_MAX,
		.name = "f",
		.flags = options->context_layout == STORE_CONTEXT_NONE ? 0 : STORE_ENCRYPTED,
		.policy_key = options->context_layout != STORE_CONTEXT_NONE,
		.size = (uint64_t)extents * BLOCK,
		.extents = extent,
		.n_extents = extents,
	};
	struct btrfs_store *store = store_new(options);
	int err;

	for (uint32_t i = 0; i < extents; i++)
		extent[i] = (struct store_image_extent){.file_offset = (uint64_t)i * BLOCK,
							.bytes = BLOCK,
							.type = STORE_REGULAR,
							.disk_bytes = BLOCK};
	err = store_populate(store, BTRFS_FS_TREE_ROOT, &file, 1, NULL);
	g_assert(!err);
	g_free(extent);
	return store;
}

static struct store_tree_stats stats_of(const struct btrfs_store_options *options, uint32_t extents)
{
	struct btrfs_store *store = filled(options, extents);
	struct store_tree_stats stats;

	store_tree_stats(store, BTRFS_FS_TREE_ROOT, &stats);
	store_free(store);
	return stats;
}

/* The most extents with which the tree has so many leaves, or levels, by halving: from `low`, which is
 * known to be few enough, to below `high`. */
static uint32_t most_with(const struct btrfs_store_options *options, uint32_t leaves,
			  uint32_t levels, uint32_t low, uint32_t high)
{
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		struct store_tree_stats stats = stats_of(options, middle);

		*(stats.leaves <= leaves && stats.levels <= levels ? &low : &high) = middle;
	}
	return low;
}

/* ---- leaves ------------------------------------------------------------------------------- */

struct layout {
	const char *name;
	enum store_context_layout layout;
	uint32_t bytes;
	bool prefix;
};

static struct btrfs_store_options options_of(const struct layout *layout)
{
	return (struct btrfs_store_options){.context_layout = layout->layout,
					    .context_bytes = layout->bytes,
					    .context_length_prefix = layout->prefix};
}

/* The items of a leaf in the middle: how many more extents a fourth leaf takes than a third. */
static void check_capacity(struct validate_report *report, const struct layout *layout)
{
	uint32_t item = ITEM + FILE_EXTENT + layout->bytes + (layout->prefix ? PREFIX : 0);
	struct btrfs_store_options options = options_of(layout);
	g_autofree char *what = g_strdup_printf("File extent items in a leaf, %s", layout->name);
	uint32_t high = 5 * (LEAF_ROOM / item);
	uint32_t three = most_with(&options, 3, UINT32_MAX, 1, high);
	uint32_t four = most_with(&options, 4, UINT32_MAX, 1, high);

	validate_equal(report, what, LEAF_ROOM / item, four - three, "", format);
}

/* Contexts of a file come before its extents: two kinds of leaf, and one that has both. */
static void check_separate(struct validate_report *report, uint32_t bytes)
{
	enum { EXTENTS = 40000 };
	const struct btrfs_store_options options = {.context_layout = STORE_CONTEXT_SEPARATE,
						    .context_bytes = bytes};
	double leaves = (double)EXTENTS / (LEAF_ROOM / (ITEM + FILE_EXTENT)) +
			(double)EXTENTS / (LEAF_ROOM / (ITEM + bytes));
	g_autofree char *what = g_strdup_printf(
		"Leaves of %d extents, contexts of %u bytes in items of their own", EXTENTS, bytes);

	validate_between(report, what, leaves, (double)stats_of(&options, EXTENTS).leaves,
			 leaves - 1, leaves + 2, "", format);
}

/* ---- growth ------------------------------------------------------------------------------- */

/* Before the file's first extent: both inodes, their names, and the entry of the file twice. */
enum {
	BEFORE_EXTENTS = ITEM + INODE + ITEM + INODE_REF + sizeof("..") - 1 +
			 2 * (ITEM + DIR_ITEM + sizeof("f") - 1) + ITEM + INODE + ITEM + INODE_REF +
			 sizeof("f") - 1,
	EXTENTS_IN_LEAF = LEAF_ROOM / (ITEM + FILE_EXTENT),
	EXTENTS_IN_FIRST = (LEAF_ROOM - BEFORE_EXTENTS) / (ITEM + FILE_EXTENT),
};
/*
 * A search that is to insert splits a node that has no room for three more (fs/btrfs/ctree.c,
 * setup_nodes_for_search()), and a full leaf is split in the middle (split_leaf()): when the root has that
 * many leaves and the last is full, the one before it is half full, and the next item takes a third level.
 */
enum {
	LEAVES_OF_TWO_LEVELS = NODE_ROOM - 3,
	EXTENTS_OF_TWO_LEVELS = EXTENTS_IN_FIRST + (LEAVES_OF_TWO_LEVELS - 2) * EXTENTS_IN_LEAF +
				(EXTENTS_IN_LEAF + 1) / 2,
};

/* Near to what is expected, for trees of so many extents take their time. */
static int64_t most_near(uint32_t expected, uint32_t levels)
{
	const struct btrfs_store_options options = {.context_layout = STORE_CONTEXT_NONE};

	return most_with(&options, UINT32_MAX, levels, expected - EXTENTS_IN_LEAF / 2,
			 expected + EXTENTS_IN_LEAF / 2);
}

static void check_growth(struct validate_report *report)
{
	validate_equal(report, "Extents of a file for which a tree has one level", EXTENTS_IN_FIRST,
		       most_near(EXTENTS_IN_FIRST, 1), "", format);
	validate_equal(report, "Extents of a file for which a tree has two levels",
		       EXTENTS_OF_TWO_LEVELS, most_near(EXTENTS_OF_TWO_LEVELS, 2), "",
		       "those sizes, and fs/btrfs/ctree.c of 6.12");
}

/* ---- copy on write ------------------------------------------------------------------------ */

/* Blocks that a commit writes after a block of the file was written anew, at each of these extents. */
static int64_t written(uint32_t extents, const uint32_t *at, size_t writes)
{
	struct btrfs_store *store = filled(
		&(struct btrfs_store_options){.context_layout = STORE_CONTEXT_NONE}, extents);
	struct btrfs_work work = {0};
	struct store_inode *inode;

	store_lookup(store, "f", &inode, NULL);
	for (size_t i = 0; i < writes; i++) {
		store_write(store, inode, (uint64_t)at[i] * BLOCK, BLOCK, 0, NULL, NULL);
		store_flush(store, inode, NULL);
	}
	store_commit(store, &work);
	store_inode_put(store, inode, NULL);
	store_free(store);
	return (int64_t)work.blocks_written;
}

static void check_cow(struct validate_report *report)
{
	enum {
		TWO = 300 * EXTENTS_IN_LEAF,
		THREE = EXTENTS_OF_TWO_LEVELS + 10 * EXTENTS_IN_LEAF,
	};
	static const uint32_t first[] = {0}, far[] = {TWO - 1},
			      near[] = {TWO - 1, TWO - 2, TWO - 3},
			      spread[] = {0, 1000, 50000, TWO - 1}, last[] = {THREE - 1};
	static const struct {
		const char *what;
		uint32_t extents;
		const uint32_t *at;
		size_t writes;
		int64_t blocks;
	} rows[] = {
		{"in the first leaf, 2 levels: leaf, root", TWO, first, 1, 2},
		{"far from the inode, 2 levels: leaf, the inode's, root", TWO, far, 1, 3},
		{"3 in one leaf far from the inode, 2 levels", TWO, near, 3, 3},
		{"in 4 leaves, one the inode's, 2 levels", TWO, spread, 4, 5},
		{"in the first leaf, 3 levels: leaf, node, root", THREE, first, 1, 3},
		{"far from the inode, 3 levels: 2 leaves, 2 nodes, root", THREE, last, 1, 5},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *what =
			g_strdup_printf("Tree blocks of a commit, %s", rows[i].what);

		validate_equal(report, what, rows[i].blocks,
			       written(rows[i].extents, rows[i].at, rows[i].writes), "",
			       "paths from the root that are copied once, counted by hand");
	}
}

bool validate_btrfs_trees(const struct validate_options *options, struct validate_report *report,
			  GError **error)
{
	static const struct layout appended[] = {
		{"plain", STORE_CONTEXT_NONE, 0, false},
		{"16 bytes appended", STORE_CONTEXT_APPENDED, 16, false},
		{"34 bytes appended", STORE_CONTEXT_APPENDED, 34, false},
		{"40 bytes appended", STORE_CONTEXT_APPENDED, 40, false},
		{"4 and 16 bytes appended", STORE_CONTEXT_APPENDED, 16, true},
		{"4 and 34 bytes appended", STORE_CONTEXT_APPENDED, 34, true},
		{"4 and 40 bytes appended", STORE_CONTEXT_APPENDED, 40, true},
	};
	static const uint32_t separate[] = {16, 34, 40};

	for (size_t i = 0; i < G_N_ELEMENTS(appended); i++)
		check_capacity(report, &appended[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(separate); i++)
		check_separate(report, separate[i]);
	check_growth(report);
	check_cow(report);
	return !validate_interrupted(options, error);
}
