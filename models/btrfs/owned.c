/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tasks hold across waits, so that a run that is broken off leaves nothing behind. */
#include "models/btrfs/internal.h"

static void free_array(gpointer array)
{
	g_array_unref(array);
}

static void free_ptr_array(gpointer array)
{
	g_ptr_array_unref(array);
}

void btrfs_owned_init(struct btrfs_fs *fs)
{
	static const GDestroyNotify destroy[OWNED_KINDS] = {
		[OWNED_MEMORY] = g_free,
		[OWNED_ARRAY] = free_array,
		[OWNED_PTR_ARRAY] = free_ptr_array,
	};

	for (int kind = 0; kind < OWNED_KINDS; kind++)
		fs->owned[kind] = g_hash_table_new_full(NULL, NULL, destroy[kind], NULL);
}

void btrfs_owned_free(struct btrfs_fs *fs)
{
	for (int kind = 0; kind < OWNED_KINDS; kind++)
		g_hash_table_destroy(fs->owned[kind]);
}

void *btrfs_own(struct btrfs_fs *fs, enum owned_kind kind, void *object)
{
	g_hash_table_add(fs->owned[kind], object);
	return object;
}

void btrfs_release(struct btrfs_fs *fs, enum owned_kind kind, void *object)
{
	g_hash_table_remove(fs->owned[kind], object);
}
