/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logarithm and power of two in integers: the same on every machine. */
#include "sim_internal.h"
#include "fixed_tables.h"

__extension__ typedef __int128 sim_i128;

enum {
	LOG_SEGMENT_BITS = 8,
	EXP_SEGMENT_BITS = 7,
};

/* log2(e) in units of 2^-62 and ln 2 in units of 2^-64, to the last bit. */
#define LOG2_E INT64_C(0x5c551d94ae0bf85e)
#define LN_2 UINT64_C(0xb17217f7d1cf79ac)

static inline int64_t mul63(int64_t a, int64_t b)
{
	return (int64_t)((sim_i128)a * b >> 63);
}

/*
 * m = middle of its segment * (1 + r), |r| <= 2^-9, and log2(1 + r) = log2(e) (r - r²/2 + r³/3):
 * the error is under 2^-37.
 */
uint64_t fixed_log2(uint64_t x)
{
	int shift = __builtin_clzll(x);
	uint64_t m = x << shift;
	const struct log_segment *segment = &log_segments[m << 1 >> (64 - LOG_SEGMENT_BITS)];
	uint64_t middle = (m & ~((UINT64_C(1) << (63 - LOG_SEGMENT_BITS)) - 1)) |
			  UINT64_C(1) << (62 - LOG_SEGMENT_BITS);
	int64_t r = mul63((int64_t)(m - middle), (int64_t)segment->reciprocal);
	int64_t t = LOG2_E - mul63(r, LOG2_E / 2 - mul63(r, LOG2_E / 3));

	return ((uint64_t)(63 - shift) << FIXED_BITS) + segment->log2 +
	       (uint64_t)(int64_t)((sim_i128)r * t >> (63 + 62 - FIXED_BITS));
}

/* f = middle of its segment + d, |d| <= 2^-8, and 2^-d = e^-z with z = d ln 2: to z⁴/24. */
uint64_t fixed_exp2_negative(uint64_t y)
{
	uint64_t whole = y >> FIXED_BITS;
	uint64_t f = y << (64 - FIXED_BITS) >> 1; /* in units of 2^-63 */
	uint64_t middle = (f & ~((UINT64_C(1) << (63 - EXP_SEGMENT_BITS)) - 1)) |
			  UINT64_C(1) << (62 - EXP_SEGMENT_BITS);
	int64_t z = (int64_t)((sim_i128)(int64_t)(f - middle) * LN_2 >> 64);
	int64_t z2 = mul63(z, z), z3 = mul63(z2, z), z4 = mul63(z3, z);
	int64_t minus = z - z2 / 2 + z3 / 6 - z4 / 24; /* 1 - e^-z */
	int64_t base = (int64_t)exp_segments[f >> (63 - EXP_SEGMENT_BITS)];

	if (whole >= 63)
		return 0;
	return (uint64_t)(base - mul63(base, minus)) >> whole;
}
