/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cipher for every extent of a file when the file is opened (Biggers 2023-01-02, who judged it
 * infeasible: the number of extents has no bound). The ciphers stay until the inode leaves memory.
 * Extents that are born later, or come by a clone, are set up by the I/O that meets them, and are
 * counted apart.
 */
#include "models/fscrypt/internal.h"

struct at_open {
	struct fscrypt *fc;
	GHashTable *opening; /* struct kernel_task *: those inside file_open() */
	uint64_t at_open, late;
};

static void *at_open_new(struct fscrypt *fc)
{
	struct at_open *state = g_new0(struct at_open, 1);

	state->fc = fc;
	state->opening = g_hash_table_new(NULL, NULL);
	return state;
}

static void at_open_free(void *arg)
{
	struct at_open *state = arg;

	g_hash_table_destroy(state->opening);
	g_free(state);
}

static int at_open_inode_open(struct kernel_task *task, void *arg, struct inode_info *inode)
{
	struct at_open *state = arg;
	int err = 0;

	inode->setup = g_hash_table_new(NULL, NULL);
	if (inode->shared) { /* classic fscrypt: the file's own key, at its open */
		g_hash_table_add(state->opening, task);
		inode->shared->key_locked = true;
		err = extent_info_prepare(task, inode->shared);
		inode->shared->key_locked = false;
		g_hash_table_remove(state->opening, task);
	}
	return err;
}

static void at_open_inode_close(void *arg, struct inode_info *inode)
{
	struct at_open *state = arg;
	GHashTableIter iter;
	gpointer info;

	if (!inode->setup)
		return;
	g_hash_table_iter_init(&iter, inode->setup);
	while (g_hash_table_iter_next(&iter, NULL, &info)) {
		((struct fscrypt_extent_info *)info)->kept--;
		extent_info_put(state->fc, info, false);
	}
	g_hash_table_destroy(inode->setup);
	inode->setup = NULL;
}

static int at_open_file_open(struct kernel_task *task, void *arg, struct inode_info *inode)
{
	struct at_open *state = arg;
	int err;

	g_hash_table_add(state->opening, task);
	err = btrfs_load_extents(task, inode->inode);
	g_hash_table_remove(state->opening, task);
	return err;
}

static struct fscrypt_extent_info *at_open_find(void *arg, struct inode_info *inode, uint64_t nonce)
{
	(void)arg;
	return g_hash_table_lookup(inode->setup, GSIZE_TO_POINTER(nonce));
}

static void keep(struct inode_info *inode, struct fscrypt_extent_info *info)
{
	if (info->key != inode->key &&
	    !info->joined_key) /* the inode's policy was replaced meanwhile */
		return;
	if (info->owner || g_hash_table_contains(inode->setup, GSIZE_TO_POINTER(info->nonce)))
		return;
	g_hash_table_insert(inode->setup, GSIZE_TO_POINTER(info->nonce), info);
	extent_info_get(info);
	info->kept++;
}

static int at_open_prepare(struct kernel_task *task, void *arg, struct fscrypt_extent_info *info)
{
	struct at_open *state = arg;
	bool opening = g_hash_table_contains(state->opening, task);
	int err = setup_at_io.prepare(task, state->fc, info);

	if (err)
		return err;
	*(opening ? &state->at_open : &state->late) += 1;
	if (info->loaded_by)
		keep(info->loaded_by, info);
	return 0;
}

static void at_open_destroy(struct kernel_task *task, void *arg, struct fscrypt_extent_info *info)
{
	struct at_open *state = arg;

	setup_at_io.destroy(task, state->fc, info);
}

static uint64_t at_open_prepared_bytes(const void *arg)
{
	const struct at_open *state = arg;

	return setup_at_io.prepared_bytes(state->fc);
}

static const struct sim_metric_def def_at_open = {"at_open.setups", "count", SIM_LESS_IS_BETTER,
						  "key set-up",
						  "extents whose cipher was set up by an open"};
static const struct sim_metric_def def_late = {
	"at_open.late_setups", "count", SIM_LESS_IS_BETTER, "key set-up",
	"extents that came after the open, and whose cipher was set up by I/O"};

static void at_open_report(void *arg, struct sim_metrics *metrics)
{
	const struct at_open *state = arg;

	sim_metrics_set(metrics, &def_at_open, def_at_open.name, (int64_t)state->at_open);
	sim_metrics_set(metrics, &def_late, def_late.name, (int64_t)state->late);
}

static const struct sim_metric_def *const at_open_metrics[] = {&def_at_open, &def_late, NULL};

const struct key_setup setup_at_open = {
	.name = "at-open",
	.summary = "a cipher for every extent when the file is opened; later ones as at-io",
	.keyed_infos = true,
	.new = at_open_new,
	.free = at_open_free,
	.inode_open = at_open_inode_open,
	.inode_close = at_open_inode_close,
	.file_open = at_open_file_open,
	.find = at_open_find,
	.prepare = at_open_prepare,
	.destroy = at_open_destroy,
	.prepared_bytes = at_open_prepared_bytes,
	.acquire = fscrypt_acquire_nothing,
	.release = fscrypt_release_nothing,
	.report = at_open_report,
	.metrics = at_open_metrics,
};
