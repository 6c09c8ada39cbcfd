/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctree: what the files of the structure layer share. Tree blocks, items, paths, disk extents.
 * Private to store*.c, ctree*.c and extent*.c; everybody else uses store.h.
 */
#ifndef MODELS_BTRFS_CTREE_H
#define MODELS_BTRFS_CTREE_H

#include "models/btrfs/store.h"

/* ---- keys and items -------------------------------------------------------------------------- */

#define SECTOR_SHIFT 12u
#define MAX_LEVEL 8 /* BTRFS_MAX_LEVEL */
/* Offsets within an extent are kept in 16 bits of blocks, lengths in 17. */
#define MAX_EXTENT_BLOCKS 65536u

/* Codes in the order of the on-disk key types (1, 12, 41, 42, 48, 84, 96, 108). */
enum item_type {
	ITEM_INODE = 1,
	ITEM_INODE_REF,
	ITEM_INODE_CONTEXT,
	ITEM_CONTEXT,
	ITEM_ORPHAN,
	ITEM_DIR_ITEM,
	ITEM_DIR_INDEX,
	ITEM_EXTENT,
	ITEM_TYPE_MAX = 15,
};

#define INO_BITS 28
#define INO_MAX ((1u << INO_BITS) - 16)
#define ORPHAN_OBJECTID ((1u << INO_BITS) - 5) /* BTRFS_ORPHAN_OBJECTID is -5 */

/* objectid, type, offset in one word, so that keys compare as numbers. Offsets of extents and
 * contexts are in blocks. */
typedef uint64_t ctree_key;

static inline ctree_key key_make(uint32_t ino, enum item_type type, uint32_t offset)
{
	return (uint64_t)ino << 36 | (uint64_t)type << 32 | offset;
}

static inline uint32_t key_ino(ctree_key key)
{
	return (uint32_t)(key >> 36);
}

static inline enum item_type key_type(ctree_key key)
{
	return (enum item_type)(key >> 32 & 15);
}

static inline uint32_t key_offset(ctree_key key)
{
	return (uint32_t)key;
}

/*
 * An item with its payload; `bytes` is the size of its data on disk.
 *   ITEM_EXTENT     a: extent (inline: bytes of data)  b: generation  c: file_word  d: start
 *   ITEM_INODE      a, b: size  c: flags | policy key << 8  d: links
 *   ITEM_INODE_REF  a: name  b: next name in the same directory  c: index
 *   ITEM_DIR_ITEM   a: name  b: target  c: next name of the same hash  d: DIRENT_*
 *   ITEM_DIR_INDEX  a: name  b: target  d: DIRENT_*
 *   ITEM_CONTEXT    a: extent; with fault_context_not_copied also  b, c: nonce  d: key
 *   ITEM_INODE_CONTEXT  a: policy key  b: number of a replacement, 0: the first  c: a directory's policy
 *                       for what is new below it
 */
struct item {
	ctree_key key;
	uint32_t a, b, c;
	uint16_t d, bytes;
};

enum {
	DIRENT_ROOT = 1, /* of a subvolume */
	DIRENT_ENCRYPTED = 2, /* BTRFS_FT_ENCRYPTED: entered while the directory had a policy */
};

struct item_extent {
	uint32_t start, blocks; /* file offset (the key's) and length */
	uint32_t extent, extent_start; /* inline: data bytes, 0 */
	uint32_t generation;
	uint8_t type, compression;
	bool encrypted;
};

static inline uint32_t file_word(uint32_t blocks, unsigned int type, unsigned int compression,
				 bool encrypted)
{
	return blocks | type << 20 | compression << 22 | (uint32_t)encrypted << 24;
}

static inline uint32_t item_blocks(const struct item *item)
{
	return item->c & 0xfffff;
}

static inline unsigned int item_file_type(const struct item *item)
{
	return item->c >> 20 & 3;
}

static inline unsigned int item_compression(const struct item *item)
{
	return item->c >> 22 & 3;
}

static inline bool item_encrypted(const struct item *item)
{
	return item->c >> 24 & 1;
}

static inline void item_set_blocks(struct item *item, uint32_t blocks)
{
	item->c = (item->c & ~0xfffffu) | blocks;
}

static inline void item_set_file_type(struct item *item, unsigned int type)
{
	item->c = (item->c & ~(3u << 20)) | type << 20;
}

/* One past the last file block; an inline extent counts as its whole block. */
static inline uint32_t item_end(const struct item *item)
{
	return key_offset(item->key) +
	       (item_file_type(item) == STORE_INLINE ? 1 : item_blocks(item));
}

static inline bool item_has_extent(const struct item *item)
{
	return key_type(item->key) == ITEM_EXTENT && item_file_type(item) != STORE_INLINE &&
	       item->a;
}

/* Where the extent's first byte would lie in the file: the offset of a keyed reference. */
static inline uint32_t item_ref_offset(const struct item *item)
{
	return key_offset(item->key) - item->d;
}

static inline uint64_t item_inode_size(const struct item *item)
{
	return (uint64_t)item->b << 32 | item->a;
}

/* ---- tree blocks ----------------------------------------------------------------------------- */

typedef uint32_t block_nr; /* 0: none */

struct child {
	ctree_key key;
	block_nr block;
	uint32_t spare;
};

enum {
	BLOCK_FULL_BACKREF = 1, /* BTRFS_BLOCK_FLAG_FULL_BACKREF */
	BLOCK_RELOC = 2, /* BTRFS_HEADER_FLAG_RELOC */
};

struct block {
	union {
		struct item *items; /* level 0 */
		struct child *children;
		block_nr next_free; /* refs == 0 */
	};
	uint32_t generation;
	uint32_t owner;
	uint32_t refs;
	uint16_t n, capacity;
	uint16_t data_bytes; /* leaf: sum of the items' bytes */
	uint8_t level, flags;
};

#define BLOCK_CHUNK_BITS 12
#define BLOCK_CHUNK (1u << BLOCK_CHUNK_BITS)

struct root {
	uint32_t id;
	block_nr node; /* 0: no such root */
	uint32_t last_snapshot; /* generation */
	uint32_t commit_generation; /* of the root node when last committed */
	uint32_t origin_generation; /* of the snapshot's making; 0: not a snapshot */
	uint32_t force_cow; /* generation in which blocks are copied even if new */
	uint32_t next_ino;
	uint32_t origin, inherited_ino; /* snapshots: of what, and its highest inode number then */
	uint32_t parent_root, parent_ino; /* where its name is; 0: deleted */
	uint32_t name_index; /* number of its DIR_INDEX item there */
	uint32_t drop_depth; /* progress of store_drop_subvol(), see there */
	GArray *drop_stack;
	uint64_t used_blocks;
};

struct path {
	block_nr nodes[MAX_LEVEL];
	int slots[MAX_LEVEL];
	bool leaf_locked; /* the leaf was searched for writing and not given up since */
};

/* ---- disk extents ---------------------------------------------------------------------------- */

enum {
	EXTENT_LIVE = 1, /* allocated */
	EXTENT_MANY = 2, /* `ref` heads a list */
	EXTENT_CHANGED = 4, /* references changed in this transaction */
	EXTENT_WAS_SHARED = 8, /* and before it, it was not its one owner's alone */
	EXTENT_DYING = 16, /* on the list of extents to free at commit */
	EXTENT_SHARED_REF = 32, /* the inline reference is by leaf */
	EXTENT_SUMMED = 64, /* every block has a checksum */
	EXTENT_SUMMED_PART = 128, /* some have: see store->sums */
};

struct extent {
	uint64_t nonce;
	uint32_t start_low; /* physical block, low 32 bits */
	uint32_t blocks : 17; /* on disk */
	uint32_t ram_blocks : 6; /* compressed: uncompressed blocks; else 0 */
	uint32_t start_high : 8;
	uint32_t refs;
	uint32_t generation;
	uint32_t key, user;
	union {
		struct {
			uint32_t root, ino, offset;
		} ref; /* keyed; by leaf: ino is the leaf's number */
		struct {
			uint32_t head, count, spare;
		} many;
		uint32_t next_free;
	};
	uint16_t content;
	uint8_t flags, rule;
};

struct extent_ref {
	uint32_t next;
	uint32_t root, ino, offset; /* root 0: by leaf `ino` */
	uint32_t count;
};

#define EXTENT_CHUNK_BITS 14
#define EXTENT_CHUNK (1u << EXTENT_CHUNK_BITS)

/* A data block group. */
struct block_group {
	uint64_t start, blocks, used_to; /* blocks; used_to: next to allocate, relative */
	uint64_t live; /* blocks of extents in it */
	uint8_t size_class; /* enum size_class */
	bool readonly;
};

/* ---- the store ------------------------------------------------------------------------------- */

/* The way of the last search down a tree, good for the next as long as no block came, went or
 * changed places. */
struct search_cache {
	struct root *root; /* NULL: nothing kept */
	uint64_t version; /* of the trees: tree_version then */
	struct path path;
	int levels;
};

struct btrfs_store {
	struct btrfs_store_options options;
	struct btrfs_work *work, spare_work;
	uint32_t leaf_bytes, node_children;
	uint32_t extent_item_bytes[2]; /* plain, encrypted */
	uint32_t generation;

	struct block **blocks;
	uint32_t n_blocks, free_block;
	uint64_t n_leaves, n_nodes, n_items_bytes;
	uint64_t n_dirty; /* blocks of the present generation: the next commit writes them */

	uint64_t tree_version; /* counts changes to the blocks' places */
	struct search_cache last_search;

	struct extent **extents;
	uint32_t n_extents, free_extent, live_extents;
	struct extent_ref *refs;
	uint32_t n_refs, refs_capacity, free_ref;
	GHashTable *sums; /* extent -> GArray of struct sum_range */
	GArray *dying; /* of store_extent */
	GArray *changed;
	uint64_t data_blocks;
	uint64_t refs_since_commit; /* changes to data references */
	bool has_contents; /* something was written whose content is known */
	GHashTable *mixtures; /* GBytes → store_content: blocks of several bytes */
	GPtrArray *mixed_blocks; /* of these, GBytes * by number */
	GHashTable *
		block_contents; /* extent → store_content of each of its blocks, where they differ */
	uint64_t file_extent_items, context_items, context_item_bytes;
	GArray *groups; /* of struct block_group */
	uint64_t next_group_start;
	uint32_t current_group[4];

	GArray *roots; /* of struct root *, by id */
	GHashTable *inodes; /* (root, ino) -> struct store_inode */
	GPtrArray *dirty_inodes; /* in order of first dirtying */
	GPtrArray *delayed_inodes;

	GStringChunk *names;
	GHashTable *name_ids; /* name -> id */
	GPtrArray *name_of;
	GArray *dirents; /* further names of a DIR_ITEM: struct dir_more */

	uint32_t births; /* contexts of inodes that were replaced */
	uint32_t *dump_ids; /* by extent; NULL while no dump exists */
	uint32_t dump_ids_n;
	struct store_relocation *relocation; /* the one under way */
};

/* Of an INODE_REF, `target` is the index. */
struct dir_more {
	uint32_t name, target, next;
	uint16_t flags, spare;
};

static inline struct block *block_of(const struct btrfs_store *store, block_nr nr)
{
	return &store->blocks[nr >> BLOCK_CHUNK_BITS][nr & (BLOCK_CHUNK - 1)];
}

static inline struct extent *extent_of(const struct btrfs_store *store, store_extent nr)
{
	return &store->extents[nr >> EXTENT_CHUNK_BITS][nr & (EXTENT_CHUNK - 1)];
}

static inline struct root *root_of(const struct btrfs_store *store, uint32_t id)
{
	return id < store->roots->len ? g_array_index(store->roots, struct root *, id) : NULL;
}

static inline void store_enter(struct btrfs_store *store, struct btrfs_work *work)
{
	store->work = work ? work : &store->spare_work;
}

static inline uint32_t blocks_up(uint64_t bytes)
{
	return (uint32_t)((bytes + BTRFS_SECTOR_BYTES - 1) >> SECTOR_SHIFT);
}

static inline uint64_t round_down_block(uint64_t bytes)
{
	return bytes & ~(uint64_t)(BTRFS_SECTOR_BYTES - 1);
}

static inline uint64_t round_up_block(uint64_t bytes)
{
	return round_down_block(bytes + BTRFS_SECTOR_BYTES - 1);
}

/* ctree_block.c */
block_nr block_alloc(struct btrfs_store *store, unsigned int level, uint32_t owner);
/** The block is of the running transaction, whose commit writes it. */
void block_dirty(struct btrfs_store *store, struct block *block);
void block_free(struct btrfs_store *store, block_nr nr);
void block_reserve(struct block *block, unsigned int n);
void block_trim(struct block *block);
/* Adds or drops the references that a block's entries hold: `full` by the block itself, else keyed
 * by its owner (btrfs_inc_ref, btrfs_dec_ref). */
void block_mod_ref(struct btrfs_store *store, block_nr nr, bool full, bool add);
/* should_cow_block() */
bool block_must_cow(const struct btrfs_store *store, const struct root *root,
		    const struct block *block);
/* Makes the block at `level` of the path writable in this transaction (btrfs_cow_block). `parent`
 * 0: it is the root node. Returns the block to use. */
block_nr block_cow(struct btrfs_store *store, struct root *root, block_nr nr, block_nr parent,
		   unsigned int parent_slot);
/* Copies a root node for another root (btrfs_copy_root). */
block_nr block_copy_root(struct btrfs_store *store, struct root *root, uint32_t new_owner);
/* Drops a reference on an unlinked block; frees it if it was the last. Its entries are gone. */
void block_unlink(struct btrfs_store *store, block_nr nr);

static inline unsigned int leaf_used(const struct block *leaf)
{
	return leaf->data_bytes + leaf->n * BTRFS_ITEM_HEADER_BYTES;
}

static inline int leaf_free(const struct btrfs_store *store, const struct block *leaf)
{
	return (int)store->leaf_bytes - (int)leaf_used(leaf);
}

/* ctree.c: 0 found, 1 not found (the path is where it would be inserted). `ins_len` > 0: makes room
 * for that many bytes, item header included; < 0: deleting; 0 and `cow`: changing in place. */
int ctree_search(struct btrfs_store *store, struct root *root, ctree_key key, struct path *path,
		 int ins_len, bool cow);
/* As above, but the slot is on an item that will be extended by `ins_len` without a header
 * (path->search_for_extension). */
int ctree_search_extend(struct btrfs_store *store, struct root *root, ctree_key key,
			struct path *path, int ins_len);
/* Steps to the first item of the next leaf; false if there is none. */
bool ctree_next_leaf(struct btrfs_store *store, struct root *root, struct path *path);
void ctree_fixup_low_keys(struct btrfs_store *store, struct path *path, ctree_key key, int level);
void ctree_set_key(struct btrfs_store *store, struct path *path, ctree_key key);
int ctree_insert(struct btrfs_store *store, struct root *root, struct path *path,
		 const struct item *items, unsigned int n);
/* Inserts at the path's slot, where room is known to be (setup_items_for_insert). */
void ctree_insert_here(struct btrfs_store *store, struct path *path, const struct item *items,
		       unsigned int n);
void ctree_delete(struct btrfs_store *store, struct root *root, struct path *path, int slot, int n);
/* Puts a copy of the item at the slot behind it under another key and steps onto it. 0 or -EAGAIN:
 * the path was given up, search again (btrfs_duplicate_item). */
int ctree_duplicate(struct btrfs_store *store, struct root *root, struct path *path, ctree_key key);
void ctree_resize(struct btrfs_store *store, struct path *path, unsigned int bytes);
struct item *ctree_item(struct btrfs_store *store, struct path *path);

/* ctree_node.c */
void node_insert_ptr(struct btrfs_store *store, struct path *path, ctree_key key, block_nr nr,
		     int slot, int level);
void node_del_ptr(struct btrfs_store *store, struct root *root, struct path *path, int level,
		  int slot);
void node_insert_root(struct btrfs_store *store, struct root *root, struct path *path, int level);
void node_split(struct btrfs_store *store, struct root *root, struct path *path, int level);
/* False: the root was lowered and the search must start again. */
bool node_balance(struct btrfs_store *store, struct root *root, struct path *path, int level);

/* ctree_leaf.c */
void leaf_split(struct btrfs_store *store, struct root *root, ctree_key key, struct path *path,
		int data_size, bool extend);
bool leaf_push_left(struct btrfs_store *store, struct root *root, struct path *path,
		    int min_data_size, int data_size, bool empty, uint32_t max_slot);
bool leaf_push_right(struct btrfs_store *store, struct root *root, struct path *path,
		     int min_data_size, int data_size, bool empty, uint32_t min_slot);
void leaf_count_items(struct btrfs_store *store, const struct block *leaf, bool add);

/* extent.c */
store_extent extent_new(struct btrfs_store *store, uint64_t physical_block, uint32_t blocks);
void extent_release(struct btrfs_store *store, store_extent nr);
void extent_add_ref(struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		    uint32_t offset);
void extent_drop_ref(struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		     uint32_t offset);
/* Puts an extent that has no reference and never had one on the way out. */
void extent_abandon(struct btrfs_store *store, store_extent nr);
/* Is (root, inode, offset) its only owner, now and as last committed (btrfs_cross_ref_exist)? */
bool extent_only_ref(const struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		     uint32_t offset);
void extents_commit(struct btrfs_store *store);

static inline uint64_t extent_block(const struct extent *extent)
{
	return (uint64_t)extent->start_high << 32 | extent->start_low;
}

/* store_sums.c: blocks of an extent that have checksums. */
void extent_add_sums(struct btrfs_store *store, store_extent nr, uint32_t start, uint32_t blocks);
void extent_copy_sums(struct btrfs_store *store, store_extent from, store_extent to);
void extent_drop_sums(struct btrfs_store *store, store_extent nr);

/* extent_alloc.c: 0 or -ENOSPC. */
int extent_alloc(struct btrfs_store *store, uint32_t blocks, store_extent *out);
/** Whether it lies in a block group that is being relocated. */
bool extent_readonly(const struct btrfs_store *store, store_extent nr);
void extent_free_space(struct btrfs_store *store, const struct extent *extent);

/* store.c */
uint32_t store_next_root_id(const struct btrfs_store *store);
struct root *store_add_root(struct btrfs_store *store, block_nr node);
/* The two items of an empty subvolume. */
void store_root_items(struct btrfs_store *store, struct item items[2]);

/* store_inode.c */
void store_queue_update(struct btrfs_store *store, struct store_inode *inode);
void store_run_delayed(struct btrfs_store *store);
void store_forget_idle(struct btrfs_store *store, struct store_inode *inode);
void store_inode_free(struct store_inode *inode);
/* The highest inode number in use, or given last. */
uint32_t store_highest_ino(struct btrfs_store *store, struct root *root);
/* Splits a path into its directory (a handle) and the name interned; -ENOENT, -ENOTDIR, -EINVAL. */
int store_parent(struct btrfs_store *store, const char *path, struct store_inode **dir,
		 uint32_t *name);
uint32_t store_name(struct btrfs_store *store, const char *text);
const char *store_name_text(const struct btrfs_store *store, uint32_t name);
uint32_t store_name_hash(const char *text);
/* A name of a directory: 0 or -ENOENT. */
struct dir_target {
	uint32_t target;
	bool is_root, encrypted;
};
int store_dirent_find(struct btrfs_store *store, const struct store_inode *dir, uint32_t name,
		      struct dir_target *out);
int store_dirent_add(struct btrfs_store *store, struct store_inode *dir, uint32_t name,
		     struct dir_target target);
/* `index` is the number of its DIR_INDEX item. */
int store_dirent_remove(struct btrfs_store *store, struct store_inode *dir, uint32_t name,
			uint32_t index);
/* The names that an inode has in one directory are one INODE_REF item. 0 or -EMLINK. */
int store_ref_add(struct btrfs_store *store, const struct store_inode *inode,
		  const struct store_inode *dir, uint32_t name, uint32_t index);
/* The index that goes with a name; it must be there. */
uint32_t store_ref_index(struct btrfs_store *store, const struct store_inode *inode,
			 const struct store_inode *dir, uint32_t name);
void store_ref_remove(struct btrfs_store *store, const struct store_inode *inode,
		      const struct store_inode *dir, uint32_t name);
/* The number that the next name of the directory gets. */
uint32_t store_dir_index(struct btrfs_store *store, struct store_inode *dir);
struct item store_inode_item(const struct store_inode *inode);
bool store_dir_is_empty(struct btrfs_store *store, const struct store_inode *dir);
/* Takes one name away; with the last one the inode becomes an orphan. */
void store_unlink_name(struct btrfs_store *store, struct store_inode *dir,
		       struct store_inode *inode, uint32_t name);
/* store_subvol.c: enters the name of a root. */
void store_name_root(struct btrfs_store *store, struct root *root, struct store_inode *dir,
		     uint32_t name);
uint64_t store_inode_id(uint32_t root, uint32_t ino);

/* store_holes.c: the maps of holes that the kernel has in its cache */
/* The map of a hole at `at`: that which is there, or a new one up to `end`, where an item lies or no more
 * was asked for. Returns its end. */
uint64_t holes_load(struct store_inode *inode, uint64_t at, uint64_t end);
/* A map for what has become a hole; none for what is no hole, or not known. */
void holes_replace(struct store_inode *inode, uint64_t start, uint64_t end);
void holes_drop(struct store_inode *inode, uint64_t start, uint64_t end);
/* btrfs_cont_expand(): before the file grows to `size`. */
void holes_expand(struct btrfs_store *store, struct store_inode *inode, uint64_t size);

/* store_items.c */
struct drop_extents {
	uint32_t start, end; /* blocks */
	bool replace; /* an item of `item_bytes` will take the place */
	uint32_t item_bytes;
	const struct item *item; /* inserted on the way if the leaf at hand has room */
	bool inserted; /* result */
};
void items_drop_extents(struct btrfs_store *store, struct store_inode *inode,
			struct drop_extents *args);
struct item items_make_extent(const struct btrfs_store *store, uint32_t ino, uint32_t start,
			      uint32_t blocks, store_extent extent, uint32_t extent_start,
			      unsigned int type, bool encrypted);
/* Drops what lies in the item's range and inserts it with its reference. */
int items_replace(struct btrfs_store *store, struct store_inode *inode, const struct item *item);
/* As btrfs_replace_file_extents: drop, give up the path, search again, insert. `from`: start of the
 * range dropped; `item` NULL: only drop up to `end`; `context`: that of the item it is cloned from,
 * NULL: the extent's own. Both return 0, or -EEXIST for a context in the way (a fault). */
int items_replace_range(struct btrfs_store *store, struct store_inode *inode, uint32_t from,
			uint32_t end, const struct item *item, const struct item *context);
void items_mark_written(struct btrfs_store *store, struct store_inode *inode, uint32_t start,
			uint32_t end);
/* Removes the contexts of items that start in [start, end). */
void items_contexts_remove(struct btrfs_store *store, struct root *root, uint32_t ino,
			   uint32_t start, uint32_t end);
/* store_shrink.c: btrfs_truncate_inode_items(); `all` removes every item of the inode. */
void items_truncate(struct btrfs_store *store, struct root *root, uint32_t ino, uint64_t size,
		    bool all);
/* The item that covers `block`, or the next one up to `end`; false if none. */
bool items_find(struct btrfs_store *store, const struct store_inode *inode, uint32_t block,
		struct path *path, struct item *out);
bool items_next(struct btrfs_store *store, const struct store_inode *inode, struct path *path,
		struct item *out);
/* How far the extent map under `offset` reaches, neighbours that go on on disk included, at most to
 * `end`. *hole: no item covers it. */
uint64_t items_map_end(struct btrfs_store *store, const struct store_inode *inode, uint64_t offset,
		       uint64_t end, struct item *item, bool *hole);
/* The context that an item at `block` is to have. */
struct item items_make_context(const struct btrfs_store *store, uint32_t ino, uint32_t block,
			       store_extent extent);
/* NULL: there is none. */
struct item *items_context_at(struct btrfs_store *store, uint32_t root, uint32_t ino,
			      uint32_t block);
/* Whether contexts are treated as the posted series does. */
static inline bool contexts_faulty(const struct btrfs_store *store)
{
	return store->options.fault_context_not_copied &&
	       store->options.context_layout == STORE_CONTEXT_SEPARATE;
}

/* store_plan.c */
void store_call_born(struct btrfs_store *store, const struct store_inode *inode,
		     store_extent extent, store_extent copy_of, uint64_t offset);

/* store_content.c */
void contents_init(struct btrfs_store *store);
void contents_free(struct btrfs_store *store);
/* A block of `old` whose bytes from `from` to `to` are those of a block of `new`. */
store_content content_overlaid(struct btrfs_store *store, store_content old, uint64_t from,
			       uint64_t to, store_content new);
/* What a block of an extent holds, counted in what is in it before it is compressed. */
store_content content_in_extent(const struct btrfs_store *store, store_extent nr, uint32_t block);
/* `n` blocks of an extent of `blocks` get a content. */
void content_fill(struct btrfs_store *store, store_extent nr, uint32_t blocks, uint32_t first,
		  uint32_t n, store_content content);
/* Before the extent goes; when it is copied. */
void content_forget(struct btrfs_store *store, store_extent nr);
void content_copy(struct btrfs_store *store, store_extent from, store_extent to, uint32_t blocks);
/* What the block of a file at `offset` holds on disk, and where it is if that settles it; 0: nowhere. */
store_content content_in_file(struct btrfs_store *store, const struct store_inode *inode,
			      uint64_t offset, uint64_t *place);

/* store_delalloc.c */
void delalloc_set(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		  uint64_t end, store_content content, bool defrag);
void delalloc_clear(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		    uint64_t end);
/* Dirties the block of `from`, as [from, to) of it is to be zeros. */
void delalloc_zero(struct btrfs_store *store, struct store_inode *inode, uint64_t from, uint64_t to,
		   struct store_dirtied *dirtied);
/* btrfs_truncate_block(): dirties the block of `offset` if it cuts through one, for what lies behind it, or
 * before it, to be zeros. */
void delalloc_zero_behind(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			  struct store_dirtied *dirtied);
void delalloc_zero_before(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			  struct store_dirtied *dirtied);
/* What all of the dirty range holds; unique if part of it is. */
store_content delalloc_content(const struct store_inode *inode, uint64_t start, uint64_t end);
bool delalloc_has_defrag(const struct store_inode *inode, uint64_t start, uint64_t end);
bool delalloc_overlaps(const struct store_inode *inode, uint64_t start, uint64_t end);

#endif
