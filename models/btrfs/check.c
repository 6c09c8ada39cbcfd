/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums and tags: where data is corrupted, what finds it, and what is done about it. Data whose
 * checksum was replaced by a tag can be checked only with the key of its extent. A read has that key;
 * scrub and relocation start from the disk and go back from the extent to what names it.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

void btrfs_flush_devices(struct kernel_task *task, struct btrfs_fs *fs)
{
	for (uint32_t device = 0; device < btrfs_mirrors(fs); device++)
		bio_submit_wait(task, device, BIO_FLUSH | BIO_METADATA, 0, 0);
}

/* ---- what is corrupted ---- */

static uint32_t bad_mask(const struct btrfs_fs *fs, uint32_t block)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(fs->bad, GUINT_TO_POINTER(block)));
}

static void set_bad(struct btrfs_fs *fs, uint32_t block, uint32_t mask)
{
	if (mask)
		g_hash_table_insert(fs->bad, GUINT_TO_POINTER(block), GUINT_TO_POINTER(mask));
	else
		g_hash_table_remove(fs->bad, GUINT_TO_POINTER(block));
}

uint32_t btrfs_bad_blocks(const struct btrfs_fs *fs, uint32_t device, uint32_t physical_block,
			  uint32_t blocks)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; g_hash_table_size(fs->bad) && i < blocks; i++)
		bad += bad_mask(fs, physical_block + i) >> device & 1;
	return bad;
}

void btrfs_heal(struct btrfs_fs *fs, uint32_t physical_block, uint32_t blocks)
{
	for (uint32_t i = 0; g_hash_table_size(fs->bad) && i < blocks; i++)
		set_bad(fs, physical_block + i, 0);
}

void btrfs_spread(struct btrfs_fs *fs, uint32_t from_block, uint32_t to_block, uint32_t blocks)
{
	for (uint32_t i = 0; g_hash_table_size(fs->bad) && i < blocks; i++)
		if (btrfs_bad_blocks(fs, 0, from_block + i, 1))
			set_bad(fs, to_block + i, (1u << btrfs_mirrors(fs)) - 1);
}

static void corrupt_item(struct btrfs_fs *fs, const struct store_file_extent *item, uint64_t from,
			 uint64_t to)
{
	uint64_t first = MAX(from, item->file_offset),
		 end = MIN(to, item->file_offset + item->bytes);
	uint64_t at = item->physical + item->extent_offset + (first - item->file_offset);
	uint32_t blocks = blocks_over(first, end - first);

	if (item->compression) {
		at = item->physical;
		blocks = block_of(item->disk_bytes);
	}
	for (uint32_t i = 0; i < blocks; i++)
		set_bad(fs, block_of(at) + i, bad_mask(fs, block_of(at) + i) | 1u);
}

int btrfs_corrupt(struct btrfs_fs *fs, const char *path, uint64_t offset, uint64_t len)
{
	struct store_file_extent item;
	struct store_inode *inode;
	struct store_walk walk;
	int err = store_lookup(fs->store, path, &inode, NULL);

	if (err)
		return err;
	store_walk_begin(&walk, fs->store, inode, offset, NULL);
	while (store_walk_next(&walk, &item, NULL) && item.file_offset < offset + len)
		if (item.type == STORE_REGULAR && item.extent)
			corrupt_item(fs, &item, offset, offset + len);
	store_inode_put(fs->store, inode, NULL);
	return 0;
}

/* ---- repair ---- */

static bool copy_is_good(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device,
			 const struct btrfs_crypt_io *copy, const struct btrfs_seal *seal,
			 bool by_csum)
{
	int err = 0;

	if (by_csum)
		kernel_run(task, COST_CSUM_4K, 1);
	else if (copy->inode) /* who reads wants it decrypted */
		err = fs->crypt_ops->decrypt(task, fs->crypt, copy, seal);
	else
		err = fs->crypt_ops->verify(task, fs->crypt, copy, seal, 1);
	return !err && !btrfs_bad_blocks(fs, device, copy->physical_block, 1);
}

/* btrfs_repair_io_failure(): what was read is written as it is, ciphertext and all. */
static bool repair_block(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device,
			 const struct btrfs_crypt_io *block, const struct btrfs_seal *seal,
			 bool by_csum)
{
	uint32_t other = btrfs_mirrors(fs) - 1 - device, at = block->physical_block;

	if (other == device)
		return false;
	kernel_run(task, COST_BIO_SUBMIT, 1);
	bio_submit_wait(task, other, BIO_READ, at, 1);
	if (!copy_is_good(task, fs, other, block, seal, by_csum))
		return false;
	kernel_run(task, COST_BIO_SUBMIT, 1);
	bio_submit_wait(task, device, BIO_WRITE, at, 1);
	set_bad(fs, at, bad_mask(fs, at) & ~(1u << device));
	return true;
}

uint32_t btrfs_repair(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device,
		      const struct btrfs_crypt_io *io, const struct btrfs_seal *seal, bool by_csum,
		      uint64_t *repaired)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < io->blocks; i++) {
		struct btrfs_crypt_io block = *io;

		if (!btrfs_bad_blocks(fs, device, io->physical_block + i, 1))
			continue;
		block.extent_block += i;
		block.file_block += i;
		block.physical_block += i;
		block.blocks = 1;
		if (repair_block(task, fs, device, &block, seal, by_csum))
			++*repaired;
		else
			lost++;
	}
	return lost;
}

/* ---- from the disk back to a key ---- */

static void search_extent_tree(struct kernel_task *task, struct btrfs_fs *fs,
			       struct btrfs_check_counts *counts, uint32_t times)
{
	counts->tree_searches += times;
	kernel_run(task, COST_TREE_LEVEL, (uint64_t)times * store_extent_tree_levels(fs->store));
}

bool btrfs_check_current(const struct btrfs_fs *fs, const struct btrfs_check *check)
{
	return store_extent_refs(fs->store, check->io.extent) &&
	       block_of(store_extent_physical(fs->store, check->io.extent)) ==
		       check->io.physical_block;
}

/* A context of its own is found in the tree, so the tree must be. */
static void find_context(struct btrfs_fs *fs, struct btrfs_check *check, struct btrfs_work *work,
			 uint32_t *climbed)
{
	struct store_backref *item = &check->item;

	if (item->encrypted && store_options(fs->store)->context_layout == STORE_CONTEXT_SEPARATE) {
		*climbed = store_backref_root(fs->store, item);
		store_backref_context(fs->store, item, work);
	}
	check->ref.context.present = item->context_of;
	if (item->context_of) {
		struct store_extent_tags tags = store_extent_tags(fs->store, item->context_of);

		check->ref.context.nonce = tags.nonce;
		check->ref.context.key = tags.key;
	}
}

static bool next_item(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check)
{
	struct btrfs_work work = {0};
	uint32_t climbed = 0;
	bool found;

	if (!check->tried)
		search_extent_tree(task, fs, check->counts, 1);
	kernel_down_read(task, &fs->tree_lock);
	found = btrfs_check_current(fs, check) &&
		store_find_backref(fs->store, check->io.extent, check->tried++, &check->item,
				   &work);
	if (found)
		find_context(fs, check, &work, &climbed);
	btrfs_charge(task, fs, &work);
	kernel_up_read(task, &fs->tree_lock);
	search_extent_tree(task, fs, check->counts, climbed);
	check->counts->backrefs += found;
	return found;
}

int btrfs_backref_policy(struct kernel_task *task, struct btrfs_fs *fs,
			 const struct btrfs_backref *ref, uint32_t *key, uint64_t *birth)
{
	struct btrfs_work work = {0};
	uint32_t climbed;
	bool found;

	kernel_down_read(task, &fs->tree_lock);
	climbed = store_backref_root(fs->store, ref->item);
	found = store_backref_policy(fs->store, ref->item, key, birth, &work);
	btrfs_charge(task, fs, &work);
	kernel_up_read(task, &fs->tree_lock);
	search_extent_tree(task, fs, ref->counts, climbed);
	ref->counts->inode_lookups++;
	return found ? 0 : -ENOENT;
}

uint32_t btrfs_backref_file_block(const struct btrfs_backref *ref, uint32_t extent_block)
{
	return ref->item->file_block + extent_block;
}

static void put_key(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check)
{
	if (!check->io.info)
		return;
	fs->crypt_ops->extent_put(fs->crypt, check->io.info, false);
	check->io.info = NULL;
	btrfs_drain(task, fs);
}

/* The next reference that leads to a key. One whose key is not there ends it: no other would be read
 * by another key, but in design 'inode', which does not know. */
static int find_key(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check)
{
	int err = -ENOENT;

	put_key(task, fs, check);
	while ((err == -ENOENT || err == -EUCLEAN) && next_item(task, fs, check)) {
		err = fs->crypt_ops->extent_find(task, fs->crypt, check->io.extent, &check->ref,
						 &check->io.info);
		check->io.file_block = check->item.file_block;
	}
	return err;
}

/* ---- checking ---- */

void btrfs_check_begin(struct kernel_task *task, struct btrfs_fs *fs, store_extent extent,
		       struct btrfs_check_counts *counts, struct btrfs_check *check)
{
	uint64_t physical = store_extent_physical(fs->store, extent);

	*check = (struct btrfs_check){
		.counts = counts,
		.seal = btrfs_extent_seal(fs, extent),
		.io = {.extent = extent, .physical_block = block_of(physical), .summed = true},
	};
	check->ref.item = &check->item;
	check->ref.counts = counts;
	check->by_csum = btrfs_has_csum(fs, check->seal.key);
	if (!check->by_csum && store_extent_sums(fs->store, extent, 0, UINT32_MAX))
		find_key(task, fs, check);
}

void btrfs_check_end(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check)
{
	put_key(task, fs, check);
}

/* A tag that does not agree may have been asked with the wrong key. */
static int check_tags(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check,
		      struct btrfs_crypt_io *io, uint32_t tags)
{
	int err = fs->crypt_ops->verify(task, fs->crypt, io, &check->seal, tags);

	while (err == -EBADMSG) {
		int found = find_key(task, fs, check);

		check->no_key_agrees = found && found != -ENOKEY;
		if (found)
			return check->no_key_agrees ? -EBADMSG : found;
		io->info = check->io.info;
		io->file_block = check->io.file_block + io->extent_block;
		err = fs->crypt_ops->verify(task, fs->crypt, io, &check->seal, tags);
	}
	return err;
}

enum btrfs_checked btrfs_check(struct kernel_task *task, struct btrfs_fs *fs,
			       struct btrfs_check *check, uint32_t device, uint32_t at,
			       uint32_t blocks)
{
	uint32_t summed = store_extent_sums(fs->store, check->io.extent, at, blocks), lost;
	struct btrfs_check_counts *counts = check->counts;
	struct btrfs_crypt_io io = check->io;
	int err = 0;

	io.extent_block = at;
	io.file_block += at;
	io.physical_block += at;
	io.blocks = blocks;
	counts->read += blocks;
	counts->unsummed += blocks - summed;
	if (!summed)
		return BTRFS_UNVERIFIED;
	if (check->by_csum)
		kernel_run(task, COST_CSUM_4K, summed);
	else if (io.info)
		err = check_tags(task, fs, check, &io, summed);
	else
		err = check->no_key_agrees ? -EBADMSG : -ENOKEY;
	if (err && err != -EBADMSG) {
		counts->unverified += summed;
		return BTRFS_UNVERIFIED;
	}
	counts->verified += summed;
	lost = err ? summed
		   : btrfs_repair(task, fs, device, &io, &check->seal, check->by_csum,
				  &counts->repaired);
	counts->uncorrectable += lost;
	return lost ? BTRFS_BAD : BTRFS_GOOD;
}
