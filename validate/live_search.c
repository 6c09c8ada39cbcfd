/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items of a btree of a mounted btrfs. */
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/ioctl.h>

#include "validate/live.h"

enum { SEARCH_BYTES = 1 << 20 };

static void set_range(struct btrfs_ioctl_search_key *key, uint64_t tree, const struct live_key *low,
		      const struct live_key *high)
{
	*key = (struct btrfs_ioctl_search_key){
		.tree_id = tree,
		.min_objectid = low->objectid,
		.max_objectid = high->objectid,
		.min_offset = low->offset,
		.max_offset = high->offset,
		.max_transid = UINT64_MAX,
		.min_type = low->type,
		.max_type = high->type,
		.nr_items = UINT32_MAX,
	};
}

static struct live_key key_behind(struct live_key key)
{
	if (key.offset++ == UINT64_MAX)
		key.type++;
	return key;
}

int live_tree_search(int fd, uint64_t tree, struct live_key low, const struct live_key *high,
		     live_item_fn fn, void *arg)
{
	g_autofree struct btrfs_ioctl_search_args_v2 *args =
		g_malloc0(sizeof(*args) + SEARCH_BYTES);

	args->buf_size = SEARCH_BYTES;
	for (;;) {
		const guint8 *at = (const guint8 *)args->buf;

		set_range(&args->key, tree, &low, high);
		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, args))
			return -errno;
		if (!args->key.nr_items)
			return 0;
		for (uint32_t i = 0; i < args->key.nr_items; i++) {
			struct btrfs_ioctl_search_header header;

			memcpy(&header, at, sizeof(header));
			low = (struct live_key){header.objectid, header.type, header.offset};
			fn(arg, &low, at + sizeof(header), header.len);
			at += sizeof(header) + header.len;
		}
		low = key_behind(low);
	}
}

uint64_t live_subvolume_of(int fd)
{
	struct btrfs_ioctl_ino_lookup_args lookup = {.objectid = BTRFS_FIRST_FREE_OBJECTID};

	return ioctl(fd, BTRFS_IOC_INO_LOOKUP, &lookup) ? 0 : lookup.treeid;
}
