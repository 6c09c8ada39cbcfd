/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: the structure layer of the btrfs model. Copy-on-write subvolume trees with byte-accurate
 * leaves, file extent items, disk extents with their references, inodes, snapshots, relocation.
 * Pure data structures: no simulated time, no waiting, no printing. The timed layer of this folder
 * stands on it and charges time for the tree work that each call adds to its `struct btrfs_work`.
 *
 * Private to models/btrfs. Conventions:
 *  - functions return 0 or a negative errno, as the kernel's do; offsets and lengths are in bytes;
 *  - every `work` may be NULL; counts are added, never reset;
 *  - a handle of an inode stays valid until store_inode_put() has been called as often as
 *    store_lookup()/store_create() returned it;
 *  - nothing here flushes dirty data by itself: what must have been written back before a call is
 *    said at the call.
 */
#ifndef MODELS_BTRFS_STORE_H
#define MODELS_BTRFS_STORE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- sizes of the on-disk format (6.12: include/uapi/linux/btrfs_tree.h) --------------------- */

#define BTRFS_HEADER_BYTES 101u
#define BTRFS_ITEM_HEADER_BYTES 25u
#define BTRFS_KEY_PTR_BYTES 33u
#define BTRFS_FILE_EXTENT_BYTES 53u
#define BTRFS_INLINE_HEAD_BYTES 21u
#define BTRFS_INODE_ITEM_BYTES 160u
#define BTRFS_INODE_REF_HEAD_BYTES 10u
#define BTRFS_DIR_ITEM_HEAD_BYTES 30u
#define BTRFS_CONTEXT_PREFIX_BYTES 4u

#define BTRFS_SECTOR_BYTES 4096u
#define BTRFS_FS_TREE_ROOT 5u /* the top-level subvolume */
#define BTRFS_FIRST_FREE_OBJECTID 256u /* also the inode number of every subvolume's top */

/* ---- work done by a call --------------------------------------------------------------------- */

/** What a call did to the trees. The timed layer turns these into nanoseconds. */
struct btrfs_work {
	uint64_t searches; /* descents from a root (btrfs_search_slot) */
	uint64_t levels; /* nodes and leaves met in those descents */
	uint64_t leaves_walked; /* further leaves reached by walking (btrfs_next_leaf) */
	uint64_t nodes_cowed, leaves_cowed; /* blocks copied to a new address */
	uint64_t blocks_written; /* by a commit: those that are new or copied, and still there */
	uint64_t items_inserted, items_deleted, items_changed;
	uint64_t leaf_splits, node_splits;
	uint64_t leaf_pushes; /* balancing between neighbours: push_leaf_left/right */
	uint64_t items_moved; /* items that changed leaf by a split or push */
	uint64_t leaves_freed, nodes_freed;
	uint64_t data_refs; /* delayed references of data extents, added or dropped */
	uint64_t tree_refs; /* the same of tree blocks, COW's own new and freed block included */
	uint64_t contexts_inserted, contexts_deleted; /* separate context items */
	uint64_t contexts_read; /* context items met, and … */
	uint64_t context_leaves; /* … leaves visited for them alone */
	uint64_t extents_born, extents_freed;
	uint64_t inode_updates; /* delayed inode updates queued */
};

/* ---- the file system ------------------------------------------------------------------------- */

struct btrfs_store;

/** Where the encryption context of an extent lives. Both framings of the appended layout occur in
 * posted series: bare bytes, or a 4-byte length before them. */
enum store_context_layout {
	STORE_CONTEXT_NONE, /* encrypted extents carry no context bytes at all */
	STORE_CONTEXT_APPENDED, /* behind the 53 bytes of the file extent item */
	STORE_CONTEXT_SEPARATE, /* an item of its own, key type 42, offset as the file extent item */
};

enum store_compression { STORE_COMPRESS_NONE = 0, STORE_COMPRESS_ZSTD = 3 };

/** Handle of a disk extent; 0 is no extent (a hole). Reused only after the extent was freed and
 * the transaction that freed it was committed. */
typedef uint32_t store_extent;

/** Calls up to the floor above; any may be NULL. They must not call back into the store, except
 * for store_extent_*() on the extent in hand. */
struct btrfs_store_hooks {
	/** A disk extent was allocated: delalloc, direct write, fallocate, or relocation, in which
	 * case `copy_of` is the extent whose bytes it repeats (else 0). Set nonce and key here. */
	void (*born)(void *arg, store_extent extent, store_extent copy_of, uint32_t root,
		     uint32_t ino, uint64_t file_offset);
	/** The extent is gone: its last reference was dropped and that transaction committed. */
	void (*freed)(void *arg, store_extent extent);
	/** A file extent item was duplicated: split by an overwrite, punch or conversion, or copied
	 * to another place by a clone; the context bytes went with it. */
	void (*copied)(void *arg, store_extent extent, uint32_t root, uint32_t ino,
		       uint64_t from_offset, uint64_t to_offset, uint32_t to_ino);
};

/** Zero in a size takes the default of mkfs and mount (6.12: fs/btrfs/fs.h, super.c). */
struct btrfs_store_options {
	uint32_t node_bytes; /* 16384 */
	uint64_t max_extent_bytes; /* 128 MiB: BTRFS_MAX_EXTENT_SIZE */
	uint64_t max_prealloc_bytes; /* 256 MiB per fallocate chunk */
	uint32_t max_inline_bytes; /* 2048: BTRFS_DEFAULT_MAX_INLINE */
	bool with_holes; /* explicit hole items (no NO_HOLES feature) */
	enum store_compression compression; /* mount -o compress= */
	enum store_context_layout context_layout;
	uint32_t context_bytes;
	bool context_length_prefix; /* appended layout only */
	/* Separate layout only, as v6 posted it: contexts are deleted with items that are dropped whole;
	 * a part that stays behind a split or a trim of its front gets none, and a context in the way
	 * of a new one is -EEXIST. */
	bool fault_context_not_copied;
	uint32_t inode_context_bytes; /* item 41 of an inode with a policy; 0: 40 (fscrypt v2) */
	bool leaf_borrows; /* regular files have no item 41: policy and nonce are their directory's */
	uint64_t data_capacity_bytes; /* ENOSPC beyond; 0: no limit */
	const struct btrfs_store_hooks *hooks;
	void *hooks_arg;
};

/** An empty file system with its top-level subvolume, as after mkfs and mount. NULL options: all
 * defaults. The options are copied, the hooks table is not. */
struct btrfs_store *store_new(const struct btrfs_store_options *options);
void store_free(struct btrfs_store *store);
const struct btrfs_store_options *store_options(const struct btrfs_store *store);

/** Runs delayed items (directory indexes, inode items), ends the transaction: extents without
 * references are freed, and every block is copied again when next changed. */
void store_commit(struct btrfs_store *store, struct btrfs_work *work);
/** Generation of the running transaction. */
uint32_t store_generation(const struct btrfs_store *store);

/* ---- inodes and names ------------------------------------------------------------------------ */

/** Inode flags, those that the item keeps. */
enum {
	STORE_NODATACOW = 1 << 0, /* also no data checksums, no compression */
	STORE_PREALLOC = 1 << 1, /* fallocate was used: writeback looks for prealloc extents */
	STORE_COMPRESS = 1 << 2, /* chattr +c: zstd although the mount does not compress */
	STORE_NOCOMPRESS = 1 << 3,
	STORE_ENCRYPTED = 1 << 4, /* new extents of this inode are encrypted and carry a context */
	STORE_DIRECTORY = 1 << 5,
};

/** What a write put into a range: 0 is incompressible and unlike any other; 1 + N is the byte N
 * repeated (`pattern N` of a script), which compresses and compares equal; 1 is thus zeros. Higher numbers
 * are blocks of several such bytes; they compress, and the same number is the same bytes. */
typedef uint16_t store_content;
#define STORE_CONTENT_UNIQUE ((store_content)0)
#define STORE_CONTENT_ZEROS ((store_content)1)
/** Of a range or an extent: its blocks differ. */
#define STORE_CONTENT_BY_BLOCK ((store_content)UINT16_MAX)

/** A dirty byte range of an inode, whole blocks: delalloc not yet planned. */
struct store_range {
	uint64_t start, end;
	store_content content;
	bool defrag; /* dirtied by defrag: written anew even where in place were possible */
};

/** An inode in memory. Read what you like; change only what is marked. */
struct store_inode {
	uint32_t root; /* subvolume */
	uint32_t ino;
	uint64_t size; /* i_size */
	uint64_t disk_size; /* disk_i_size: as in the inode item once delayed updates ran */
	uint32_t flags; /* STORE_* */
	uint32_t policy_key; /* number of the key of its policy; 0 none */
	uint32_t users; /* handles given out */
	uint32_t nlink;
	uint64_t delalloc_bytes; /* sum of the dirty ranges */
	GSequence *dirty; /* of struct store_range *: sorted, disjoint; never NULL */
	GSequence *holes; /* store_holes.c; NULL: none */
	uint64_t fresh_from, fresh_to; /* between them lie those no fsync has logged */
	uint64_t dir_index; /* directories: next index; 0: not looked up yet */
	GArray *index_adds, *index_removals; /* directories: delayed index items; NULL: none */
	bool update_queued; /* a delayed inode update waits */
	void *user; /* the timed layer's: page cache, extent maps, locks; never touched here */
};

/** Finds by path below the top-level subvolume, through subvolumes ("sv/dir/f"; "" or "." is the
 * top). -ENOENT, -ENOTDIR. */
int store_lookup(struct btrfs_store *store, const char *path, struct store_inode **out,
		 struct btrfs_work *work);
/** Finds by number. -ENOENT if the tree has no such inode item. */
int store_iget(struct btrfs_store *store, uint32_t root, uint32_t ino, struct store_inode **out,
	       struct btrfs_work *work);
/** Gives a handle back. An inode without handles and dirty state is forgotten, and one whose last
 * name was removed is evicted: its extents are dropped (btrfs_evict_inode). */
void store_inode_put(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work);
/** A number that an inode shares with its copies in snapshots and with nothing else; another one after
 * its policy was replaced. */
uint64_t store_inode_birth(struct btrfs_store *store, const struct store_inode *inode);
/** Makes a regular file or (STORE_DIRECTORY in `flags`) a directory and returns a handle. It
 * inherits policy and STORE_ENCRYPTED from its directory. -EEXIST, -ENOENT (no parent). */
int store_create(struct btrfs_store *store, const char *path, uint32_t flags,
		 struct store_inode **out, struct btrfs_work *work);
/** One component below a directory, whose handle stays the caller's; `encrypted` (may be NULL): the
 * name was entered while the directory had a policy. -ENOENT, -ENOTDIR. */
int store_lookup_at(struct btrfs_store *store, struct store_inode *dir, const char *name,
		    struct store_inode **out, bool *encrypted, struct btrfs_work *work);
/** The same with the directory in hand and the policy given (0: none). -EEXIST. */
int store_create_at(struct btrfs_store *store, struct store_inode *dir, const char *name,
		    uint32_t flags, uint32_t policy, struct store_inode **out,
		    struct btrfs_work *work);
/** Removes a name, of a file or an empty directory; the inode lives until its last name is gone and its
 * last handle put. -ENOENT, -EISDIR (a subvolume), -ENOTEMPTY. */
int store_unlink(struct btrfs_store *store, const char *path, struct btrfs_work *work);
int store_unlink_at(struct btrfs_store *store, struct store_inode *dir, const char *name,
		    struct btrfs_work *work);
/** Gives the inode another name (btrfs_link). -EPERM of a directory, -EXDEV into another subvolume,
 * -EEXIST, -EMLINK. */
int store_link(struct btrfs_store *store, struct store_inode *inode, struct store_inode *dir,
	       const char *name, struct btrfs_work *work);
/** Moves a name (btrfs_rename); what had the new one loses it. Of two names of one inode both stay.
 * -ENOENT, -EXDEV between subvolumes (a subvolume itself may move), -EISDIR, -ENOTDIR, -ENOTEMPTY; -EBUSY
 * where the new name is a subvolume's. That no directory moves below itself is the caller's to see. */
int store_rename(struct btrfs_store *store, struct store_inode *from_dir, const char *from,
		 struct store_inode *to_dir, const char *to, struct btrfs_work *work);
/** RENAME_EXCHANGE (btrfs_rename_exchange). -ENOENT, -EXDEV. */
int store_exchange(struct btrfs_store *store, struct store_inode *a_dir, const char *a,
		   struct store_inode *b_dir, const char *b, struct btrfs_work *work);
/** Sets STORE_NODATACOW, but on a file that has bytes: btrfs_fileattr_set() says nothing of that. */
void store_set_nocow(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work);
/** Gives the inode a policy: inserts or replaces its context item (type 41) and sets
 * STORE_ENCRYPTED. Key 0 removes both. Old extents stay as they are. */
void store_set_policy(struct btrfs_store *store, struct store_inode *inode, uint32_t key,
		      struct btrfs_work *work);
/** A number for the birth of an inode's next context. */
uint64_t store_new_birth(struct btrfs_store *store);
/** Replaces the policy of an inode: its context item gets another key and birth, which the inode shares
 * with copies in later snapshots. Old extents stay as they are. */
void store_replace_policy(struct btrfs_store *store, struct store_inode *inode, uint32_t key,
			  uint64_t birth, struct btrfs_work *work);
/** Gives a context that was written in this transaction its birth: part of that change. */
void store_set_birth(struct btrfs_store *store, const struct store_inode *inode, uint64_t birth);
/** The birth that a replaced context has; 0: it never was replaced. */
uint64_t store_replaced_birth(struct btrfs_store *store, const struct store_inode *inode);
/** The policy that a directory with a policy gives to what is new below it; 0: its own. */
void store_set_policy_for_new(struct btrfs_store *store, struct store_inode *dir, uint32_t key,
			      struct btrfs_work *work);
uint32_t store_policy_for_new(struct btrfs_store *store, const struct store_inode *dir);
/** Marks the encrypted regular extents in a range dirty, to be written anew whatever lies there. */
void store_dirty_anew(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t end);
/** Queues an inode update and nothing else: a changed time (relatime on read, file_modified). */
void store_touch(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work);
/** An fsync has logged the inode: maps of holes beside one another become one. */
void store_logged(struct store_inode *inode);
/** Calls `fn` for each name of a directory in index order; stops when it returns false. */
void store_readdir(struct btrfs_store *store, struct store_inode *dir,
		   bool (*fn)(void *arg, const char *name, uint32_t root, uint32_t ino), void *arg,
		   struct btrfs_work *work);

/* ---- dirty data and writeback ---------------------------------------------------------------- */

/** Ranges that a call dirtied beside what was asked for (the tail block of a file that grows, the
 * edges of a punch): the timed layer dirties these pages, after reading them. */
struct store_dirtied {
	unsigned int n;
	struct {
		uint64_t start, end;
	} range[2];
};

/** Buffered write: dirties the blocks of [offset, offset + bytes) and moves i_size. A write that
 * starts beyond the end rewrites an unaligned tail block first (btrfs_cont_expand), told in
 * `dirtied` (may be NULL). Ordered extents over the blocks must have been waited for. */
int store_write(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		uint64_t bytes, store_content content, struct store_dirtied *dirtied,
		struct btrfs_work *work);
/** First contiguous dirty range at or after `from`, at most one maximal extent long, as
 * find_lock_delalloc_range cuts it. False if there is none. */
bool store_next_delalloc(const struct btrfs_store *store, const struct store_inode *inode,
			 uint64_t from, uint64_t *start, uint64_t *end);

/** The inodes (struct store_inode *) with dirty data, in the order of first dirtying; `root` 0: of all
 * subvolumes. The caller frees the array. */
GPtrArray *store_dirty_inodes(const struct btrfs_store *store, uint32_t root);
/** Forgets all dirty data (truncate_inode_pages_final of an inode that goes away). */
void store_discard_dirty(struct btrfs_store *store, struct store_inode *inode);

enum store_piece_kind {
	STORE_PIECE_INLINE, /* no disk extent, no I/O: already in the tree, not to be finished */
	STORE_PIECE_COW, /* a new disk extent */
	STORE_PIECE_COMPRESSED, /* a new disk extent of fewer blocks */
	STORE_PIECE_NOCOW, /* in place over a regular extent */
	STORE_PIECE_PREALLOC, /* in place over a prealloc extent, which becomes regular */
};

/** One ordered extent to be: what is written where. */
struct store_piece {
	enum store_piece_kind kind;
	bool direct;
	bool encrypted; /* a context goes with it (new), or is there (in place) */
	store_content content;
	uint64_t file_offset, bytes; /* whole blocks, except INLINE */
	store_extent extent; /* 0 for INLINE */
	uint64_t extent_offset; /* in place: where in the extent */
	uint64_t disk_bytes; /* of the data to write; below `bytes` when compressed */
	uint64_t physical; /* where the data goes */
};

/** Plans the writeback of [start, end), which must be a range (or the front of one) that
 * store_next_delalloc() gave: appends `struct store_piece` to `pieces` and takes the range out of
 * the dirty ones (btrfs_run_delalloc_range). Disk extents are allocated here, the born hook runs
 * here. -ENOSPC leaves the range dirty and `pieces` unchanged. */
int store_plan(struct btrfs_store *store, struct store_inode *inode, uint64_t start, uint64_t end,
	       GArray *pieces, struct btrfs_work *work);
/** Plans one direct write, block-aligned; dirty data under it must have been written back and
 * dropped. Appends pieces cut as the iomap calls would be, moves i_size. -EINVAL if not aligned,
 * -ENOTBLK if the range holds inline or compressed data or partial blocks (write it buffered). */
int store_plan_direct(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		      uint64_t bytes, store_content content, GArray *pieces,
		      struct btrfs_work *work);
/** Ends an ordered extent (btrfs_finish_one_ordered): drops what lay under it, inserts or converts
 * the item, adds the reference, queues the inode update. Once per piece that is not inline. -EEXIST
 * when the item is in but its context met another one (fault_context_not_copied). */
int store_finish(struct btrfs_store *store, struct store_inode *inode,
		 const struct store_piece *piece, struct btrfs_work *work);
/** Gives back a piece that will not be written. */
void store_cancel(struct btrfs_store *store, const struct store_piece *piece);

/** Plans and finishes all dirty data of the inode at once, untimed: for tests, and for bringing a
 * file into a state. */
int store_flush(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work);
/** The same for [start, end) in the manner of filemap_fdatawrite_range: a dirty range is cut at
 * `start`, but written to its own end even behind `end`. */
int store_flush_range(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t end, struct btrfs_work *work);
/** store_flush() of every inode with dirty data, in order of first dirtying. `root` 0: all. */
int store_flush_all(struct btrfs_store *store, uint32_t root, struct btrfs_work *work);

/* ---- file operations ------------------------------------------------------------------------- */

/** First half of setting the size (btrfs_setsize): sets i_size. Growing is then done, an unaligned
 * tail block told in `dirtied`: returns 0. Shrinking forgets dirty data beyond and returns 1: write
 * back from round_down(size) on, wait for ordered extents there, and call store_truncate(). An equal
 * size returns 2: call store_truncate() without writing back. */
int store_truncate_prepare(struct btrfs_store *store, struct store_inode *inode, uint64_t size,
			   struct store_dirtied *dirtied, struct btrfs_work *work);
/** Drops the items beyond i_size (btrfs_truncate). */
void store_truncate(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work);
/** fallocate(PUNCH_HOLE). Dirty data and ordered extents of the blocks touched must have been
 * written back (btrfs_wait_ordered_range). Partial edge blocks become dirty. */
int store_punch(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		uint64_t bytes, struct store_dirtied *dirtied, struct btrfs_work *work);
/** First half of fallocate(0) and ZERO_RANGE (btrfs_fallocate): where the range passes the end of
 * the file, dirties an unaligned tail block. Call it, write back [round_down(offset), round_up(offset
 * + bytes)) and wait for its ordered extents, then call store_falloc() or store_zero_range(). */
int store_falloc_prepare(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			 uint64_t bytes, struct store_dirtied *dirtied, struct btrfs_work *work);
/** fallocate(0) or, with `keep_size`, beyond the end: prealloc extents in the holes. */
int store_falloc(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		 uint64_t bytes, bool keep_size, struct btrfs_work *work);
/** fallocate(ZERO_RANGE): a new prealloc extent replaces what was there; partial edge blocks become
 * dirty. */
int store_zero_range(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		     uint64_t bytes, bool keep_size, struct store_dirtied *dirtied,
		     struct btrfs_work *work);
/** First half of a clone: checks the arguments as generic_remap_checks and btrfs do (-EINVAL),
 * corrects `bytes` (0: to the end of the source), dirties the target's unaligned tail block if the
 * clone starts beyond its end. Call it, write back both ranges and, of the target, from its old end
 * to `target_offset`, then call store_clone(). */
int store_clone_prepare(struct btrfs_store *store, struct store_inode *source,
			uint64_t source_offset, uint64_t *bytes, struct store_inode *target,
			uint64_t target_offset, struct store_dirtied *dirtied,
			struct btrfs_work *work);
/** FICLONERANGE, after store_clone_prepare(). An inline extent that cannot stay inline is copied
 * into the page cache instead, told in `dirtied`: write it back afterwards. The keys of the inodes
 * are not compared: that rule belongs to the floor above. */
int store_clone(struct btrfs_store *store, struct store_inode *source, uint64_t source_offset,
		uint64_t bytes, struct store_inode *target, uint64_t target_offset,
		struct store_dirtied *dirtied, struct btrfs_work *work);
/** True if both ranges surely hold the same bytes: same place of the same extent, or equal
 * patterns. Written-back data only. */
bool store_same_content(struct btrfs_store *store, struct store_inode *a, uint64_t a_offset,
			struct store_inode *b, uint64_t b_offset, uint64_t bytes,
			struct btrfs_work *work);
/** FIDEDUPERANGE for one target: compares, then clones in steps of 16 MiB. `done` gets the bytes
 * deduped; returns 1 if the ranges differ (FILE_DEDUPE_RANGE_DIFFERS). Flushing as for clone. */
int store_dedupe(struct btrfs_store *store, struct store_inode *source, uint64_t source_offset,
		 uint64_t bytes, struct store_inode *target, uint64_t target_offset, uint64_t *done,
		 struct btrfs_work *work);
/** The ranges that defragmenting [start, start + bytes) would rewrite (defrag_collect_targets per
 * 256 KiB cluster): marks them dirty for defrag and returns the bytes marked. Dirty data must have
 * been written back. `threshold` 0: 256 KiB. */
uint64_t store_defrag(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t bytes, uint32_t threshold, struct btrfs_work *work);

/* ---- reading the structure ------------------------------------------------------------------- */

enum store_file_extent_type { STORE_INLINE = 0, STORE_REGULAR = 1, STORE_PREALLOCATED = 2 };

/** What the context of an encrypted item says. */
struct store_context {
	bool present; /* false: there is none */
	uint64_t nonce;
	uint32_t key;
};

struct store_file_extent {
	uint64_t file_offset, bytes; /* INLINE: bytes of data */
	enum store_file_extent_type type;
	store_extent extent; /* 0: inline, or an explicit hole */
	uint64_t extent_offset; /* into the uncompressed bytes of the extent */
	uint64_t disk_bytes, ram_bytes; /* of the whole extent */
	uint64_t physical; /* of the whole extent */
	uint8_t compression;
	bool encrypted;
	bool context_elsewhere; /* its context item lies in another leaf than this item */
	struct store_context context;
};

/** Walks the file extent items of an inode: one search, then item by item. Any change to the tree
 * ends the walk's validity. */
struct store_walk {
	struct btrfs_store *store;
	uint32_t root, ino;
	uint32_t block[8]; /* the path, leaf first */
	uint16_t slot[8];
	uint32_t context_leaf; /* leaf of the last context item met */
	uint64_t offset;
};
/** Starts at the item that covers `offset`, else the next one. */
void store_walk_begin(struct store_walk *walk, struct btrfs_store *store,
		      const struct store_inode *inode, uint64_t offset, struct btrfs_work *work);
/** Next item, false after the last. With separate contexts, an encrypted item's context is looked
 * up too, and counted in `work`. */
bool store_walk_next(struct store_walk *walk, struct store_file_extent *out,
		     struct btrfs_work *work);

/* ---- disk extents ---------------------------------------------------------------------------- */

enum store_ref_kind {
	STORE_REF_KEYED, /* (root, inode, offset): EXTENT_DATA_REF */
	STORE_REF_SHARED, /* by leaf: SHARED_DATA_REF */
};
struct store_ref {
	enum store_ref_kind kind;
	uint32_t root, ino; /* keyed */
	int64_t offset; /* keyed: file offset - offset in extent; may be negative */
	uint32_t leaf; /* shared */
	uint32_t count;
};

uint64_t store_extent_physical(const struct btrfs_store *store, store_extent extent);
uint64_t store_extent_bytes(const struct btrfs_store *store, store_extent extent);
uint64_t store_extent_ram_bytes(const struct btrfs_store *store, store_extent extent);
uint32_t store_extent_refs(const struct btrfs_store *store, store_extent extent);
uint32_t store_extent_generation(const struct btrfs_store *store, store_extent extent);
/** References one by one from `*cursor` (start with 0); false after the last. */
bool store_extent_ref(const struct btrfs_store *store, store_extent extent, uint32_t *cursor,
		      struct store_ref *out);
/** What the floors above keep with an extent. Survives nothing but the extent itself. */
struct store_extent_tags {
	uint64_t nonce;
	uint32_t key; /* number of the key it was sealed under */
	uint32_t user;
	uint8_t rule; /* how its blocks were sealed */
};
struct store_extent_tags store_extent_tags(const struct btrfs_store *store, store_extent extent);
void store_extent_set_tags(struct btrfs_store *store, store_extent extent,
			   struct store_extent_tags tags);
/** How many of `blocks` blocks of an extent, from block `from` on, have a checksum: those that were
 * written through a file with data checksums, until the extent is freed. UINT32_MAX: to the end. */
uint32_t store_extent_sums(const struct btrfs_store *store, store_extent extent, uint32_t from,
			   uint32_t blocks);
/** Blocks with a checksum in all extents, those of extents with a key in their tags apart. */
void store_sums(const struct btrfs_store *store, uint64_t *plain, uint64_t *encrypted);
/** The extent of the item at `file_offset` has got its tags: so has its context. */
void store_seal_context(struct btrfs_store *store, const struct store_inode *inode,
			uint64_t file_offset);
/** Is this block of an extent reached through a file extent item of any subvolume, other than at
 * `file_block` of the inode? Walks the references of the extent in every root. */
bool store_block_shared(struct btrfs_store *store, store_extent extent, uint32_t block,
			const struct store_inode *inode, uint32_t file_block);
/** One past the highest handle in use: handles below may be free (bytes 0). */
store_extent store_extent_limit(const struct btrfs_store *store);

/* ---- back references ------------------------------------------------------------------------- */

/** The extents with a reference (store_extent), by address; the caller frees. */
GArray *store_extents_by_address(const struct btrfs_store *store);
/** Levels of the extent tree, were it built: full leaves of items with one inline reference. */
uint32_t store_extent_tree_levels(const struct btrfs_store *store);
/** A file extent item that points to an extent. */
struct store_backref {
	store_extent extent;
	uint32_t root; /* 0: reached by its leaf, and the tree is not known yet */
	uint32_t ino, leaf;
	uint32_t file_block; /* where the extent's first block would lie in the file; may wrap */
	uint32_t item_block; /* the item's own offset */
	bool encrypted;
	store_extent context_of; /* as in struct store_file_extent; of an appended context */
};
/** The item behind a reference, `skip` of which are passed over; false if there is none left. A keyed
 * reference costs a search of its tree, one by leaf a look at the leaf. */
bool store_find_backref(struct btrfs_store *store, store_extent extent, uint32_t skip,
			struct store_backref *out, struct btrfs_work *work);
/** Finds a tree with the item's leaf, if that is not known: returns the levels that were climbed, each
 * of which costs a search of the extent tree. `ref->root` stays 0 if none has it. */
uint32_t store_backref_root(struct btrfs_store *store, struct store_backref *ref);
/** Looks up a separate context in the tree, if that is known. */
void store_backref_context(struct btrfs_store *store, struct store_backref *ref,
			   struct btrfs_work *work);
/** What the context of the inode says: the policy's key and store_inode_birth(). False: none. */
bool store_backref_policy(struct btrfs_store *store, const struct store_backref *ref, uint32_t *key,
			  uint64_t *birth, struct btrfs_work *work);

/* ---- subvolumes ------------------------------------------------------------------------------ */

/** Creates an empty subvolume at `path`. */
int store_subvol_create(struct btrfs_store *store, const char *path, uint32_t *root,
			struct btrfs_work *work);
/** Snapshot of subvolume `source` (its path) at `path`; commits the transaction as the kernel does
 * (create_pending_snapshot). Dirty data of the source must have been written back. */
int store_snapshot(struct btrfs_store *store, const char *source, const char *path, uint32_t *root,
		   struct btrfs_work *work);
/** Removes the name of a subvolume: nothing below it can be found any more. Inodes with a handle live on,
 * of the others dirty data is forgotten. The tree is dropped by store_drop_subvol(). */
int store_subvol_delete(struct btrfs_store *store, const char *path, uint32_t *root,
			struct btrfs_work *work);
/** Is it a subvolume that was deleted? */
bool store_root_dead(const struct btrfs_store *store, uint32_t root);
/** Has anybody a handle of an inode in it? */
bool store_root_in_use(const struct btrfs_store *store, uint32_t root);
/** Drops the tree of a deleted subvolume that is not in use, about `leaves` leaves per call (0: all): what the
 * cleaner does (btrfs_drop_snapshot). True while there is more to do. */
bool store_drop_subvol(struct btrfs_store *store, uint32_t root, uint64_t leaves,
		       struct btrfs_work *work);

/* ---- relocation (balance of data) ------------------------------------------------------------ */

struct store_relocation;
/** Takes down the data block groups that exist now; they are relocated one by one, highest address
 * first (__btrfs_balance), as below. One relocation at a time. */
struct store_relocation *store_relocation_begin(struct btrfs_store *store);
/** Next block group: sets it read-only and commits. False after the last. */
bool store_relocation_group(struct store_relocation *reloc, struct btrfs_work *work);
/** First stage (MOVE_DATA_EXTENTS): the next extent of the group, in address order, gets a copy at
 * a new address, `from` and `to` being in flight until the group ends. False after the last. */
bool store_relocation_copy(struct store_relocation *reloc, store_extent *from, store_extent *to,
			   struct btrfs_work *work);
/** Second stage (UPDATE_DATA_PTRS): the next extent's items, in every tree, are pointed at the
 * copy, leaf by leaf through relocation trees. Commits before the first. False after the last. */
bool store_relocation_update(struct store_relocation *reloc, store_extent *from, store_extent *to,
			     struct btrfs_work *work);
/** Gives the group up: the copies are dropped and every extent stays where it is. */
void store_relocation_abort(struct store_relocation *reloc, struct btrfs_work *work);
/** Merges the relocation trees, drops them and the old extents, commits. */
void store_relocation_group_end(struct store_relocation *reloc, struct btrfs_work *work);
void store_relocation_end(struct store_relocation *reloc);
/** All of the above, untimed. */
void store_balance(struct btrfs_store *store, struct btrfs_work *work);

/* ---- statistics and dumps -------------------------------------------------------------------- */

struct store_tree_stats {
	uint64_t leaves, nodes; /* blocks reachable from this root, shared ones included */
	uint64_t leaves_shared; /* … that another tree reaches too */
	uint64_t items, file_extent_items, context_items;
	uint64_t leaf_bytes_used; /* item headers and data */
	unsigned int levels;
};
/** Walks one subvolume's tree. -ENOENT. */
int store_tree_stats(struct btrfs_store *store, uint32_t root, struct store_tree_stats *out);

struct store_stats {
	uint64_t leaves, nodes; /* distinct tree blocks of all subvolumes */
	uint64_t file_extent_items; /* in distinct leaves */
	uint64_t
		context_bytes; /* on disk, in distinct leaves: contexts, prefixes, headers of their own */
	uint64_t extents; /* disk extents with references */
	uint64_t extent_bytes; /* their sum on disk */
	uint64_t subvolumes;
	uint64_t memory_bytes; /* held by the store itself */
};
/** All of it without a walk, except where said by the counter itself. */
void store_stats(struct btrfs_store *store, struct store_stats *out);
/** Checks every invariant of the trees and recounts all references; g_assert()s on the first that
 * does not hold. For tests. */
void store_check(struct btrfs_store *store);

/** Identifiers of disk extents in dumps: numbered by first appearance, never reused. */
struct store_dump;
struct store_dump *store_dump_new(struct btrfs_store *store);
void store_dump_free(struct store_dump *dump);
/** Appends `"files":{…},\n"disk_n":…,"disk_bytes":…,"disk":[…]` in the form of the recordings: the
 * files given, in their order, those that do not exist left out. Everything must have been written
 * back and committed. */
void store_dump(struct store_dump *dump, const char *const *paths, size_t n, GString *out);

/* ---- bulk population ------------------------------------------------------------------------- */

struct store_image_extent {
	uint64_t file_offset, bytes;
	enum store_file_extent_type type;
	uint64_t disk_id; /* same number: same disk extent; 0: one of its own */
	uint64_t extent_offset, disk_bytes, ram_bytes;
	uint8_t compression;
};
struct store_image_inode {
	uint32_t parent; /* index in the array, below its own; UINT32_MAX: the subvolume's top */
	const char *name;
	uint32_t flags; /* STORE_* */
	uint32_t policy_key;
	bool name_encrypted; /* its directory has a policy */
	uint64_t size;
	const struct store_image_extent *extents; /* sorted by file offset, disjoint */
	size_t n_extents;
};
/** Fills the empty subvolume `root` in key order, so that leaves come out full, as a tree written
 * once. `inos` (may be NULL) gets the inode number of each. -EEXIST (two equal names), -EINVAL
 * (an extent that overlaps or does not fit its disk extent), -ENOTEMPTY. Commits. */
int store_populate(struct btrfs_store *store, uint32_t root, const struct store_image_inode *inodes,
		   size_t n, uint32_t *inos);

#endif
