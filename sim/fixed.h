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

/* x = 2^(63 - shift) m, 1 <= m < 2, m = middle of its segment (1 + r): |r| <= 2^-9, in units of 2^-63. */
struct fixed_parts {
	uint64_t shift;
	int64_t r;
	const struct log_segment *segment;
};

static inline struct fixed_parts fixed_take_apart(uint64_t x)
{
	uint64_t shift = (uint64_t)__builtin_clzll(x);
	uint64_t m = x << shift;
	uint64_t in_segment = m << (LOG_SEGMENT_BITS + 1) >> (LOG_SEGMENT_BITS + 1);
	int64_t d = (int64_t)in_segment - (INT64_C(1) << (62 - LOG_SEGMENT_BITS));
	const struct log_segment *segment = &log_segments[m << 1 >> (64 - LOG_SEGMENT_BITS)];

	return (struct fixed_parts){
		.shift = shift,
		.r = mul63(d, (int64_t)segment->reciprocal),
		.segment = segment,
	};
}

/*
 * -ln(u) in units of 2^-57 for u = x 2^-64, x >= 1, with ln(1 + r) = r - r²/2: the error is under
 * r³/3 = 2.5e-9 and of either sign alike.
 */
static inline uint64_t fixed_minus_ln(uint64_t x)
{
	struct fixed_parts parts = fixed_take_apart(x);
	int64_t short_r = parts.r >> 23; /* in units of 2^-40: its square fits */
	int64_t half_square = short_r * short_r >> (80 + 1 - 63);

	return (parts.shift + 1) * (FIXED_LN_2 >> (64 - FIXED_BITS)) - parts.segment->ln -
	       (uint64_t)((parts.r - half_square) >> (63 - FIXED_BITS));
}

#endif
