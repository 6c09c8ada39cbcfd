/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints sim/fixed_log_table.h (`generate log`) and sim/fixed_exp_table.h (`generate exp`).
 * Integers only, so that every machine prints the same; the engine's tests compare the table with
 * the host's libm.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum { LOG_SEGMENTS = 256, EXP_SEGMENTS = 128, EXP_BITS = 8, FIXED_BITS = 57 };

/* ln 2 in units of 2^-64, to the last bit. */
#define LN_2 UINT64_C(0xb17217f7d1cf79ac)

/* log2 of m in units of 2^-63, 1 <= m < 2: squaring doubles the logarithm, a result of 2 or more is
 * one binary digit of it. */
static uint64_t log2_of(uint64_t m)
{
	uint64_t result = 0;

	for (int bit = FIXED_BITS - 1; bit >= 0; bit--) {
		u128 square = (u128)m * m;
		int carry = (int)(square >> 127);

		m = (uint64_t)(square >> (63 + carry));
		result |= (uint64_t)carry << bit;
	}
	return result;
}

static uint64_t square_root(u128 x)
{
	uint64_t root = 0;

	for (int bit = 63; bit >= 0; bit--) {
		uint64_t next = root | UINT64_C(1) << bit;

		if ((u128)next * next <= x)
			root = next;
	}
	return root;
}

static void print_log_table(void)
{
	printf("struct log_segment {\n\tuint64_t reciprocal, ln;\n};\n\n"
	       "/* Segment i of [1, 2): 1/m in units of 2^-63 and ln(m) in units of 2^-%d at its "
	       "middle m. */\nstatic const struct log_segment log_segments[%d] = {\n",
	       FIXED_BITS, LOG_SEGMENTS);
	for (uint64_t i = 0; i < LOG_SEGMENTS; i++) {
		uint64_t middle = (UINT64_C(1) << 63) + (2 * i + 1) * (UINT64_C(1) << 54);

		printf("\t{ 0x%016llx, 0x%016llx },\n",
		       (unsigned long long)(((u128)1 << 126) / middle),
		       (unsigned long long)((u128)log2_of(middle) * LN_2 >> 64));
	}
	printf("};\n\n");
}

static void print_exp_table(void)
{
	uint64_t root[EXP_BITS];

	root[0] = square_root((u128)1 << 125);
	for (int i = 1; i < EXP_BITS; i++)
		root[i] = square_root((u128)root[i - 1] << 63);
	printf("/* 2^-x in units of 2^-63 at the middle x of segment i of [0, 1). */\n"
	       "static const uint64_t exp_segments[%d] = {\n",
	       EXP_SEGMENTS);
	for (unsigned i = 0; i < EXP_SEGMENTS; i++) {
		uint64_t power = UINT64_C(1) << 63;

		for (int bit = 0; bit < EXP_BITS; bit++)
			if ((2 * i + 1) >> (EXP_BITS - 1 - bit) & 1)
				power = (uint64_t)((u128)power * root[bit] >> 63);
		printf("\t0x%016llx,\n", (unsigned long long)power);
	}
	printf("};\n\n");
}

static void print_top(const char *guard)
{
	printf("/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
	       "/* Printed by sim/tables/generate.c. */\n"
	       "#ifndef %s\n#define %s\n\n#include <stdint.h>\n\n",
	       guard, guard);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "log")) {
		print_top("SIM_FIXED_LOG_TABLE_H");
		print_log_table();
	} else if (argc == 2 && !strcmp(argv[1], "exp")) {
		print_top("SIM_FIXED_EXP_TABLE_H");
		print_exp_table();
	} else {
		fprintf(stderr, "usage: generate log|exp\n");
		return 2;
	}
	printf("#endif\n");
	return 0;
}
