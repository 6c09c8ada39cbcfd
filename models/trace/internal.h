/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace, private: input, words, interned names, and the list of accesses. */
#ifndef TRACE_INTERNAL_H
#define TRACE_INTERNAL_H

#include "models/trace/trace.h"

/* ---- input ---- */

/** A line beyond this is none of any format; it bounds what an input without line ends takes. */
enum { TRACE_LINE_MAX = 1 << 20 };

struct trace_input {
	int fd;
	char *buffer; /* TRACE_LINE_MAX bytes */
	size_t start, end; /* of what was read and not yet handed out */
	bool ended;
	const volatile int *interrupted;
};
enum trace_got { TRACE_GOT, TRACE_GOT_END, TRACE_GOT_TOO_LONG, TRACE_GOT_ERRNO };
/** Opens `path`, "-" being standard input; false with errno. To be closed in either case. */
bool trace_input_open(struct trace_input *input, const char *path);
void trace_input_close(struct trace_input *input);
/** The next line without its newline; valid until the next call. One that is too long is passed
 * over. TRACE_GOT_ERRNO leaves errno; EINTR there means that `interrupted` was set. */
enum trace_got trace_input_line(struct trace_input *input, const char **line, size_t *length);
/** The next `wanted` bytes; `*length` is less at a truncated end. */
enum trace_got trace_input_record(struct trace_input *input, size_t wanted, const char **record,
				  size_t *length);

/** How often the loops over lines and accesses look whether they were interrupted. */
static inline bool trace_interrupted(uint64_t i, const volatile int *interrupted)
{
	return !(i & 0xffff) && interrupted && *interrupted;
}

/* ---- interned names ---- */

struct trace_names;
struct trace_names *trace_names_new(void);
void trace_names_free(struct trace_names *names);
/** Numbers names from 0 in the order of their first use. */
uint32_t trace_names_intern(struct trace_names *names, const char *name, size_t length);
/** NULL past the last. */
const char *trace_names_get(const struct trace_names *names, uint32_t number);

static inline uint64_t trace_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93; /* any odd number with mixed bits does */
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

/* ---- a trace being read ---- */

struct trace {
	struct trace_options options;
	char *path; /* for messages */
	struct trace_input input;
	struct trace_names *names; /* of files, devices or objects */
	uint64_t line; /* or record, from 1 */
	uint64_t skipped;
	uint64_t time_ns; /* formats that give steps add them up here */
	unsigned int version; /* formats whose first line tells it */
	struct trace_names *uuids; /* formats that name subvolumes by these; NULL: not yet */
	GArray *subvolumes; /* uint32_t: the file of each uuid */
	uint32_t subvolume; /* that the commands are about */
	bool subvolume_begun;
	bool ended;
	size_t column; /* of what was bad; 0: the line as a whole */
	char *bad; /* what was bad */
};

/* ---- words of a line ---- */

/** What is left of a line, or a record. */
struct trace_text {
	const char *start, *at, *end;
	const char *whole; /* the end before blanks were taken off it */
};
struct trace_word {
	const char *at;
	size_t length;
};
/** Says what is wrong with the present line, at `at` of it (NULL: as a whole); TRACE_PARSED_BAD. */
enum trace_parsed trace_bad(struct trace *trace, const struct trace_text *text, const char *at,
			    const char *format, ...) G_GNUC_PRINTF(4, 5);
/** The next word between blanks; false at the end of the line, `word` being empty there. */
bool trace_take_word(struct trace_text *text, struct trace_word *word);
/** The next field up to a comma, without blanks around it; false past the last. */
bool trace_take_field(struct trace_text *text, struct trace_word *word);
bool trace_word_is(struct trace_word word, const char *text);
/** As it may be shown in a message; the caller frees. */
char *trace_word_shown(struct trace_word word);
/** Decimal digits alone, up to `max`. */
bool trace_word_decimal(struct trace_word word, uint64_t max, uint64_t *value);
/** As C has it: decimal, 0x…, 0…; up to `max`. */
bool trace_word_c_number(struct trace_word word, uint64_t max, uint64_t *value);
/** Says that `word` is not the number called `what`; TRACE_PARSED_BAD. */
enum trace_parsed trace_bad_number(struct trace *trace, const struct trace_text *text,
				   struct trace_word word, const char *what, uint64_t max);

/* ---- accesses to keys ---- */

/** What the curve is made of: keys numbered in the order of their first use. */
struct accesses {
	uint32_t *keys;
	uint64_t count, room;
	uint32_t key_count;
	uint64_t keyless;
	struct key_slot *slots; /* hash table, a power of two of them */
	uint64_t slot_count;
	const volatile int *interrupted; /* NULL: never */
};
/** Keys are numbered in 32 bits, and LRU needs two positions for each. */
enum { ACCESSES_KEYS_MAX = 1 << 30 };
void accesses_init(struct accesses *list, const volatile int *interrupted);
void accesses_clear(struct accesses *list);
/** One access to the key of block `number` of `file`. False with an error: no memory, or
 * interrupted. */
bool accesses_add(struct accesses *list, uint32_t file, uint64_t number, GError **error);
/** One access to a key already numbered in the order of first use. */
bool accesses_add_key(struct accesses *list, uint32_t key, GError **error);
/** Appends the accesses of a whole trace; a key is `unit_bytes` of a file. */
bool accesses_read(struct accesses *list, struct trace *trace, uint64_t unit_bytes, GError **error);

struct mrc_policy {
	const char *name;
	/** Sets hits of each point, whose sizes are given; false if it was interrupted. */
	bool (*fill)(const struct accesses *list, struct mrc_point *points, size_t count,
		     const volatile int *interrupted);
};
extern const struct mrc_policy mrc_lru, mrc_fifo, mrc_clock;

extern const struct trace_format trace_keys, trace_iolog, trace_blkparse, trace_msr, trace_oracle,
	trace_fsx, trace_receive;

#endif
