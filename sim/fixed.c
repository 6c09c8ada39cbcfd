/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logarithm and power of two in integers: the same on every machine. */
#include "sim_internal.h"
#include "fixed.h"
#include "fixed_exp_table.h"

enum { EXP_SEGMENT_BITS = 7 };

uint64_t fixed_log2(uint64_t x)
{
	return fixed_log2_inline(x);
}

/* f = middle of its segment + d, |d| <= 2^-8, and 2^-d = e^-z with z = d ln 2: to z⁴/24. */
uint64_t fixed_exp2_negative(uint64_t y)
{
	uint64_t whole = y >> FIXED_BITS;
	uint64_t f = y << (64 - FIXED_BITS) >> 1; /* in units of 2^-63 */
	uint64_t middle = (f & ~((UINT64_C(1) << (63 - EXP_SEGMENT_BITS)) - 1)) |
			  UINT64_C(1) << (62 - EXP_SEGMENT_BITS);
	int64_t z = (int64_t)((sim_i128)(int64_t)(f - middle) * FIXED_LN_2 >> 64);
	int64_t z2 = mul63(z, z), z3 = mul63(z2, z), z4 = mul63(z3, z);
	int64_t minus = z - z2 / 2 + z3 / 6 - z4 / 24; /* 1 - e^-z */
	int64_t base = (int64_t)exp_segments[f >> (63 - EXP_SEGMENT_BITS)];

	if (whole >= 63)
		return 0;
	return (uint64_t)(base - mul63(base, minus)) >> whole;
}
