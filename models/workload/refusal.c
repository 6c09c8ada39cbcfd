/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an actor does when the design refuses to share. */
#include "models/workload/internal.h"

const char *on_refusal_name(size_t i)
{
	static const char *const names[] = {
		[ON_REFUSAL_COPY] = "copy", [ON_REFUSAL_FAIL] = "fail", [ON_REFUSAL_SKIP] = "skip"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

const struct sim_metric_def workload_def_copied = {
	"*.copied_bytes", "bytes", SIM_LESS_IS_BETTER, "operations",
	"bytes of files that an actor copied because a reflink was refused"};

int workload_copy(struct kernel_task *task, const struct workload_copy *copy)
{
	int err = 0;

	for (uint64_t done = 0; !err && done < copy->bytes; done += copy->io_bytes) {
		uint64_t part = MIN(copy->io_bytes, copy->bytes - done);

		err = btrfs_read(task, copy->from, copy->from_offset + done, part);
		if (!err)
			err = btrfs_write(task, copy->to, copy->to_offset + done, part);
	}
	return err;
}
