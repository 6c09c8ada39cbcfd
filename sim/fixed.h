/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logarithm that exponential draws run through. */
#ifndef SIM_FIXED_H
#define SIM_FIXED_H

#include "sim_internal.h"
#include "fixed_log_table.h"

__extension__ typedef __int128 sim_i128;

enum { LOG_SEGMENT_BITS = 8 };

/* ln 2 in units of 2^-64, to the last bit. */
#define FIXED_LN_2 UINT64_C(0xb17217f7d1cf79ac)

static inline int64_t mul63(int64_t a, int64_t b)
{
	return (int64_t)((sim_i128)a * b >> 63);
}

/* x = 2^power m, 1 <= m < 2, m = middle of its segment (1 + r): |r| <= 2^-9, in units of 2^-63. */
struct fixed_parts {
	uint64_t power;
	int64_t r;
	const struct log_segment *segment;
};

static inline struct fixed_parts fixed_take_apart(uint64_t x)
{
	int shift = __builtin_clzll(x);
	uint64_t m = x << shift;
	uint64_t in_segment = m << (LOG_SEGMENT_BITS + 1) >> (LOG_SEGMENT_BITS + 1);
	int64_t d = (int64_t)in_segment - (INT64_C(1) << (62 - LOG_SEGMENT_BITS));
	const struct log_segment *segment = &log_segments[m << 1 >> (64 - LOG_SEGMENT_BITS)];

	return (struct fixed_parts){
		.power = (uint64_t)(63 - shift),
		.r = mul63(d, (int64_t)segment->reciprocal),
		.segment = segment,
	};
}

/*
 * ln(x) for x >= 1 in units of 2^-57, with ln(1 + r) = r - r²/2: the error is under r³/3 = 2.5e-9 and
 * of either sign alike.
 */
static inline uint64_t fixed_ln_fast(uint64_t x)
{
	struct fixed_parts parts = fixed_take_apart(x);
	int64_t square = (int64_t)((sim_i128)parts.r * parts.r >> 64);

	return parts.power * (FIXED_LN_2 >> (64 - FIXED_BITS)) + parts.segment->ln +
	       (uint64_t)((parts.r - square) >> (63 - FIXED_BITS));
}

#endif
