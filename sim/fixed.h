/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logarithm that exponential draws run through. */
#ifndef SIM_FIXED_H
#define SIM_FIXED_H

#include "sim_internal.h"
#include "fixed_log_table.h"

__extension__ typedef __int128 sim_i128;

enum {
	LOG_SEGMENT_BITS = 8,
};

/* log2(e) in units of 2^-62 and ln 2 in units of 2^-64, to the last bit. */
#define FIXED_LOG2_E INT64_C(0x5c551d94ae0bf85e)
#define FIXED_LN_2 UINT64_C(0xb17217f7d1cf79ac)

static inline int64_t mul63(int64_t a, int64_t b)
{
	return (int64_t)((sim_i128)a * b >> 63);
}

/*
 * m = middle of its segment * (1 + r), |r| <= 2^-9, and log2(1 + r) = log2(e) (r - r²/2 + r³/3):
 * the error is under 2^-37.
 */
static inline uint64_t fixed_log2_inline(uint64_t x)
{
	int shift = __builtin_clzll(x);
	uint64_t m = x << shift;
	const struct log_segment *segment = &log_segments[m << 1 >> (64 - LOG_SEGMENT_BITS)];
	uint64_t middle = (m & ~((UINT64_C(1) << (63 - LOG_SEGMENT_BITS)) - 1)) |
			  UINT64_C(1) << (62 - LOG_SEGMENT_BITS);
	int64_t r = mul63((int64_t)(m - middle), (int64_t)segment->reciprocal);
	int64_t t = FIXED_LOG2_E - mul63(r, FIXED_LOG2_E / 2 - mul63(r, FIXED_LOG2_E / 3));

	return ((uint64_t)(63 - shift) << FIXED_BITS) + segment->log2 +
	       (uint64_t)(int64_t)((sim_i128)r * t >> (63 + 62 - FIXED_BITS));
}

#endif
