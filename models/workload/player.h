/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The script actor, private: one task that plays a script, and the operations it knows. */
#ifndef WORKLOAD_PLAYER_H
#define WORKLOAD_PLAYER_H

#include "models/workload/internal.h"

/* When it runs, as seen by those who prepare what they work on. */
enum script_when { WHEN_AT_ONCE, WHEN_PREPARING, WHEN_PREPARED };

struct player {
	struct workload *workload;
	enum script_when when;
	const char *name;
	enum on_refusal on_refusal;
	uint64_t copied_bytes; /* because sharing was refused */
	const struct script *script;
	struct kernel_task *task;
	GHashTable *held; /* name → struct btrfs_file * */
	bool dumps; /* some line does: it needs `tracked` */
	GPtrArray *tracked; /* char *, in the order of first mention */
	GPtrArray *ops; /* char *, since the last dump */
	struct btrfs_dump *dump;
	uint16_t content; /* of writes: 0 or 1 + pattern */
	uint64_t deduped;
	GString *outcome; /* of the operation, where it is more than its errno; else empty */
	uint32_t number, steps;
};

/** Do an operation: one on data, names or keys. They return its errno; what else there is to say of how it
 * went is in `outcome`. An operation of neither names nor keys is one on data. */
int player_file_op(struct player *p, const struct script_op *op);
int player_name_op(struct player *p, const struct script_op *op);
int player_key_op(struct player *p, const struct script_op *op);

/** reflink, clone and dedupe; and the copy in their place, if there is one, as request `request`. */
int player_share(struct player *p, const struct script_op *op);
void player_copy_instead(struct player *p, const struct script_op *op, uint64_t request);

/** Keeps a file open until it is let go, or the script ends. */
int player_hold(struct player *p, const char *name);
int player_let_go(struct player *p, const char *name);
void player_close_held(struct player *p);

/** Names a file that dumps show, if there are any. */
void player_track(struct player *p, const char *name);
/** Notes what was done for the next dump; dumps. */
void player_note_op(struct player *p, const struct script_op *op, int err);
void player_dump_step(struct player *p);

#endif
