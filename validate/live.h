/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live, private: filesystems of this machine's kernel, what an operation script does to one, and the
 * layout that it is left in, in the form of the model's own dumps.
 */
#ifndef VALIDATE_LIVE_H
#define VALIDATE_LIVE_H

#include "validate/recording.h"

/* ---- live_mount.c ---- */

/** How to make and mount a filesystem; lists end with NULL. */
struct live_fs_kind {
	const char *type;
	const char *const *mkfs; /* the command and its options */
	const char *const *mount; /* name, value, name, value … */
	uint64_t bytes; /* of the file that it lies on, which is sparse */
};
/** A fresh filesystem. It is mounted nowhere, and its file and loop device have no other user: whatever
 * ends the process, nothing of it stays. */
struct live_fs {
	int root; /* the top directory */
	int mount;
	char *device;
};
/** Makes one; NULL with an error. Needs root. */
struct live_fs *live_fs_new(const struct live_fs_kind *kind, GError **error);
void live_fs_free(struct live_fs *fs);
/** Why such a filesystem can't be had on this machine; NULL: it can. The caller frees. */
char *live_fs_missing(const struct live_fs_kind *kind);

/** The source of what is expected. The caller frees. */
char *live_source(const char *filesystem);

/* ---- live_search.c ---- */

struct btrfs_ioctl_search_header;
struct btrfs_disk_key;
/** A key of a btree of btrfs. */
struct live_key {
	uint64_t objectid;
	uint32_t type;
	uint64_t offset;
};
typedef void (*live_item_fn)(void *arg, const struct live_key *key, const guint8 *data,
			     uint32_t bytes);
/** Calls `fn` for each item from `low` to `high` of the tree (0: fd's subvolume). Returns 0 or -errno. */
int live_tree_search(int fd, uint64_t tree, struct live_key low, const struct live_key *high,
		     live_item_fn fn, void *arg);
/** The id of the subvolume that the file is in; 0 if it can't be told. */
uint64_t live_subvolume_of(int fd);

/* ---- live_play.c ---- */

/** Does a script's operations below a directory, each as one or a few system calls on a file opened for
 * it, unless the script holds it open. */
struct live_player {
	int root;
	GPtrArray *tracked; /* char *: the files that dumps show */
	GHashTable *held; /* name → fd */
	int pattern; /* the byte written; negative: drawn ones */
	uint64_t random; /* state of the draws of what is written */
	guint8 *buffer; /* aligned for direct I/O */
	uint64_t buffer_bytes;
	GHashTable *keys; /* name → struct fscrypt_key_specifier * */
	GString *outcome; /* of an operation, where it is more than its errno; else empty */
};
struct live_player *live_player_new(int root);
void live_player_free(struct live_player *player);
/** Whether the operation can be done on a real filesystem. */
bool live_can(enum script_code code);
/** Returns 0, for dedupe a status that may be positive, or -errno; what else there is to tell is in
 * player->outcome. */
int live_do(struct live_player *player, const struct script_op *op);

/* ---- live_keys.c ---- */

/** Operations on keys and policies, done like the others. */
bool live_is_key_op(enum script_code code);
int live_do_key(struct live_player *player, const struct script_op *op);

/* ---- live_layout.c ---- */

/** Ids of disk extents over the dumps of a script, in the order in which they are first met. */
struct live_numbers;
struct live_numbers *live_numbers_new(void);
void live_numbers_free(struct live_numbers *numbers);
/** Syncs, and sets files and disk extents in `step`. Returns 0 or -errno. */
int live_layout(const struct live_player *player, struct live_numbers *numbers, json_t *step);

/* ---- live_record.c ---- */

/** A script as lines, and how the filesystem is mounted. */
struct live_script {
	char *name;
	GPtrArray *lines; /* char * */
	bool compress;
	bool limit_dirty; /* background writeback begins early */
};
/** An empty one. */
struct live_script *live_script_new(const char *name, bool compress);
void live_script_free(struct live_script *script);
struct live_script *live_script_copy(const struct live_script *script);
/** The lines as a file has them. */
char *live_script_text(const struct live_script *script);

/** The btrfs that scripts are recorded on. */
const struct live_fs_kind *live_btrfs_kind(bool compress);
/** What a real btrfs makes of the script: the steps of a recording. NULL with an error. */
json_t *live_record(const struct live_script *script, const struct validate_options *options,
		    GError **error);
/** What the model makes of it; `sets` as scenario_load() takes them, or NULL. */
json_t *live_model(const struct live_script *script, const char *const *sets,
		   const struct validate_options *options, GError **error);

/* ---- live_random.c ---- */

/** Names of the profiles that scripts are drawn by; NULL past the last. */
const char *live_profile_name(size_t i);
/** The script of a seed: the same everywhere. `operations` 0: as many as the profile has. */
struct live_script *live_draw(size_t profile, uint64_t seed, uint32_t operations);

/* ---- live_shrink.c ---- */

/** What is different about a script, in words; NULL: nothing. */
typedef char *(*live_differ_fn)(void *arg, const struct live_script *script);
/** A shorter script that is still different, found in at most `runs` tries; takes `script` over. It ends
 * with a dump, before which the difference was not seen. */
struct live_script *live_shrink(struct live_script *script, live_differ_fn differ, void *arg,
				uint32_t runs);

/* ---- live_writeback.c ---- */

/** Sets a small limit to what the btrfs may have dirty. */
bool live_limit_dirty(int root, GError **error);
/** Adds checks of the number of extents that background writeback makes. */
bool live_check_writeback(const struct validate_options *options, struct validate_report *report,
			  const char *source, GError **error);

/* ---- live_fscrypt.c ---- */

/** The ext4 that keys are tried on. */
const struct live_fs_kind *live_ext4_kind(void);
/** The script with what came of each operation on a real ext4, `OP -> OUTCOME`. NULL with an error. */
struct live_script *live_outcomes(const struct live_script *script, GError **error);
/** Runs the script in the model under design inode. False with an error. */
bool live_model_run(const struct live_script *script, const struct validate_options *options,
		    struct world_outcome *outcome, GError **error);
/** An operation that came to another outcome in the model than expected. */
struct live_unexpected {
	unsigned int line; /* 0: of no line */
	char text[200];
};
/** All of them, struct live_unexpected *; NULL with an error. */
GPtrArray *live_unexpected(const struct live_script *outcomes,
			   const struct validate_options *options, GError **error);

/* ---- live_fscrypt_random.c ---- */

/** The script of a seed on keys that come and go. */
struct live_script *live_draw_keys(uint64_t seed);
/** Adds a check of the outcomes of random ones. */
bool live_check_random_keys(const struct validate_options *options, struct validate_report *report,
			    const char *source, GError **error);

/* ---- live_trace.c ---- */

/** Looks on at what the calling thread does: fscrypt_inode_info and other small objects allocated, pages
 * with the stack of their allocation, reads handed over to be decrypted. NULL with an error. */
struct live_trace *live_trace_new(GError **error);
void live_trace_free(struct live_trace *trace);
/** Forgets what was seen so far. */
bool live_trace_begin(const struct live_trace *trace, GError **error);
/** What was seen since, as text. NULL with an error; the caller frees. */
char *live_trace_take(const struct live_trace *trace, GError **error);

/* ---- live_fscrypt_counts.c ---- */

/** Adds checks of how many objects operations make. */
bool live_check_counts(const struct validate_options *options, struct validate_report *report,
		       const char *source, GError **error);

#endif
