/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much there is to a variant, as a run has met it: the lock classes and allocation sites of the
 * crypto code while it works for an open, for I/O, or at an extent's end, the functions of design and
 * set-up that were called, and the states in which objects were seen. It counts parts and not
 * difficulty, and a part that the workload did not reach is not counted.
 */
#include "models/fscrypt/internal.h"

enum { STATE_BITS = 8, STATE_WORD_BITS = 64 };

static const char *const section_names[SIM_SECTIONS] = {
	[SECTION_OPEN] = "open", [SECTION_IO] = "io", [SECTION_END] = "end"};
static const char *const object_names[OBJECTS] = {[OBJECT_EXTENT_INFO] = "extent_info",
						  [OBJECT_INODE_INFO] = "inode_info",
						  [OBJECT_MASTER_KEY] = "master_key",
						  [OBJECT_CIPHER] = "cipher"};

/* ---- states ---- */

static void see(struct fscrypt *fc, enum fscrypt_object object, const bool *flags, uint32_t count)
{
	uint32_t state = 0;

	g_assert(count <= STATE_BITS);
	for (uint32_t i = 0; i < count; i++)
		state |= (uint32_t)flags[i] << i;
	fc->complexity.state[object][state / STATE_WORD_BITS] |= UINT64_C(1)
								 << state % STATE_WORD_BITS;
}

void complexity_cipher(struct fscrypt *fc, bool keyed, uint32_t users)
{
	const bool flags[] = {keyed, users > 0, users > 1};

	see(fc, OBJECT_CIPHER, flags, G_N_ELEMENTS(flags));
}

static void see_key(struct fscrypt *fc, const struct master_key *key)
{
	const bool flags[] = {key->status == KEY_PRESENT,
			      key->status == KEY_INCOMPLETELY_REMOVED,
			      key->secret,
			      key->unlocked_inodes > 0,
			      key->extents > 0,
			      key->setup != NULL};

	see(fc, OBJECT_MASTER_KEY, flags, G_N_ELEMENTS(flags));
}

static void see_inode(struct fscrypt *fc, const struct btrfs_inode *inode)
{
	const struct inode_info *info = inode ? btrfs_inode_crypt(inode) : NULL;

	if (!info)
		return;
	see(fc, OBJECT_INODE_INFO,
	    (const bool[]){info->shared != NULL, info->setup != NULL, info->before != NULL,
			   info->converting, info->after != NULL},
	    5);
	see_key(fc, info->key);
}

static void see_info(struct fscrypt *fc, const struct fscrypt_extent_info *info)
{
	if (!info)
		return;
	see(fc, OBJECT_EXTENT_INFO,
	    (const bool[]){info->refs > 1, info->kept > 0, info->owner != NULL, info->joined_key,
			   info->prepared, info->preparing, info->setup != NULL, info->freed},
	    STATE_BITS);
	if (info->key) /* none was found for it */
		see_key(fc, info->key);
}

/* ---- what the filesystem calls ---- */

static struct sim *enter(struct fscrypt *fc, enum fscrypt_section section)
{
	struct sim *sim = machine_sim(fc->machine);

	sim_section_enter(sim, section);
	return sim;
}

static int inode_setup(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct sim *sim = enter(crypt, SECTION_OPEN);
	int err = fscrypt_btrfs_ops.inode_setup(task, crypt, inode);

	sim_section_leave(sim);
	see_inode(crypt, inode);
	return err;
}

static int file_open(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct sim *sim = enter(crypt, SECTION_OPEN);
	int err = fscrypt_btrfs_ops.file_open(task, crypt, inode);

	sim_section_leave(sim);
	see_inode(crypt, inode);
	return err;
}

static void inode_evict(void *crypt, struct btrfs_inode *inode)
{
	struct sim *sim = enter(crypt, SECTION_END);

	see_inode(crypt, inode);
	fscrypt_btrfs_ops.inode_evict(crypt, inode);
	sim_section_leave(sim);
}

static int extent_new(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *birth,
		      struct btrfs_seal *seal, struct fscrypt_extent_info **info)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err = fscrypt_btrfs_ops.extent_new(task, crypt, birth, seal, info);

	sim_section_leave(sim);
	see_inode(crypt, birth->inode);
	see_info(crypt, err ? NULL : *info);
	return err;
}

static int extent_load(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
		       uint32_t extent, const struct btrfs_context *context,
		       struct fscrypt_extent_info **info)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err = fscrypt_btrfs_ops.extent_load(task, crypt, inode, extent, context, info);

	sim_section_leave(sim);
	see_inode(crypt, inode);
	see_info(crypt, err ? NULL : *info);
	return err;
}

static void extent_put(void *crypt, struct fscrypt_extent_info *info, bool atomic)
{
	struct sim *sim = enter(crypt, SECTION_END);

	see_info(crypt, info);
	fscrypt_btrfs_ops.extent_put(crypt, info, atomic);
	sim_section_leave(sim);
}

static void drain(struct kernel_task *task, void *crypt)
{
	struct sim *sim = enter(crypt, SECTION_END);
	struct fscrypt *fc = crypt;

	see_info(fc, fc->pending);
	fscrypt_btrfs_ops.drain(task, crypt);
	sim_section_leave(sim);
}

static int encrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal, struct btrfs_crypt_request *request)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int done;

	see_info(crypt, io->info);
	done = fscrypt_btrfs_ops.encrypt(task, crypt, io, seal, request);
	sim_section_leave(sim);
	see_info(crypt, io->info);
	return done;
}

static int read_begin(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		      struct btrfs_crypt_request *request)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err = fscrypt_btrfs_ops.read_begin(task, crypt, io, request);

	sim_section_leave(sim);
	return err;
}

static int decrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err;

	see_info(crypt, io->info);
	err = fscrypt_btrfs_ops.decrypt(task, crypt, io, seal);
	sim_section_leave(sim);
	see_info(crypt, io->info);
	return err;
}

static int extent_find(struct kernel_task *task, void *crypt, uint32_t extent,
		       const struct btrfs_backref *ref, struct fscrypt_extent_info **info)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err = fscrypt_btrfs_ops.extent_find(task, crypt, extent, ref, info);

	sim_section_leave(sim);
	see_info(crypt, err ? NULL : *info);
	return err;
}

static int verify(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		  const struct btrfs_seal *seal, uint32_t tags)
{
	struct sim *sim = enter(crypt, SECTION_IO);
	int err = fscrypt_btrfs_ops.verify(task, crypt, io, seal, tags);

	sim_section_leave(sim);
	return err;
}

const struct btrfs_crypt_ops *complexity_ops(struct fscrypt *fc)
{
	fc->ops = fscrypt_btrfs_ops;
	fc->ops.inode_setup = inode_setup;
	fc->ops.file_open = file_open;
	fc->ops.inode_evict = inode_evict;
	fc->ops.extent_new = extent_new;
	fc->ops.extent_load = extent_load;
	fc->ops.extent_put = extent_put;
	fc->ops.drain = drain;
	fc->ops.encrypt = encrypt;
	fc->ops.read_begin = read_begin;
	fc->ops.decrypt = decrypt;
	fc->ops.extent_find = extent_find;
	fc->ops.verify = verify;
	return &fc->ops;
}

/* ---- metrics ---- */

#define COMPLEXITY "complexity"
#define SECTIONS                                                                                   \
	"open: unlocking an inode, and the rest of an open; io: an extent's birth and load, a "    \
	"bio's encryption and decryption, a tag's check; end: an info, a map or an inode goes"

static const struct sim_metric_def def_classes = {
	"complexity.*.lock_classes", "count", SIM_LESS_IS_BETTER, COMPLEXITY,
	"lock classes that the crypto code asked for by a call that may wait, fs_reclaim and pools "
	"of "
	"ciphers included; wait queues, mempools and single atomics are none. " SECTIONS};
static const struct sim_metric_def def_pairs = {"complexity.*.lock_pairs", "count",
						SIM_LESS_IS_BETTER, COMPLEXITY,
						"rules of lock order: pairs of classes of which "
						"one was asked for there while the other was "
						"held, whoever took that"};
static const struct sim_metric_def def_lock = {
	"complexity.lock.*.*", "count", SIM_NO_DIRECTION, COMPLEXITY,
	"times that a lock of this class was asked for there; absent classes were not"};
static const struct sim_metric_def def_sites = {
	"complexity.*.alloc_sites", "count", SIM_LESS_IS_BETTER, COMPLEXITY,
	"allocation sites that were asked there, those of mempools included"};
static const struct sim_metric_def def_contexts = {
	"complexity.*.alloc_contexts", "count", SIM_LESS_IS_BETTER, COMPLEXITY,
	"pairs of such a site and a context that it was asked in: process, NOFS scope, writeback, "
	"transaction, endio"};
static const struct sim_metric_def def_hooks = {"complexity.hooks", "count", SIM_LESS_IS_BETTER,
						COMPLEXITY,
						"functions of the design's and the set-up's tables "
						"that the run called; those that do nothing "
						"and those for the model's own sake are not in it"};
static const struct sim_metric_def def_unused = {"complexity.hooks_unused", "count",
						 SIM_LESS_IS_BETTER, COMPLEXITY,
						 "functions of these tables that are there and "
						 "were not called: what the workload has missed"};
static const struct sim_metric_def def_states = {
	"complexity.*.states", "count", SIM_LESS_IS_BETTER, COMPLEXITY,
	"states in which an object was seen when the filesystem called: combinations of its flags "
	"and "
	"of whether it is counted or used by others; of a cipher, when it was taken or given back"};

const struct sim_metric_def *const complexity_metrics[] = {&def_classes, &def_pairs,	&def_lock,
							   &def_sites,	 &def_contexts, &def_hooks,
							   &def_unused,	 &def_states,	NULL};

static void report_section(const struct fscrypt *fc, uint32_t section, struct sim_metrics *metrics)
{
	const struct sim *sim = machine_sim(fc->machine);
	const char *name, *in = section_names[section];
	uint64_t asked, contexts, sites;
	int64_t classes = 0;

	for (size_t i = 0; (name = sim_section_class(sim, i, section, &asked)); i++) {
		g_autofree char *word = g_strdelimit(g_strdup(name), " ", '_');

		classes += asked > 0;
		if (asked)
			sim_metrics_set_for(metrics, &def_lock, (int64_t)asked, in, word, NULL);
	}
	sites = machine_section_sites(fc->machine, section, &contexts);
	sim_metrics_set_for(metrics, &def_classes, classes, in, NULL);
	sim_metrics_set_for(metrics, &def_pairs, (int64_t)sim_section_pairs(sim, section), in,
			    NULL);
	sim_metrics_set_for(metrics, &def_sites, (int64_t)sites, in, NULL);
	sim_metrics_set_for(metrics, &def_contexts, (int64_t)contexts, in, NULL);
}

static uint32_t hooks_there(const struct fscrypt *fc)
{
	const struct extent_design *design = fc->design;
	const struct key_setup *setup = fc->setup;
	uint32_t there = 0;

#define DESIGN_HAS(name) there |= design->name ? 1u << HOOK_##name : 0;
#define SETUP_HAS(name) there |= setup->name ? 1u << HOOK_##name : 0;
	DESIGN_HOOKS(DESIGN_HAS)
	SETUP_HOOKS(SETUP_HAS)
#undef DESIGN_HAS
#undef SETUP_HAS
	if (setup->acquire == fscrypt_acquire_nothing)
		there &= ~(1u << HOOK_acquire);
	if (setup->release == fscrypt_release_nothing)
		there &= ~(1u << HOOK_release);
	return there;
}

void complexity_report(const struct fscrypt *fc, struct sim_metrics *metrics)
{
	uint32_t there = hooks_there(fc), used = there & fc->complexity.used;

	for (uint32_t section = SECTION_OPEN; section <= SECTION_END; section++)
		report_section(fc, section, metrics);
	sim_metrics_set(metrics, &def_hooks, def_hooks.name, __builtin_popcount(used));
	sim_metrics_set(metrics, &def_unused, def_unused.name, __builtin_popcount(there & ~used));
	for (int object = 0; object < OBJECTS; object++) {
		int64_t states = 0;

		for (size_t w = 0; w < G_N_ELEMENTS(fc->complexity.state[object]); w++)
			states += __builtin_popcountll(fc->complexity.state[object][w]);
		sim_metrics_set_for(metrics, &def_states, states, object_names[object], NULL);
	}
}
