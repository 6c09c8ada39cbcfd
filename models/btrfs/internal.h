/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs, private: what the files of the timed layer share. The structure below it is store.h. */
#ifndef BTRFS_INTERNAL_H
#define BTRFS_INTERNAL_H

#include "models/btrfs/btrfs.h"
#include "models/btrfs/store.h"

static inline uint32_t block_of(uint64_t offset)
{
	return (uint32_t)(offset / KERNEL_BLOCK_BYTES);
}

/** Blocks that [offset, offset + len) touches, counted from block_of(offset). */
static inline uint32_t blocks_over(uint64_t offset, uint64_t len)
{
	return len ? block_of(offset + len - 1) - block_of(offset) + 1 : 0;
}

/* ---- owned.c ---- */

enum owned_kind { OWNED_MEMORY, OWNED_ARRAY, OWNED_PTR_ARRAY, OWNED_KINDS };
/** Notes an object that a task holds across a wait: of a run that is broken off, whose tasks never go
 * on, it is freed with the filesystem. Returns it. */
void *btrfs_own(struct btrfs_fs *fs, enum owned_kind kind, void *object);
/** Frees such an object, at the end of its use. */
void btrfs_release(struct btrfs_fs *fs, enum owned_kind kind, void *object);
void btrfs_owned_init(struct btrfs_fs *fs);
void btrfs_owned_free(struct btrfs_fs *fs);

/* ---- extent_map.c ---- */

enum map_kind { MAP_HOLE, MAP_INLINE, MAP_REGULAR, MAP_PREALLOC };

/** struct extent_map: one per file extent item that was looked up, in whole blocks. */
struct extent_map {
	uint32_t start, blocks; /* in the file */
	enum map_kind kind;
	store_extent extent;
	uint32_t extent_block; /* where in the (uncompressed) extent `start` lies */
	uint32_t disk_blocks; /* of the extent, when compressed */
	bool compressed;
	bool pinned; /* its ordered extent has not ended */
	struct fscrypt_extent_info *info; /* encrypted: one reference */
};

struct extent_map *extent_map_lookup(struct btrfs_inode *inode, uint32_t block);
/** btrfs_get_extent(): from the cache, else from the tree. 0 or -errno; `*map` is valid until the
 * task next waits. */
int extent_map_get(struct kernel_task *task, struct btrfs_inode *inode, uint32_t block,
		   struct extent_map **map);
/** Puts a map in place of whatever covers its range; takes over the info reference. */
int extent_map_replace(struct kernel_task *task, struct btrfs_inode *inode,
		       const struct extent_map *map);
/** btrfs_drop_extent_map_range(): splits what sticks out. */
void extent_map_drop(struct btrfs_inode *inode, uint32_t start, uint32_t blocks);
/** try_release_extent_mapping(): drops whole maps that overlap; false if one is pinned. */
bool extent_map_release(struct btrfs_inode *inode, uint32_t start, uint32_t blocks);
void extent_map_drop_all(struct btrfs_inode *inode);
/** Drops what belongs to no ordered extent. */
void extent_map_drop_unpinned(struct btrfs_inode *inode);
/** Drops the maps that point to disk extents which relocation has moved: a set of store_extent. */
void extent_map_drop_extents(struct btrfs_inode *inode, GHashTable *extents);
void extent_map_unpin(struct btrfs_inode *inode, uint32_t start, uint32_t blocks);
void extent_map_tree_init(struct btrfs_inode *inode);

/* ---- inodes and the filesystem ---- */

struct btrfs_inode {
	struct btrfs_fs *fs;
	struct store_inode *store;
	struct btrfs_inode *parent; /* pinned, as by a dentry */
	struct address_space *mapping;
	struct sim_rwsem lock; /* i_rwsem */
	GTree *maps; /* struct extent_map by start */
	uint64_t map_changes; /* times that a cached map was put, dropped or moved */
	GQueue ordered; /* struct ordered_extent *, those not ended */
	struct sim_waitq ordered_wait;
	uint32_t opens, children, pins;
	uint32_t unlogged_items; /* file extent items since the last fsync or commit */
	uint64_t changed_in; /* transaction that last changed it */
	bool written; /* since its access time was last brought up to date (relatime) */
	bool flush_on_close; /* BTRFS_INODE_FLUSH_ON_CLOSE */
	int write_error; /* wb_err: told once, by the next fsync */
	int io_error; /* AS_EIO: told once, by whoever waits next */
	GArray *failed_reads; /* struct failed_read: told to those who wait for pages; NULL: none */
	void *crypt;
	uint64_t
		policy_generation; /* of the filesystem, when it last followed its directory's policy */
	GList link; /* in fs->inodes */
	GList lru_link; /* in fs->lru */
	bool on_lru, referenced;
	bool nokey_dentry; /* a dentry by its no-key name pins it, see btrfs_stat_nokey() */
	uint32_t adopting; /* key of the policy that its first write is giving it; 0: none */
};

struct btrfs_file {
	struct btrfs_inode *inode;
	unsigned flags;
	uint32_t window_start, window_blocks; /* read-ahead */
	uint32_t next_block; /* where a sequential reader would go on */
};

/** What scrub or balance came to, in blocks but for the look-ups. */
struct btrfs_check_counts {
	uint64_t read, verified, unverified, unsummed, repaired, uncorrectable;
	uint64_t backrefs; /* references resolved to find a key */
	uint64_t inode_lookups; /* contexts of inodes searched for */
	uint64_t tree_searches; /* of the extent tree */
};

struct btrfs_fs {
	struct machine *machine;
	struct btrfs_config config;
	struct store_inode *top;
	GHashTable *owned[OWNED_KINDS];
	struct btrfs_store *store;
	const struct btrfs_crypt_ops *crypt_ops;
	void *crypt;
	GQueue inodes; /* in memory, oldest first */
	GQueue lru; /* inodes that had no user when last looked at, coldest first */
	GPtrArray *image_files; /* char *: paths of regular files that are not empty */
	GArray *image_sizes; /* uint64_t, of the same */
	struct workqueue *endio_read, *endio_write, *transaction_kthread;
	struct sim_rwsem transaction; /* joined for read, committed for write */
	struct sim_rwsem tree_lock; /* root node of the subvolume trees */
	struct sim_mutex log_mutex; /* one log commit at a time */
	struct sim_mutex balance_mutex;
	GHashTable *
		policies; /* struct policy_entry by policy number: those that are not their key's */
	uint64_t policy_generation; /* times that a directory got another policy for what is new */
	bool scrubbing;
	GHashTable *bad; /* physical block → mask of the mirrors on which it is corrupted */
	bool commit_armed;
	uint64_t commits, dirty_tree_blocks;
	struct alloc_site *site_map, *site_ordered, *site_inode, *site_trans, *site_path, *site_ref,
		*site_tree_block, *site_bio;
	/* Extent maps in memory and what hangs on them; and as it was when that was most. */
	struct {
		uint64_t bytes, maps, bytes_max, maps_then;
	} cached;
	uint64_t next_request; /* numbers the work that no operation asked for */
	struct {
		uint64_t map_loads, ordered, fsyncs, log_items, tree_blocks_written;
		uint64_t lost_writes;
		uint64_t inodes_shrunk, inodes_shrunk_unlinked;
		uint64_t read_repairs, read_errors, undetected_blocks;
		uint64_t scrubs, balances;
		struct btrfs_check_counts scrub, balance;
		struct btrfs_work work;
		uint64_t policies_at_first_write;
	} count;
	struct sim_mutex
		rename_mutex; /* s_vfs_rename_mutex: one move between directories at a time */
	GHashTable *dead_roots; /* deleted subvolumes whose inodes are still in use */
	struct workqueue *cleaner;
};

/* Before a name: the form that an encrypted name has while its directory's key is away. Stands for the
 * encoding of fscrypt_fname_disk_to_usr(). */
enum { BTRFS_NOKEY_PREFIX = '~' };

/** The inode at a path, in memory and pinned; directories on the way get their keys. */
int btrfs_iget(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
	       struct btrfs_inode **inode);
int btrfs_inode_of(struct kernel_task *task, struct btrfs_fs *fs, struct store_inode *found,
		   struct btrfs_inode *parent, struct btrfs_inode **inode);
/** One component below a directory: the inode, in memory and pinned. */
int btrfs_lookup(struct kernel_task *task, struct btrfs_inode *dir, const char *name,
		 struct btrfs_inode **inode);
/** Where a name is or is to be: its directory, pinned, and the name as the store has it (part of the
 * path that was given). */
struct btrfs_place {
	struct btrfs_inode *dir;
	const char *name;
	const char *given; /* the same as written, no-key form and all */
	bool locked; /* the directory has a policy whose key is away */
	bool nokey; /* … and the name was given in its no-key form */
};
int btrfs_find_place(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     struct btrfs_place *place);
/** The same of a name to be entered: -ENOKEY where the directory is locked. */
int btrfs_find_open_place(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
			  struct btrfs_place *place);
/** The key of the nearest policy from the inode upwards within its subvolume; 0: none. */
uint32_t btrfs_inherited_policy(const struct btrfs_inode *inode);
/** May the directory hold the inode, as far as policies go? */
bool btrfs_policy_fits(const struct btrfs_inode *dir, const struct btrfs_inode *child);
/** Before data of a file is made dirty, under its lock: a plain file below a directory with a policy
 * gets that policy, in a transaction of its own. -ENOKEY without the key. */
int btrfs_before_write(struct kernel_task *task, struct btrfs_inode *inode);
void btrfs_pin(struct btrfs_inode *inode);
void btrfs_unpin(struct btrfs_inode *inode);
/** Is it to leave memory with its last user: without a name, or in a deleted subvolume? */
bool btrfs_inode_doomed(const struct btrfs_inode *inode);
/** An inode left memory: of a deleted subvolume that was only waiting for it, the cleaner drops the tree. */
void btrfs_root_left(struct btrfs_fs *fs, uint32_t root);
/** Unpins; the last pin of an inode without a name evicts it later, in the cleaner
 * (btrfs_add_delayed_iput()). */
void btrfs_iput(struct btrfs_inode *inode);
/** btrfs_evict_inode() of an inode without a name or a user: what is dirty is thrown away, not
 * written. Stays in memory if another task still works on it. */
void btrfs_last_iput(struct kernel_task *task, struct btrfs_inode *inode);
/** Writes back every inode with dirty data, in the order in which they became dirty, and waits for
 * them; `root` 0: of all subvolumes. */
void btrfs_flush_dirty(struct kernel_task *task, struct btrfs_fs *fs, uint32_t root);
/** Waits for the ordered extents of every inode in memory. */
void btrfs_wait_ordered_all(struct kernel_task *task, struct btrfs_fs *fs);
/** Sets the key of an encrypted inode up; books a refusal. */
int btrfs_inode_unlock(struct kernel_task *task, struct btrfs_inode *inode);
/** Takes an inode out of memory whatever its state: the filesystem goes away. */
void btrfs_inode_discard(struct btrfs_inode *inode);
/** What an extent was sealed with, to and from the store's tags. */
struct btrfs_seal btrfs_extent_seal(const struct btrfs_fs *fs, store_extent extent);
void btrfs_seal_extent(struct btrfs_fs *fs, store_extent extent, const struct btrfs_seal *seal);
/** Enters the image of the mount's config; false with an error. */
bool btrfs_populate(struct btrfs_fs *fs, GError **error);
/** Lets the crypto code end what lost its last reference: where sleeping is allowed. */
static inline void btrfs_drain(struct kernel_task *task, struct btrfs_fs *fs)
{
	if (fs->crypt_ops)
		fs->crypt_ops->drain(task, fs->crypt);
}
/** Tells the crypto code, for its histories. */
static inline void btrfs_tell(const struct btrfs_inode *inode, enum btrfs_note what,
			      store_extent extent, uint32_t file_block, uint32_t blocks, int err)
{
	const struct btrfs_fs *fs = inode->fs;

	if (fs->crypt_ops && inode->store->policy_key)
		fs->crypt_ops->note(fs->crypt, what, inode, extent, file_block, blocks, err);
}
/** Makes an error of the crypto code the operation's refusal. */
int btrfs_refuse(struct kernel_task *task, int err, const char *why);

/** The inode's items changed in the running transaction: the next fsync has something to log. */
static inline void btrfs_note_change(struct btrfs_inode *inode)
{
	inode->unlogged_items++;
	inode->changed_in = inode->fs->commits;
}

/* ---- shrink.c ---- */

/** The inode has lost a user, or pages: the shrinkers look at it in their time. */
void btrfs_lru_add(struct btrfs_inode *inode);
void btrfs_lru_remove(struct btrfs_inode *inode);
/** Registers the shrinkers, and the paths of theirs that prime the lock-order graph. */
void btrfs_shrinkers_register(struct btrfs_fs *fs);

/* ---- transaction.c ---- */

/** Turns tree work into time and allocations, and adds it to the filesystem's books. */
void btrfs_charge(struct kernel_task *task, struct btrfs_fs *fs, const struct btrfs_work *work);
int btrfs_join_transaction(struct kernel_task *task, struct btrfs_fs *fs);
void btrfs_end_transaction(struct kernel_task *task, struct btrfs_fs *fs);
void btrfs_commit_transaction(struct kernel_task *task, struct btrfs_fs *fs);
/** Commits and, as the last thing before the commit ends, runs `fn` on the store. */
int btrfs_commit_with(struct kernel_task *task, struct btrfs_fs *fs,
		      int (*fn)(struct btrfs_fs *fs, void *arg, struct btrfs_work *work),
		      void *arg);
/** One change to the trees in a transaction of its own: join, lock, `fn`, charge, end. */
int btrfs_tree_change(struct kernel_task *task, struct btrfs_fs *fs,
		      int (*fn)(struct btrfs_fs *fs, void *arg, struct btrfs_work *work),
		      void *arg);

/* ---- writeback.c ---- */

extern const struct address_space_ops btrfs_aops;
/** Writes dirty data back from [offset, offset+len) and waits for the ordered extents there:
 * btrfs_wait_ordered_range(). Returns the write error, if any. */
int btrfs_wait_ordered_range(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			     uint64_t len);
/** filemap_flush(): starts writing everything back, waits for nothing. */
void btrfs_start_writeback(struct kernel_task *task, struct btrfs_inode *inode);
/** Waits for ordered extents that overlap, without writing anything back. */
void btrfs_wait_ordered_only(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			     uint64_t len);
/** Waits for an ordered extent over the last block: what grows a file may dirty that block again, and
 * two ordered extents never overlap (btrfs_truncate_block()). */
void btrfs_wait_tail(struct kernel_task *task, struct btrfs_inode *inode);
int btrfs_direct_write(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
		       uint64_t len, uint16_t content);
/** Brings pages in and makes them dirty. */
void btrfs_fill_and_dirty(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
			  uint32_t blocks);
/** Dirties pages that the store dirtied beside what was asked for. */
void btrfs_dirty_edges(struct kernel_task *task, struct btrfs_inode *inode,
		       const struct store_dirtied *dirtied);

/* ---- policy.c ---- */

/** The key of a policy, which is what contexts name, for directories or for files. */
uint32_t btrfs_policy_key(const struct btrfs_fs *fs, uint32_t policy, bool directory);
/** The policy whose key this is; a new one if what had that number got another key. */
uint32_t btrfs_policy_of_key(struct btrfs_fs *fs, uint32_t key);
/** The key for what is new in a directory, from the nearest above that says so; 0: the policy's. */
uint32_t btrfs_key_for_new(struct kernel_task *task, const struct btrfs_inode *dir);
/** Before data is added to a locked inode: lets it follow its directory's policy for what is new. */
int btrfs_adopt_policy(struct kernel_task *task, struct btrfs_inode *inode);

/* ---- file.c ---- */

/** Binds the preallocated extents of a range that have no nonce yet. */
int btrfs_bind_prealloc(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			uint64_t end);
/* ---- check.c: checksums and tags, and what to do when they don't agree ---- */

/** Devices that hold a copy of all data: those from 0 on. */
static inline uint32_t btrfs_mirrors(const struct btrfs_fs *fs)
{
	return MAX(fs->config.data_mirrors, 1);
}
/** Do blocks that have a checksum have a crc32c? Encrypted ones may have a tag in its place. */
static inline bool btrfs_has_csum(const struct btrfs_fs *fs, bool encrypted)
{
	return !(encrypted && fs->config.tag_bytes && fs->config.tag_replaces_csum);
}
/** Flushes the write caches of the devices, one after the other. */
void btrfs_flush_devices(struct kernel_task *task, struct btrfs_fs *fs);
/** Data was written to all its mirrors: it is in order there. */
void btrfs_heal(struct btrfs_fs *fs, uint32_t physical_block, uint32_t blocks);
/** How many blocks of the range are corrupted on the device. */
uint32_t btrfs_bad_blocks(const struct btrfs_fs *fs, uint32_t device, uint32_t physical_block,
			  uint32_t blocks);
/** Reads each corrupted block of a bio from the other mirror, checks that copy, by its crc32c or by
 * its tag, and writes it back. Returns how many blocks have no good copy; adds to `repaired`. */
uint32_t btrfs_repair(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device,
		      const struct btrfs_crypt_io *io, const struct btrfs_seal *seal, bool by_csum,
		      uint64_t *repaired);

/** The checking of one extent with no inode in hand. */
struct btrfs_check {
	struct btrfs_check_counts *counts;
	struct btrfs_seal seal;
	struct btrfs_crypt_io io; /* of the extent; info: of the key that was found, or NULL */
	struct btrfs_backref ref;
	struct store_backref item;
	uint32_t tried; /* references */
	bool by_csum;
	bool no_key_agrees; /* a tag was wrong under every key that was found */
};
void btrfs_check_begin(struct kernel_task *task, struct btrfs_fs *fs, store_extent extent,
		       struct btrfs_check_counts *counts, struct btrfs_check *check);
enum btrfs_checked {
	BTRFS_GOOD, /* verified, perhaps after repair */
	BTRFS_UNVERIFIED, /* it has no checksum, or a tag whose key is not there */
	BTRFS_BAD, /* and there is no good copy */
};
/** Checks what was read of the extent from a device, and repairs it. */
enum btrfs_checked btrfs_check(struct kernel_task *task, struct btrfs_fs *fs,
			       struct btrfs_check *check, uint32_t device, uint32_t at,
			       uint32_t blocks);
void btrfs_check_end(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_check *check);
/** Is the extent still where it was when the check began? */
bool btrfs_check_current(const struct btrfs_fs *fs, const struct btrfs_check *check);
/** What was copied without having been verified is as bad as it was, now on every mirror. */
void btrfs_spread(struct btrfs_fs *fs, uint32_t from_block, uint32_t to_block, uint32_t blocks);

/* ---- check_report.c ---- */

void btrfs_report_checks(struct btrfs_fs *fs, struct sim_metrics *metrics);

/* ---- read.c ---- */

/** Brings blocks into the page cache and waits for them. */
int btrfs_fill_cache(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		     uint32_t blocks);
int btrfs_buffered_read(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
			uint64_t len);
int btrfs_direct_read(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
		      uint64_t len);

#endif
