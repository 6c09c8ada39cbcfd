/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logarithm and power of two in integers: the same on every machine. */
#include "sim_internal.h"
#include "fixed.h"
#include "fixed_exp_table.h"

enum { EXP_SEGMENT_BITS = 7 };

/* log2(e) in units of 2^-62, to the last bit. */
#define LOG2_E INT64_C(0x5c551d94ae0bf85e)

/* log2(m) = log2(e) ln(m), and ln(1 + r) = r - r²/2 + r³/3 - r⁴/4: the error is under 2^-46. */
uint64_t fixed_log2(uint64_t x)
{
	struct fixed_parts parts = fixed_take_apart(x);
	int64_t r = parts.r, r2 = mul63(r, r), r3 = mul63(r2, r), r4 = mul63(r2, r2);
	int64_t ln = (int64_t)(parts.segment->ln << (63 - 1 - FIXED_BITS)) +
		     ((r - r2 / 2 + r3 / 3 - r4 / 4) >> 1); /* in units of 2^-62 */

	return ((63 - parts.shift) << FIXED_BITS) +
	       (uint64_t)((sim_i128)ln * LOG2_E >> (62 + 62 - FIXED_BITS));
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
	int64_t half = (int64_t)(exp_segments[f >> (63 - EXP_SEGMENT_BITS)] >> 1);

	if (whole >= 63)
		return 0;
	return (uint64_t)(half - mul63(half, minus)) << 1 >> whole;
}
