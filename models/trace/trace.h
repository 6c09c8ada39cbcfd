/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace: traces that people already have, read one event at a time, and the miss-ratio curve of the
 * key cache over them. A format is one file with one struct trace_format, and one line in trace.c;
 * docs/traces.md describes each. Knows no model: actors and `mrc` alike may read from here.
 */
#ifndef TRACE_H
#define TRACE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- events ---- */

enum trace_op {
	TRACE_OBJECT, /* object: used */
	TRACE_OPEN, /* file */
	TRACE_CLOSE, /* file */
	TRACE_READ, /* file offset length */
	TRACE_WRITE, /* file offset length */
	TRACE_MAPREAD, /* file offset length: through a mapping */
	TRACE_MAPWRITE, /* file offset length: through a mapping */
	TRACE_TRIM, /* file offset length: discard */
	TRACE_SYNC, /* file: fsync, or a flush of the device */
	TRACE_DATASYNC, /* file */
	TRACE_TRUNCATE, /* file length: the new size */
	TRACE_FALLOCATE, /* file offset length keep_size unshare */
	TRACE_PUNCH, /* file offset length */
	TRACE_ZERO, /* file offset length keep_size */
	TRACE_COLLAPSE, /* file offset length */
	TRACE_INSERT, /* file offset length */
	TRACE_CLONE, /* file offset length to */
	TRACE_DEDUPE, /* file offset length to */
	TRACE_COPY, /* file offset length to */
	TRACE_EXCHANGE, /* file offset length to */
	TRACE_NO_DATA, /* file: a command that names no blocks */
	/* of whole trees */
	TRACE_SUBVOL, /* file: a new subvolume */
	TRACE_SNAPSHOT, /* file: the new one; other: the subvolume it is of */
	TRACE_MKFILE, /* file, which is new */
	TRACE_MKDIR, /* file, which is new */
	TRACE_MKSPECIAL, /* file, which is new: a symlink, device, fifo or socket */
	TRACE_RENAME, /* file other: the new name */
	TRACE_LINK, /* file: the new name; other: one that it has */
	TRACE_UNLINK, /* file */
	TRACE_RMDIR, /* file */
	TRACE_METADATA, /* file: owner, mode, times, attributes */
	TRACE_UNKNOWN, /* file: an operation of this form that no other of these is */
	TRACE_OPS
};

/** No file, in trace_event.other. */
#define TRACE_NO_FILE UINT32_MAX

/** One event; which members mean something follows from its op, the others are 0. */
struct trace_event {
	enum trace_op op;
	const char *word; /* what the form calls the operation; static */
	uint64_t line; /* or record, from 1 */
	uint32_t file; /* trace_file_name() */
	uint32_t other; /* where an operation has two; of cloning and its like the target */
	uint64_t object;
	uint64_t offset, length, to; /* bytes; offset + length and to + length fit into int64_t */
	uint64_t time_ns; /* since an instant of the trace's own; 0 where it tells no time */
	bool sized; /* size_before: what the file's size was before this */
	uint64_t size_before;
	bool keep_size, unshare;
	bool reopen; /* the file is closed and opened again afterwards */
};

/** A read or write of more bytes is a bad line: the kernel's requests, blktrace's records and fio's
 * log have 32 bits for it. */
#define TRACE_REQUEST_MAX UINT32_MAX

/* ---- reading ---- */

struct trace;
struct trace_text;
enum trace_parsed {
	TRACE_PARSED_EVENT,
	TRACE_PARSED_NOTHING, /* a line that is fine and no event */
	TRACE_PARSED_BAD, /* trace_bad() said why */
	TRACE_PARSED_FATAL, /* the same, and nothing after it can be understood */
	TRACE_PARSED_END, /* what follows is no event any more */
};
struct trace_format {
	const char *name, *summary;
	bool objects; /* names objects (TRACE_OBJECT), else ranges of files or devices */
	bool numbered; /* numbers its objects from 0 in the order of their first use */
	/* Recorded above the page cache: it may have answered some of the requests. */
	bool above_page_cache;
	bool timed; /* its events have times */
	bool trees; /* it makes whole subvolumes, and every name in them */
	bool reads_older_files; /* it may read what was in its files before it began */
	size_t record_bytes; /* of a binary format; 0: lines of text */
	/* May a trace of this form begin with that line? Only of formats that are replayed. */
	bool (*begins)(struct trace_text *line);
	/* Parses a line that is neither blank nor holds a NUL, or a whole record. */
	enum trace_parsed (*parse)(struct trace *trace, struct trace_text *text,
				   struct trace_event *event);
};
/** Forms that name keys or blocks, of which a curve can be made; NULL-terminated. */
extern const struct trace_format *const trace_formats[];
/** Forms whose events are operations on files, which can be done again; NULL-terminated. */
extern const struct trace_format *const trace_replay_formats[];
/** Which of these a file is, by the first line that one of them may begin with. NULL with a
 * TRACE_ERROR. */
const struct trace_format *trace_guess(const char *path, GError **error);

#define TRACE_ERROR trace_error_quark()
GQuark trace_error_quark(void);
enum trace_error {
	TRACE_ERROR_BAD, /* not what it should be; the message begins with the place */
	TRACE_ERROR_CANT_WORK, /* I/O or memory */
	TRACE_ERROR_INTERRUPTED,
};

struct trace_options {
	const struct trace_format *format;
	bool skip_bad; /* bad lines are reported, counted and passed over; else they are errors */
	void (*report)(void *arg, const char *message); /* gets "FILE:LINE:COLUMN: warning: …" */
	void *arg;
	const volatile int *interrupted; /* NULL: never */
};
/** Opens a file, or standard input for "-". `options` is copied. NULL with a TRACE_ERROR. */
struct trace *trace_open(const char *path, const struct trace_options *options, GError **error);
enum trace_next { TRACE_NEXT_EVENT, TRACE_NEXT_END, TRACE_NEXT_FAILED };
/** The next event. Fails with a TRACE_ERROR, and then the trace can only be closed. */
enum trace_next trace_next(struct trace *trace, struct trace_event *event, GError **error);
/** Bad lines or records passed over so far. */
uint64_t trace_skipped(const struct trace *trace);
const struct trace_format *trace_format(const struct trace *trace);
/** Name of a file or device as the trace has it; the trace's own. NULL past the last. */
const char *trace_file_name(const struct trace *trace, uint32_t file);
void trace_close(struct trace *trace);

/* ---- miss-ratio curve ---- */

struct mrc_policy;
/** LRU by stack distance, all sizes in one pass; FIFO and CLOCK by simulating each size. */
extern const struct mrc_policy *const mrc_policies[]; /* NULL-terminated */
const char *mrc_policy_name(const struct mrc_policy *policy);

struct mrc_options {
	const struct mrc_policy *policy;
	/* A key is a block of this many bytes of a file or device; ignored for traces of objects. */
	uint64_t unit_bytes;
	const uint64_t *sizes; /* in keys, each at least 1 */
	size_t size_count; /* 0: powers of two up to the number of keys, and that number */
	const volatile int *interrupted; /* NULL: never */
};
struct mrc_point {
	uint64_t size, hits, misses;
};
struct mrc {
	uint64_t accesses, keys;
	uint64_t keyless; /* events that reach no key: opening, trimming, sharing … */
	GArray *curve; /* struct mrc_point, in the order asked for */
};
/** Reads the trace to its end and computes the curve; free with mrc_free(). NULL with a
 * TRACE_ERROR. */
struct mrc *mrc_compute(struct trace *trace, const struct mrc_options *options, GError **error);
void mrc_free(struct mrc *mrc);

#endif
