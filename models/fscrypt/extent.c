/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of an extent's crypto info: born with the extent or loaded with its map, shared by the
 * parts of a split map, ended when the last reference has gone. Where that ends under a lock that
 * forbids sleeping, and ending it needs a sleeping lock, the variant's `freeing` says what happens.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

/* ---- lists ---- */

static void list_add(struct fscrypt_extent_info **list, struct fscrypt_extent_info *info)
{
	info->prev = NULL;
	info->next = *list;
	if (*list)
		(*list)->prev = info;
	*list = info;
}

static void list_remove(struct fscrypt_extent_info **list, struct fscrypt_extent_info *info)
{
	if (info->prev)
		info->prev->next = info->next;
	else
		*list = info->next;
	if (info->next)
		info->next->prev = info->prev;
}

/* ---- memory ---- */

/* An inode's own is no object: what it would hold is in struct fscrypt_inode_info (ci_enc_key). */
static uint64_t info_bytes(const struct fscrypt *fc)
{
	uint64_t bytes = fc->design->per_inode ? 0 : machine_size(fc->machine, SIZE_EXTENT_INFO);

	return fc->setup->embedded ? bytes + machine_size(fc->machine, fc->setup->embedded) : bytes;
}

static void account_info(struct fscrypt *fc, int64_t bytes)
{
	fscrypt_account(fc, bytes);
	btrfs_account_extent_state(fc->fs, bytes);
}

/* What prepare() hangs on an info, which accounts for it by itself. */
static int64_t prepared_bytes(const struct fscrypt *fc)
{
	return fc->setup->prepared_bytes ? (int64_t)fc->setup->prepared_bytes(fc->setup_state) : 0;
}

/* A slab gives the address freed last out first. */
static uint64_t take_address(struct fscrypt *fc)
{
	uint64_t address;

	if (!fc->free_addresses->len)
		return ++fc->next_address;
	address = g_array_index(fc->free_addresses, uint64_t, fc->free_addresses->len - 1);
	g_array_set_size(fc->free_addresses, fc->free_addresses->len - 1);
	return address;
}

static struct fscrypt_extent_info *info_of(struct fscrypt *fc)
{
	struct fscrypt_extent_info *info = g_new0(struct fscrypt_extent_info, 1);

	account_info(fc, (int64_t)info_bytes(fc));
	fc->count.infos_created++;
	list_add(&fc->infos, info);
	info->fc = fc;
	info->refs = 1;
	info->address = take_address(fc);
	return info;
}

struct fscrypt_extent_info *extent_info_new(struct kernel_task *task, struct fscrypt *fc,
					    enum gfp gfp)
{
	struct fscrypt_extent_info *info;

	if (info_bytes(fc) && !kernel_alloc(task, fc->site_extent, gfp, info_bytes(fc)))
		return NULL;
	info = info_of(fc);
	info->made_by = task->request;
	return info;
}

int extent_info_prepare(struct kernel_task *task, struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = info->fc;
	int err = 0;

	while (info->preparing)
		kernel_wait(task, &fc->prepare_wait, PART_LOCK_WAIT);
	if (info->prepared)
		return 0;
	info->preparing = true;
	if (fc->setup->prepare)
		err = SETUP_HOOK(fc, prepare)(task, fc->setup_state, info);
	info->preparing = false;
	info->prepared = !err;
	if (!err)
		btrfs_account_extent_state(fc->fs, prepared_bytes(fc));
	sim_waitq_wake_all(&fc->prepare_wait);
	return err;
}

static void info_end(struct kernel_task *task, struct fscrypt *fc, struct fscrypt_extent_info *info)
{
	struct master_key *key = info->key;

	list_remove(&fc->pending, info);
	list_add(&fc->dying, info);
	if (info->prepared) {
		if (fc->setup->destroy)
			SETUP_HOOK(fc, destroy)(task, fc->setup_state, info);
		btrfs_account_extent_state(fc->fs, -prepared_bytes(fc));
	}
	if (info_bytes(fc))
		kernel_free(fc->machine, fc->site_extent, info_bytes(fc));
	account_info(fc, -(int64_t)info_bytes(fc));
	fc->count.infos_freed++;
	g_array_append_val(fc->free_addresses, info->address);
	list_remove(&fc->dying, info);
	if (info->joined_key) {
		key->extents--;
		master_key_put_active(fc, key);
	}
	g_free(info);
}

int extent_info_bind_to_inode(struct kernel_task *task, struct fscrypt *fc,
			      struct inode_info *inode, struct fscrypt_extent_info *info)
{
	(void)task;
	(void)fc;
	info->key = inode->key;
	return 0;
}

/* ---- the last reference ---- */

void extent_info_get(struct fscrypt_extent_info *info)
{
	info->refs++;
}

static void end_pending(struct kernel_task *task, struct fscrypt *fc)
{
	while (fc->pending)
		info_end(task, fc, fc->pending);
}

static void free_work(struct kernel_task *task, void *arg)
{
	struct fscrypt *fc = arg;

	fc->free_queued = false;
	sim_section_enter(machine_sim(fc->machine), SECTION_END);
	end_pending(task, fc);
	sim_section_leave(machine_sim(fc->machine));
}

void extent_info_put(struct fscrypt *fc, struct fscrypt_extent_info *info, bool atomic)
{
	if (fc->ending)
		return;
	if (info->freed) {
		truth_find(fc->truth, "info freed twice", info->extent,
			   "a reference to the info of nonce %" G_GUINT64_FORMAT
			   " is given back after the last one",
			   info->nonce);
		return;
	}
	if (--info->refs)
		return;
	info->freed = true;
	list_remove(&fc->infos, info);
	list_add(&fc->pending, info);
	if (fc->variant->freeing == FREEING_IMMEDIATE && atomic && fc->setup->destroy_sleeps &&
	    info->prepared) {
		fc->count.slept_atomic++;
		truth_find(fc->truth, "sleep in atomic context", info->extent,
			   "freeing an extent info takes a sleeping lock under the extent map "
			   "tree's lock");
	}
	if (fc->variant->freeing == FREEING_WORKQUEUE && !fc->free_queued) {
		fc->free_queued = true;
		workqueue_queue(fc->free_queue, free_work, fc, info->made_by);
	}
}

void extent_infos_drain(struct kernel_task *task, struct fscrypt *fc)
{
	if (fc->variant->freeing == FREEING_WORKQUEUE || !fc->pending)
		return;
	end_pending(task, fc);
	master_keys_settle(fc);
}

void extent_infos_free(struct fscrypt *fc)
{
	struct fscrypt_extent_info **lists[] = {&fc->infos, &fc->pending, &fc->dying};

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		while (*lists[i]) {
			struct fscrypt_extent_info *info = *lists[i];

			list_remove(lists[i], info);
			if (info->prepared && fc->setup->destroy)
				SETUP_HOOK(fc, destroy)(NULL, fc->setup_state, info);
			g_free(info);
		}
}

/* ---- what the filesystem calls ---- */

static int prepare_for(struct kernel_task *task, struct inode_info *owner,
		       struct fscrypt_extent_info *info)
{
	int err;

	info->loaded_by = owner;
	err = extent_info_prepare(task, info);
	info->loaded_by = NULL;
	return err;
}

static int info_for_inode(struct inode_info *owner, struct fscrypt_extent_info **out)
{
	extent_info_get(owner->shared);
	*out = owner->shared;
	return 0;
}

/* fscrypt_prepare_new_extent() */
static int new_info(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *birth,
		    struct btrfs_seal *seal, struct fscrypt_extent_info **out)
{
	struct fscrypt *fc = crypt;
	struct inode_info *owner = btrfs_inode_crypt(birth->inode);
	struct fscrypt_extent_info *info;
	int err = 0;

	if (!owner)
		return -ENOKEY;
	if (fc->design->per_inode) {
		err = extent_info_prepare(task, owner->shared);
		if (err)
			return err;
		info_for_inode(owner, &info);
	} else {
		info = extent_info_new(task, fc, GFP_KERNEL);
		if (!info)
			return -ENOMEM;
		kernel_run(task, COST_RANDOM_NONCE, 1);
		fc->count.nonces_drawn++;
		info->nonce = ++fc->next_nonce;
		info->extent = birth->extent;
		err = DESIGN_HOOK(fc, bind_new)(task, fc, owner, info);
		if (!err)
			err = prepare_for(task, owner, info);
		if (err) {
			extent_info_put(fc, info, false);
			return err;
		}
	}
	*seal = (struct btrfs_seal){.nonce = info->nonce, .key = info->key->number};
	truth_seal(fc->truth, birth, seal);
	truth_note(fc->truth, EVENT_BORN, birth->inode, birth->extent, birth->file_block,
		   birth->blocks);
	*out = info;
	return 0;
}

static int extent_new(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *birth,
		      struct btrfs_seal *seal, struct fscrypt_extent_info **out)
{
	const struct fscrypt *fc = crypt;
	bool scoped = fc->variant->scope == SCOPE_ALL;
	int err;

	sim_path_enter(machine_sim(fc->machine), "fscrypt_prepare_new_extent");
	if (scoped)
		memalloc_nofs_save(task);
	err = new_info(task, crypt, birth, seal, out);
	if (scoped)
		memalloc_nofs_restore(task);
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

/* fscrypt_load_extent_info() */
static int load_info(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
		     uint32_t extent, const struct btrfs_context *context,
		     struct fscrypt_extent_info **out)
{
	struct fscrypt *fc = crypt;
	struct inode_info *owner = btrfs_inode_crypt(inode);
	struct fscrypt_extent_info *info = NULL;
	int err;

	if (!owner)
		return -ENOKEY;
	owner = inode_info_for(fc, owner, context->nonce);
	if (fc->design->per_inode) {
		err = extent_info_prepare(task, owner->shared);
		return err ? err : info_for_inode(owner, out);
	}
	if (!context->present) { /* btrfs_fscrypt_load_extent_info() of v6, its caller's EIO */
		truth_find(fc->truth, "context missing", extent,
			   "an extent of inode %u/%u has no context at its place: nothing says how "
			   "to read it",
			   btrfs_inode_root(inode), btrfs_inode_ino(inode));
		return -EIO;
	}
	if (fc->setup->find)
		info = SETUP_HOOK(fc, find)(fc->setup_state, owner, context->nonce);
	if (info) {
		extent_info_get(info);
		*out = info;
		return 0;
	}
	info = extent_info_new(task, fc, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->extent = extent;
	err = DESIGN_HOOK(fc, bind_loaded)(task, fc, owner, context, info);
	if (!err)
		err = prepare_for(task, owner, info);
	if (err) {
		if (err == -ENOKEY && info->key != owner->key)
			rekey_note_stranded(fc);
		extent_info_put(fc, info, false);
		return err;
	}
	truth_note(fc->truth, EVENT_LOADED, inode, extent, 0, 0);
	*out = info;
	return 0;
}

static int extent_load(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
		       uint32_t extent, const struct btrfs_context *context,
		       struct fscrypt_extent_info **out)
{
	const struct fscrypt *fc = crypt;
	bool scoped = fc->variant->scope != SCOPE_NONE;
	int err;

	sim_path_enter(machine_sim(fc->machine), "fscrypt_load_extent_info");
	if (scoped)
		memalloc_nofs_save(task);
	err = load_info(task, crypt, inode, extent, context, out);
	if (scoped)
		memalloc_nofs_restore(task);
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

/* Under the extent map tree's lock: nothing may sleep, so with an info for each part the new one is
 * set up when it is first used. */
static struct fscrypt_extent_info *extent_split(struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = info->fc;
	struct fscrypt_extent_info *part;

	if (fc->variant->info_shared || info->owner) {
		extent_info_get(info);
		return info;
	}
	kernel_charge_bytes(fc->machine, fc->site_extent, info_bytes(fc));
	part = info_of(fc);
	part->key = info->key;
	part->nonce = info->nonce;
	part->extent = info->extent;
	part->made_by = info->made_by;
	part->joined_key = info->joined_key;
	part->key->extents += part->joined_key;
	return part;
}

static void extent_put(void *crypt, struct fscrypt_extent_info *info, bool atomic)
{
	extent_info_put(crypt, info, atomic);
}

static void drain(struct kernel_task *task, void *crypt)
{
	extent_infos_drain(task, crypt);
}

static void note(void *crypt, enum btrfs_note what, const struct btrfs_inode *inode,
		 uint32_t extent, uint32_t file_block, uint32_t blocks, int err)
{
	struct fscrypt *fc = crypt;

	if (what == BTRFS_NOTE_LOST)
		truth_lost(fc->truth, inode, file_block, blocks, err);
	else
		truth_note(fc->truth, EVENT_DIRTIED, inode, extent, file_block, blocks);
}

static void extent_moved(void *crypt, uint32_t from, uint32_t to, uint64_t nonce)
{
	struct fscrypt *fc = crypt;

	truth_moved(fc->truth, from, to, nonce);
}

static void extent_freed(void *crypt, uint32_t extent, uint64_t nonce)
{
	struct fscrypt *fc = crypt;

	truth_freed(fc->truth, extent, nonce);
}

static int may_clone(void *crypt, const struct btrfs_inode *from, const struct btrfs_inode *to)
{
	struct fscrypt *fc = crypt;
	uint32_t source = btrfs_inode_policy(from), target = btrfs_inode_policy(to);

	if (!source && target && fc->variant->reflink_plain == REFLINK_PLAIN_REFUSE)
		return -EINVAL;
	if (source && target && source != target &&
	    fc->variant->reflink_check != REFLINK_CHECK_DESIGN)
		return fc->variant->reflink_check == REFLINK_CHECK_CALL ? -EINVAL : 0;
	return DESIGN_HOOK(fc, may_clone)(source, target);
}

const struct btrfs_crypt_ops fscrypt_btrfs_ops = {
	.inode_setup = fscrypt_inode_setup,
	.file_open = fscrypt_file_open,
	.inode_unwanted = fscrypt_inode_unwanted,
	.inode_evict = fscrypt_inode_evict,
	.extent_new = extent_new,
	.extent_load = extent_load,
	.extent_get = extent_info_get,
	.extent_split = extent_split,
	.extent_put = extent_put,
	.drain = drain,
	.encrypt = fscrypt_encrypt,
	.read_begin = fscrypt_read_begin,
	.request_end = fscrypt_request_end,
	.decrypt = fscrypt_decrypt,
	.read_end = fscrypt_read_end,
	.extent_find = fscrypt_extent_find,
	.verify = fscrypt_verify,
	.note = note,
	.extent_moved = extent_moved,
	.extent_freed = extent_freed,
	.may_clone = may_clone,
	.may_create = fscrypt_may_create,
	.policy_adopt = fscrypt_policy_adopt,
};
