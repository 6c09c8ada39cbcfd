/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload: actors that issue operations on a filesystem, and the book of what came of them. A kind
 * of actor is one file with one struct actor_kind, and one line in registry.c.
 *
 * Fair comparison: every random choice belongs to an operation's number and never to the state that
 * it finds, and the number of operations is fixed, so that all variants are asked the same.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "models/fscrypt/fscrypt.h"

/* ---- operation scripts ---- */

enum script_code {
	SCRIPT_WRITE, /* F OFF LEN [CHUNK] */
	SCRIPT_DIO, /* F OFF LEN CHUNK */
	SCRIPT_RANDWRITE, /* F SIZE BS COUNT SEED fsync|none */
	SCRIPT_APPEND, /* F LEN COUNT fsync|none */
	SCRIPT_TRUNCWRITE, /* F LEN */
	SCRIPT_READ, /* F OFF LEN [CHUNK] */
	SCRIPT_DREAD, /* the same, O_DIRECT */
	SCRIPT_TRUNCATE, /* F LEN */
	SCRIPT_PUNCH, /* F OFF LEN */
	SCRIPT_ZERO, /* F OFF LEN */
	SCRIPT_FALLOC, /* F OFF LEN [keep] */
	SCRIPT_REFLINK, /* SRC DST */
	SCRIPT_CLONE, /* SRC SOFF LEN DST DOFF */
	SCRIPT_DEDUPE, /* SRC SOFF LEN DST DOFF */
	SCRIPT_DEFRAG, /* F [THRESHOLD] */
	SCRIPT_NOCOW, /* F */
	SCRIPT_CREATE, /* F, which must not exist */
	SCRIPT_FSYNC, /* F */
	SCRIPT_STAT, /* PATH */
	SCRIPT_LS, /* DIR */
	SCRIPT_RENAME, /* FROM TO */
	SCRIPT_EXCHANGE, /* A B */
	SCRIPT_LINK, /* F NAME */
	SCRIPT_UNLINK, /* F */
	SCRIPT_RMDIR, /* DIR */
	SCRIPT_OPEN, /* F */
	SCRIPT_CLOSE, /* F */
	SCRIPT_MKDIR, /* DIR */
	SCRIPT_SUBVOL, /* NAME */
	SCRIPT_SNAPSHOT, /* SUBVOL NAME [FILE ...] */
	SCRIPT_SUBDEL, /* NAME */
	SCRIPT_BALANCE,
	SCRIPT_PATTERN, /* BYTE */
	SCRIPT_ADDKEY, /* KEY [USER|provisioned] */
	SCRIPT_RMKEY, /* KEY [USER|all] */
	SCRIPT_KEYSTATUS, /* KEY */
	SCRIPT_PROVISION, /* KEY [TYPE] */
	SCRIPT_POLICY, /* DIR KEY */
	SCRIPT_GETPOLICY, /* PATH */
	SCRIPT_SLEEP, /* TIME */
	SCRIPT_DROPCACHES,
	SCRIPT_SYNC,
	SCRIPT_DUMP,
	SCRIPT_REKEY, /* F KEY */
	SCRIPT_REKEYTREE, /* DIR KEY */
	SCRIPT_SCRUB,
	SCRIPT_CORRUPT, /* F OFF LEN */
	SCRIPT_CODES
};

/** One operation; which members it uses follows from its code, in the order of its arguments. */
struct script_op {
	enum script_code code;
	unsigned int line;
	char *text; /* as written, blanks folded, without the outcome expected */
	char *name[2]; /* files, directories, subvolumes, keys */
	char **files; /* snapshot: files to list; NULL-terminated; else NULL */
	uint64_t number[4];
	unsigned int numbers; /* how many were given */
	bool flag; /* fsync, keep */
	char *expect; /* outcomes that will do, with '|' between them; NULL: any */
};
struct script {
	char *source; /* file name for messages */
	GArray *ops; /* struct script_op */
};
#define SCRIPT_ERROR script_error_quark()
GQuark script_error_quark(void);
/** The word of an operation, and its arguments as a line of help; NULL past the last code. */
const char *script_op_name(size_t code);
const char *script_op_usage(size_t code);
/** Parses a whole script. The error names FILE:LINE:COLUMN, the word and what was expected. */
struct script *script_parse(const char *source, const char *text, GError **error);
void script_free(struct script *script);
/** The files that a script's dumps show, by name (char *, owned): adds one, once; takes one away, with what
 * lies below it; gives one, and what lies below it, a new name. */
void script_track(GPtrArray *tracked, const char *name);
void script_untrack(GPtrArray *tracked, const char *name);
void script_retrack(GPtrArray *tracked, const char *from, const char *to);
/** The next number of a stream that scripts draw from (randwrite), the same everywhere: splitmix64. */
uint64_t script_random(uint64_t *state);

/* ---- actors ---- */

/** What became of the lines of traces that are no operation of the model. */
struct trace_counts {
	uint64_t skipped_lines, ignored, not_modelled, size_mismatches;
	bool timed; /* at least one goes by its recorded times */
	sim_ns late_max_ns;
};
/** What an actor works on. */
struct workload {
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *crypt;
	struct op_book *book;
	GString *dumps; /* the steps of scripts that dump, as JSON; NULL: not kept */
	uint32_t running; /* tasks that have not ended */
	sim_ns ended_at_ns; /* when the last of those that have did */
	uint32_t tasks; /* started so far: numbers them */
	uint32_t preparing; /* actors that still make what they work on */
	struct sim_mutex preparation; /* one after the other, so that their files lie in order */
	struct sim_waitq prepared;
	GArray *states; /* struct actor_state */
	GPtrArray *reports; /* struct actor_report * */
	GPtrArray *actors; /* struct running_actor *, by task number */
	GPtrArray *findings; /* struct workload_finding * */
	uint32_t traces; /* actors that replay one */
	struct trace_counts trace_counts; /* over all of them */
};
/** Something that an actor found wrong. */
struct workload_finding {
	const char *kind; /* "script", "trace" */
	char *text;
	sim_ns time_ns;
};
struct workload *workload_new(struct machine *machine, struct btrfs_fs *fs, struct fscrypt *crypt);
void workload_free(struct workload *workload);
void workload_report(struct workload *workload, struct sim_metrics *metrics);
/** The operation that a request number stands for, in words: "script line 7: read a 0 1m"; NULL: it is
 * no operation's. The caller frees. */
char *workload_describe(void *workload, uint64_t request);

struct actor_kind {
	const char *name, *summary;
	const struct sim_param *params; /* of the kind's config struct */
	size_t config_bytes;
	const struct sim_metric_def *const *metrics; /* of this kind alone; NULL: none */
	/** Checks what a table can't; may parse (a script). Errors name the key. An error about a
	 * line of the kind's first SIM_PARAM_LINES begins with "SOURCE:LINE:COLUMN: error: "; the
	 * loader replaces that by the place in the user's file. May be NULL. */
	bool (*check)(void *config, GError **error);
	/** Frees what check() made, beside what the table owns. May be NULL. */
	void (*clear)(void *config);
	/** Starts the actor's tasks. `config` outlives the run. */
	void (*start)(struct workload *workload, const char *name, const void *config);
};
extern const struct actor_kind *const actor_kinds[]; /* NULL-terminated */
/** Metrics of operations; NULL-terminated. */
extern const struct sim_metric_def *const workload_metric_defs[];

#endif
