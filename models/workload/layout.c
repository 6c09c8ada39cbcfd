/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "models/workload/layout.h"

#include <errno.h>

/* Without extent_bytes the files are written as cp does it. */
enum { BUFFERED_CHUNK_BYTES = 1 << 20 };
/* What btrfs_write_content() takes. */
enum { UNLIKE_ANY, ZEROES };

bool layout_check(const struct layout_config *config, GError **error)
{
	const char *wrong = NULL;

	if (!config->files && (config->dir || config->key))
		wrong = "'dir' and 'key' are of files of the job's own: set 'files'";
	else if (config->extent_bytes % KERNEL_BLOCK_BYTES)
		wrong = "'extent_bytes' must be a multiple of 4KiB";
	if (wrong)
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s", wrong);
	return !wrong;
}

const char *layout_dir(const struct layout_config *config, const char *actor)
{
	return config->dir ? config->dir : actor;
}

void layout_path(const struct layout_config *config, const char *actor, uint32_t n, GString *path)
{
	g_string_printf(path, "%s/f%u", layout_dir(config, actor), n);
}

static int make_dir(struct workload *workload, struct kernel_task *task,
		    const struct layout_config *config, const char *dir, const char **step)
{
	uint32_t key = config->key ? fscrypt_key_number(workload->crypt, config->key) : 0;
	int err = 0;

	*step = "addkey";
	if (key)
		err = fscrypt_add_key(task, workload->crypt, key, FSCRYPT_ROOT);
	if (err)
		return err;
	*step = "mkdir";
	err = btrfs_mkdir(task, workload->fs, dir);
	if (err && err != -EEXIST)
		return err;
	*step = "policy";
	return key ? fscrypt_set_policy(task, workload->crypt, dir, key) : 0;
}

static int fill(struct kernel_task *task, struct btrfs_file *file,
		const struct layout_config *config)
{
	uint64_t size = (uint64_t)config->file_bytes;
	uint64_t chunk =
		config->extent_bytes ? (uint64_t)config->extent_bytes : BUFFERED_CHUNK_BYTES;
	int err = 0;

	for (uint64_t at = 0; !err && at < size; at += chunk)
		err = btrfs_write_content(task, file, at, MIN(chunk, size - at),
					  config->alike ? ZEROES : UNLIKE_ANY);
	return err;
}

/* Files that another job has filled stay as they are. */
static int make_file(struct workload *workload, struct kernel_task *task,
		     const struct layout_config *config, const char *path)
{
	unsigned int direct = config->extent_bytes ? BTRFS_O_DIRECT : 0;
	struct btrfs_file *file;
	int err = btrfs_open(task, workload->fs, path, BTRFS_O_CREAT | direct, &file);

	if (err)
		return err;
	if (config->prefill && !btrfs_inode_size(btrfs_file_inode(file)))
		err = fill(task, file, config);
	btrfs_close(task, file);
	return err;
}

int layout_make(struct workload *workload, struct kernel_task *task,
		const struct layout_config *config, const char *actor, uint64_t request,
		GString *path, const char **step)
{
	int err;

	kernel_request_begin(task, request);
	err = make_dir(workload, task, config, layout_dir(config, actor), step);
	if (err)
		return err;
	*step = "file";
	for (uint32_t n = 0; !err && n < (uint32_t)config->files; n++) {
		layout_path(config, actor, n, path);
		kernel_request_begin(task, request + n + 1);
		err = make_file(workload, task, config, path->str);
	}
	if (err)
		return err;
	*step = "sync";
	err = btrfs_sync_fs(task, workload->fs);
	if (!err && config->drop_caches)
		btrfs_drop_caches(task, workload->fs);
	return err;
}
