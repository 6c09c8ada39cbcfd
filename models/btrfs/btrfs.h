/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btrfs: the filesystem. On-disk structure (store.h, private) with time, memory, locks and I/O on
 * top: page cache, delalloc, writeback, ordered extents, transactions, the extent-map cache, reads.
 *
 * Every operation runs in a task and returns 0 or a negative errno, as in the kernel. What a
 * filesystem with encrypted extents must ask its crypto code stands in struct btrfs_crypt_ops; the
 * floor above registers one.
 */
#ifndef BTRFS_H
#define BTRFS_H

#include "models/kernel/kernel.h"

struct btrfs_fs;
struct btrfs_inode;
struct btrfs_file; /* an open file description */
struct fscrypt_extent_info; /* per-extent crypto state; defined by the floor above */

/* ---- calls up to the crypto code ------------------------------------------------------------ */

/** One bio's worth of an encrypted data extent; also an extent at its birth. */
struct btrfs_crypt_io {
	struct btrfs_inode *inode; /* NULL: reached from the disk alone (scrub, relocation) */
	struct fscrypt_extent_info *info;
	uint32_t extent; /* disk extent handle */
	uint32_t extent_block; /* first block, counted from the start of the disk extent */
	uint32_t file_block;
	uint32_t physical_block;
	uint32_t blocks;
	bool summed; /* the file has data checksums, and so room for tags */
	bool in_place; /* overwrites ciphertext that is live under the same extent (nocow, prealloc) */
};

/** What an extent remembers of how its blocks were sealed: the truth, whatever a design thinks. */
struct btrfs_seal {
	uint64_t nonce;
	uint32_t key; /* 0: plain */
	uint32_t iv_base; /* what the IV of the extent's block 0 counts from */
};

/** The context that the tree holds for a file extent item. */
struct btrfs_context {
	bool present; /* false: the item says encrypted, and no context is found */
	uint64_t nonce;
	uint32_t key;
};

/** An extent that is reached by a back reference, with no inode in hand. */
struct store_backref;
struct btrfs_check_counts;
struct btrfs_backref {
	struct btrfs_context context; /* of the file extent item behind it */
	struct store_backref *item;
	struct btrfs_check_counts *counts;
};

/** What a bio under way holds of the crypto code's. */
struct btrfs_crypt_request {
	bool write;
	uint32_t bounce_pages;
	uint32_t slot;
	void *at;
};

/** What the crypto code is told for its histories. */
enum btrfs_note { BTRFS_NOTE_DIRTIED, BTRFS_NOTE_LOST };

struct btrfs_crypt_ops {
	/** fscrypt_file_open() / fscrypt_get_encryption_info(): -ENOKEY when the key is away. */
	int (*inode_setup)(struct kernel_task *task, void *crypt, struct btrfs_inode *inode);
	/** The rest of an open, of an inode that is set up. */
	int (*file_open)(struct kernel_task *task, void *crypt, struct btrfs_inode *inode);
	/** fscrypt_drop_inode(): the inode's key is not present, so that it should leave memory. */
	bool (*inode_unwanted)(void *crypt, const struct btrfs_inode *inode);
	/** The inode leaves memory: fscrypt_put_encryption_info(). */
	void (*inode_evict)(void *crypt, struct btrfs_inode *inode);
	/** The data extent `birth` is born for an encrypted inode: nonce and context; fills `seal`. */
	int (*extent_new)(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *birth,
			  struct btrfs_seal *seal, struct fscrypt_extent_info **info);
	/** An extent map is made from a file extent item that should have a context. */
	int (*extent_load)(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
			   uint32_t extent, const struct btrfs_context *context,
			   struct fscrypt_extent_info **info);
	void (*extent_get)(struct fscrypt_extent_info *info);
	/** The info for one more part of a map that is split, under a lock that forbids sleeping. */
	struct fscrypt_extent_info *(*extent_split)(struct fscrypt_extent_info *info);
	/** Gives a reference back; `atomic`: under such a lock. Takes no time: what follows from the
	 * last one waits for drain(). */
	void (*extent_put)(void *crypt, struct fscrypt_extent_info *info, bool atomic);
	/** Called where sleeping is allowed, after references were given back. */
	void (*drain)(struct kernel_task *task, void *crypt);
	/** CPU work of one bio before it is submitted: bounce pages, a keyed cipher, the blocks. Returns
	 * how many blocks it did, at least one, or -errno. `request` is given back at its end. */
	int (*encrypt)(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		       const struct btrfs_seal *seal, struct btrfs_crypt_request *request);
	/** Before a bio is submitted that will be decrypted. */
	int (*read_begin)(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
			  struct btrfs_crypt_request *request);
	/** The device is done with a bio; callable from a plain event. */
	void (*request_end)(void *crypt, struct btrfs_crypt_request *request);
	/** The CPU work after a read. Checked against `seal`; -EBADMSG: a tag does not agree. */
	int (*decrypt)(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		       const struct btrfs_seal *seal);
	/** The end of a bio that read_begin() began, whatever came of it. */
	void (*read_end)(void *crypt);
	/** Finds the key of an extent with no inode in hand; sets it up as far as that is done once an
	 * extent. -ENOKEY: it is not there, or can't be found out. The info is given back. */
	int (*extent_find)(struct kernel_task *task, void *crypt, uint32_t extent,
			   const struct btrfs_backref *ref, struct fscrypt_extent_info **info);
	/** Checks the tags of a bio's blocks, `tags` of which have one. 0 or -EBADMSG, or what setting
	 * a cipher up came to. */
	int (*verify)(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		      const struct btrfs_seal *seal, uint32_t tags);
	/** Only for the truth's books: takes no time. */
	void (*note)(void *crypt, enum btrfs_note what, const struct btrfs_inode *inode,
		     uint32_t extent, uint32_t file_block, uint32_t blocks, int err);
	/** Relocation moved an extent, or its last reference went: the same. */
	void (*extent_moved)(void *crypt, uint32_t from, uint32_t to, uint64_t nonce);
	void (*extent_freed)(void *crypt, uint32_t extent, uint64_t nonce);
	/** May extents of `from` be shared into `to`? 0, or the errno of the refusal. */
	int (*may_clone)(void *crypt, const struct btrfs_inode *from, const struct btrfs_inode *to);
	/** May a new inode be made under this key now? -ENOKEY; its set-up follows when it is opened. */
	int (*may_create)(void *crypt, uint32_t key);
	/** A file is about to be written whose directory gives what is new another key; under the inode's
	 * lock. An error is the write's. */
	int (*policy_adopt)(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
			    uint32_t key);
};

/* ---- a filesystem --------------------------------------------------------------------------- */

/** One file extent of an initial filesystem. */
struct btrfs_image_extent {
	uint64_t file_offset, bytes;
	bool is_inline, prealloc;
	uint64_t disk_id; /* same number: same disk extent; 0: one of its own */
	uint64_t extent_offset, disk_bytes, ram_bytes;
	uint8_t compression;
};
struct btrfs_image_inode {
	uint32_t parent; /* index below its own; UINT32_MAX: the top */
	const char *name;
	bool directory, symlink, nodatacow;
	uint64_t size;
	const struct btrfs_image_extent *extents; /* sorted by file offset, disjoint */
	size_t extent_count;
};
/** What a filesystem holds when it is mounted. Not owned; needed during btrfs_mount() only. */
struct btrfs_image {
	const struct btrfs_image_inode *inodes;
	size_t count;
};

struct btrfs_config {
	uint32_t context_bytes; /* stored per encrypted extent item; 0: none */
	bool context_separate; /* an item of its own (key type 42) instead of appended */
	bool context_prefix; /* appended behind a 4-byte length */
	bool load_locked; /* a context is loaded while its leaf is read-locked (series of 2023) */
	bool encrypts; /* files under a policy are encrypted */
	uint32_t tag_bytes; /* kept with each encrypted block that has a checksum; 0: no tags */
	bool tag_replaces_csum; /* such a block has a tag and no checksum */
	uint32_t data_mirrors; /* copies of data, each on a device of its own; 0 is 1 */
	bool fault_leaked_info; /* read repair keeps its reference to the extent's info */
	bool fault_context_not_copied; /* at a split or front trim, a context item of its own */
	bool fault_evict_dirty; /* fscrypt_drop_inode() does not look whether the inode is dirty */
	bool compress; /* mount -o compress=zstd */
	bool buffer_direct_writes; /* of files with data checksums, as since 6.15 */
	const struct btrfs_image *image; /* initial content; NULL: empty */
	uint32_t image_key; /* its files are encrypted under this key; 0: plain */
	bool mixed_trees; /* the top of a plain subvolume may get a policy, its files follow at first
			   * write: needs a context per extent */
	bool leaf_borrows; /* regular files store no context item: they go by their directory's */
};
#define BTRFS_ERROR btrfs_error_quark()
GQuark btrfs_error_quark(void);
struct btrfs_fs *btrfs_mount(struct machine *machine, const struct btrfs_config *config,
			     GError **error);
void btrfs_free(struct btrfs_fs *fs);
struct machine *btrfs_machine(const struct btrfs_fs *fs);
/** Crypto state that hangs on extent maps comes to memory or goes: for the books of what a cached extent
 * costs. */
void btrfs_account_extent_state(struct btrfs_fs *fs, int64_t bytes);
void btrfs_set_crypt(struct btrfs_fs *fs, const struct btrfs_crypt_ops *ops, void *crypt);
/** Counts start here: what was done to make the initial filesystem is not the run's. */
void btrfs_report(struct btrfs_fs *fs, struct sim_metrics *metrics);
extern const struct sim_metric_def *const btrfs_metric_defs[], *const btrfs_check_metric_defs[];

/* ---- inodes, as the floor above sees them ----------------------------------------------------- */

uint64_t btrfs_inode_number(const struct btrfs_inode *inode);
/** A number that an inode shares with its copies in snapshots and with nothing else: what the nonce in
 * its own context is to the kernel. Another one after its policy was replaced. */
uint64_t btrfs_inode_birth(const struct btrfs_inode *inode);
/** Subvolume and inode number, as dumps show them. */
uint32_t btrfs_inode_root(const struct btrfs_inode *inode);
uint32_t btrfs_inode_ino(const struct btrfs_inode *inode);
/** Brings the extent maps of the whole file into the cache. 0 or -errno. */
int btrfs_load_extents(struct kernel_task *task, struct btrfs_inode *inode);
/** Is this block of a disk extent reached through a file extent item of any subvolume, other than at
 * `file_block` of `inode`? Walks every reference: for the truth, not for a path. */
bool btrfs_block_shared(struct btrfs_fs *fs, uint32_t extent, uint32_t extent_block,
			const struct btrfs_inode *inode, uint32_t file_block);
/** Calls `fn` for each cached extent map that has an info. */
void btrfs_for_each_info(struct btrfs_fs *fs, void (*fn)(struct fscrypt_extent_info *, void *),
			 void *arg);
/** Searches for the context of the inode that a back reference leads to: its policy's key, and what
 * stands for the nonce (btrfs_inode_birth()). 0 or -ENOENT. */
int btrfs_backref_policy(struct kernel_task *task, struct btrfs_fs *fs,
			 const struct btrfs_backref *ref, uint32_t *key, uint64_t *birth);
/** Where the block lies in the file behind a back reference. */
uint32_t btrfs_backref_file_block(const struct btrfs_backref *ref, uint32_t extent_block);
bool btrfs_inode_is_dir(const struct btrfs_inode *inode);
/** The key number of the inode's policy on disk; 0: not encrypted. */
uint32_t btrfs_inode_policy(const struct btrfs_inode *inode);
uint32_t btrfs_inode_opens(const struct btrfs_inode *inode);
struct btrfs_inode *btrfs_inode_parent(const struct btrfs_inode *inode);
void btrfs_inode_set_crypt(struct btrfs_inode *inode, void *info);
void *btrfs_inode_crypt(const struct btrfs_inode *inode);
uint64_t btrfs_inode_size(const struct btrfs_inode *inode);
/** Takes the inode out of memory if nobody uses it and nothing of it is dirty. */
bool btrfs_inode_try_evict(struct btrfs_inode *inode);
/** Calls `fn` for every inode in memory, oldest first, pinned meanwhile: `fn` may wait. */
void btrfs_for_each_inode(struct btrfs_fs *fs, void (*fn)(struct btrfs_inode *, void *), void *arg);
/** The same, and evicts those for which it says true if that can be. A directory can go only after what
 * is below it: while some went, `fn` is called again for those that stayed. */
void btrfs_evict_inodes(struct btrfs_fs *fs, bool (*fn)(struct btrfs_inode *, void *), void *arg);

/* ---- operations ------------------------------------------------------------------------------- */

enum btrfs_open_flags {
	BTRFS_O_CREAT = 1,
	BTRFS_O_TRUNC = 2,
	BTRFS_O_DIRECT = 4,
	BTRFS_O_DIRECTORY = 16, /* a directory is wanted, or a file: whichever it is */
	BTRFS_O_EXCL = 8,
};
int btrfs_open(struct kernel_task *task, struct btrfs_fs *fs, const char *path, unsigned flags,
	       struct btrfs_file **file);
/** The regular files of the initial image, for actors that choose by number. */
uint32_t btrfs_image_files(const struct btrfs_fs *fs);
/** Size that such a file had in the image. */
uint64_t btrfs_image_file_bytes(const struct btrfs_fs *fs, uint32_t number);
/** Its path below the top; a snapshot of the top has the same. */
const char *btrfs_image_file_path(const struct btrfs_fs *fs, uint32_t number);
int btrfs_open_image_file(struct kernel_task *task, struct btrfs_fs *fs, uint32_t number,
			  unsigned flags, struct btrfs_file **file);
void btrfs_close(struct kernel_task *task, struct btrfs_file *file);
struct btrfs_inode *btrfs_file_inode(const struct btrfs_file *file);
/** What a write puts into its range: 0 is unlike anything else, 1 + N the byte N repeated. */
int btrfs_write_content(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
			uint64_t len, uint16_t content);
int btrfs_read(struct kernel_task *task, struct btrfs_file *file, uint64_t offset, uint64_t len);
int btrfs_write(struct kernel_task *task, struct btrfs_file *file, uint64_t offset, uint64_t len);
int btrfs_fsync(struct kernel_task *task, struct btrfs_file *file);
int btrfs_truncate(struct kernel_task *task, struct btrfs_file *file, uint64_t size);
int btrfs_punch_hole(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		     uint64_t len);
int btrfs_zero_range(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		     uint64_t len);
int btrfs_fallocate(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		    uint64_t len, bool keep_size);
int btrfs_clone_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		      uint64_t len, struct btrfs_file *to, uint64_t to_offset);
/** FIDEDUPERANGE: 0 and the bytes deduped, or 1 (FILE_DEDUPE_RANGE_DIFFERS). */
int btrfs_dedupe_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		       uint64_t len, struct btrfs_file *to, uint64_t to_offset, uint64_t *done);
int btrfs_defrag_file(struct kernel_task *task, struct btrfs_file *file, uint64_t threshold);
int btrfs_set_nocow(struct kernel_task *task, struct btrfs_file *file);
/*
 * Names. A directory whose policy's key is away is locked: a name that was encrypted is found by its
 * no-key form only, written "~NAME", and by nothing else (-ENOENT, a refusal); none can be entered
 * (-ENOKEY).
 */
int btrfs_unlink(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
/** Subvolumes go by btrfs_subvol_delete(): -EISDIR. */
int btrfs_rmdir(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
/** Moves a name over what may be there, or (RENAME_EXCHANGE) swaps two. -EXDEV between subvolumes, and
 * into a directory with another policy. */
int btrfs_rename(struct kernel_task *task, struct btrfs_fs *fs, const char *from, const char *to,
		 bool exchange);
int btrfs_link(struct kernel_task *task, struct btrfs_fs *fs, const char *path, const char *name);
int btrfs_stat(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
/** Reads a directory; `names` gets how many there are. */
int btrfs_list(struct kernel_task *task, struct btrfs_fs *fs, const char *path, uint32_t *names);
/** FS_IOC_GET_ENCRYPTION_POLICY: the key's number; 0: none. */
int btrfs_get_policy(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     uint32_t *key);
int btrfs_mkdir(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
int btrfs_subvol_create(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
int btrfs_snapshot(struct kernel_task *task, struct btrfs_fs *fs, const char *from,
		   const char *path);
/** BTRFS_IOC_SNAP_DESTROY: the name goes, and the cleaner drops the tree when it comes to it. */
int btrfs_subvol_destroy(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
/** The same, and waits until the tree is dropped and that committed (BTRFS_IOC_SYNC), unless inodes of
 * it are in use: the caller does the cleaner's work. */
int btrfs_subvol_delete(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
/** BTRFS_BALANCE_DATA. -EIO: data that can't be read stays where it is, and with it the rest. */
int btrfs_balance(struct kernel_task *task, struct btrfs_fs *fs);
/** BTRFS_IOC_SCRUB of every device that holds data. -EINPROGRESS. */
int btrfs_scrub(struct kernel_task *task, struct btrfs_fs *fs);
/** Flips data on the first mirror of a file's range, below the filesystem: what is written there next
 * heals it. Data must be on disk. -ENOENT and the like. */
int btrfs_corrupt(struct btrfs_fs *fs, const char *path, uint64_t offset, uint64_t len);
int btrfs_sync_fs(struct kernel_task *task, struct btrfs_fs *fs);
/** Sets the encryption policy of an empty directory, or of the top of a subvolume where trees may be
 * mixed; -EEXIST if it has another one. `has_key`: the caller has added the key, without which nothing but
 * the policy that is there already can be set: -ENOKEY. */
int btrfs_set_policy(struct kernel_task *task, struct btrfs_fs *fs, const char *path, uint32_t key,
		     bool has_key);
/** sync; echo 3 > drop_caches. */
void btrfs_drop_caches(struct kernel_task *task, struct btrfs_fs *fs);

/* ---- replacing policies: policy.c, policy_walk.c ----------------------------------------------- */

/** What it took; counts are added. */
struct btrfs_policy_books {
	uint64_t items; /* context items, or items of policies, changed or inserted */
	uint64_t
		transactions; /* handles joined for that; those of data written anew not included */
	uint64_t rewritten_bytes;
	sim_ns locked_ns; /* inode locks held, summed over the inodes */
};
/** One inode's policy, to be replaced. */
struct btrfs_policy_change {
	struct btrfs_inode *inode;
	uint32_t key;
	uint64_t birth; /* from btrfs_new_birth() */
	bool drop_maps; /* cached extent maps are bound by the old rule */
	/** Called at the instant of the change, which it may refuse with an errno; must not wait. */
	int (*at_change)(void *arg);
	void *arg;
	uint64_t items; /* changed by it */
	int err; /* what came of it */
};
enum btrfs_old_data { BTRFS_NO_DATA, BTRFS_PLAIN_DATA, BTRFS_ENCRYPTED_DATA };

/** The inode at a path, for a call on it that needs no open file; pinned. */
int btrfs_get_inode(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		    struct btrfs_inode **inode);
void btrfs_put_inode(struct btrfs_inode *inode);
/** Draws the nonce of an inode's next context. */
uint64_t btrfs_new_birth(struct kernel_task *task, struct btrfs_fs *fs);
/** i_rwsem, for write. */
void btrfs_lock_inode(struct kernel_task *task, struct btrfs_inode *inode);
void btrfs_unlock_inode(struct kernel_task *task, struct btrfs_inode *inode);
/** Writes everything back and waits: btrfs_wait_ordered_range() over the file. */
int btrfs_flush_inode(struct kernel_task *task, struct btrfs_inode *inode);
/** Waits for the buffered reads that are under way. */
void btrfs_wait_reads(struct kernel_task *task, struct btrfs_inode *inode);
/** Waits for the ordered extents that are under way, and flushes nothing. */
void btrfs_wait_writes(struct kernel_task *task, struct btrfs_inode *inode);
/** What the file extent items say: encrypted if one of them is, preallocated ones included. */
enum btrfs_old_data btrfs_old_data(struct kernel_task *task, struct btrfs_inode *inode);
bool btrfs_dir_is_empty(struct btrfs_inode *dir);
/** Replaces the policy of an inode that the caller has locked, in a transaction of its own. */
int btrfs_replace_policy(struct kernel_task *task, struct btrfs_policy_change *change,
			 struct btrfs_policy_books *books);
/** The same for several inodes in one transaction, each locked for its change alone. One that was locked
 * by another or is dirty gets -EBUSY in its `err`: its lock must not be waited for here. */
int btrfs_replace_policies(struct kernel_task *task, struct btrfs_fs *fs,
			   struct btrfs_policy_change *change, size_t count,
			   struct btrfs_policy_books *books);
/** Reads the encrypted extents of a locked inode and writes them anew, as new extents; preallocated ones
 * are made anew. `readable` says after each read whether it can have succeeded. */
int btrfs_rewrite_encrypted(struct kernel_task *task, struct btrfs_inode *inode,
			    bool (*readable)(void *arg), void *arg,
			    struct btrfs_policy_books *books);
/** Gives all files another key that share the policy of the directory, by changing the one item of that
 * policy: contexts name a policy, not a key. Directories stay under the key of their names. */
int btrfs_replace_policy_item(struct kernel_task *task, struct btrfs_inode *dir, uint32_t key,
			      int (*at_change)(void *arg), void *arg,
			      struct btrfs_policy_books *books);
/** Do both share one policy, not merely its key? */
bool btrfs_same_policy(const struct btrfs_inode *a, const struct btrfs_inode *b);
/** What is created below the directory from now on is under another key; files that exist follow when
 * they are next written, by way of policy_adopt(). The nearest directory with such a key decides. */
int btrfs_set_policy_for_new(struct kernel_task *task, struct btrfs_inode *dir, uint32_t key,
			     struct btrfs_policy_books *books);
/** Calls `fn` for the path of every file below a directory, as a program finds them. The first error of a
 * directory that could not be read. */
int btrfs_walk_paths(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     void (*fn)(struct kernel_task *task, const char *path, void *arg), void *arg);
/** Calls `fn` for the files below a directory, `most` at a time, pinned: by inode number, so that no
 * directory's key is needed. */
void btrfs_walk_inodes(struct kernel_task *task, struct btrfs_inode *top, uint32_t most,
		       void (*fn)(struct kernel_task *task, struct btrfs_inode **inodes,
				  size_t count, void *arg),
		       void *arg);
/** Which encrypted files to count; 0: of any. */
struct btrfs_file_filter {
	uint32_t policy, key;
};
/** The number of a policy that an inode's context names. */
uint32_t btrfs_inode_policy_number(const struct btrfs_inode *inode);
/** Counts files below a directory, given as btrfs_inode_number() says it; 0: all there are. For the
 * books: takes no time. */
uint64_t btrfs_count_files(struct btrfs_fs *fs, uint64_t dir,
			   const struct btrfs_file_filter *filter);
/** Tells the encrypted data of all files below a directory, item by item: the key of the file's policy and
 * the key that the extent was sealed under. Preallocated space is not data. For the books, as above. */
void btrfs_tell_data(struct btrfs_fs *fs, uint64_t dir,
		     void (*fn)(void *arg, uint32_t file_key, uint32_t extent_key, uint64_t bytes),
		     void *arg);

/* ---- dumps ------------------------------------------------------------------------------------ */

/** Numbers disk extents by first appearance over the dumps of one run. */
struct btrfs_dump;
struct btrfs_dump *btrfs_dump_new(struct btrfs_fs *fs);
void btrfs_dump_free(struct btrfs_dump *dump);
/** Appends the layout of these files as JSON members; everything must be on disk. */
void btrfs_dump(struct btrfs_dump *dump, const char *const *paths, size_t count, GString *out);

#endif
