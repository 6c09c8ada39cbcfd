/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LRU of all sizes in one pass (Mattson et al. 1970): an access hits in every cache of at least as
 * many keys as were used since its own last use, itself included: its stack distance. Each key's
 * last use is a bit at a position that grows with time; the distance is the number of bits from
 * there on, counted by a Fenwick tree over words of 64 positions. When the positions run out, the
 * bits are moved together, so that memory and depth follow the keys and not the trace's length.
 */
#include "models/trace/internal.h"

#include <string.h>

enum { WORD = 64, POSITIONS_MIN = 1 << 12, NEVER = 0 };

struct stack {
	uint64_t *bits; /* the last use of a key */
	uint32_t *tree; /* Fenwick tree of the bits in a word, from 1 */
	uint32_t *owner; /* key whose use a position was */
	uint32_t *last; /* of a key: position + 1, or NEVER */
	uint64_t words, positions, now;
	uint64_t live; /* bits set */
};

static void stack_init(struct stack *stack, uint32_t keys)
{
	uint64_t positions = MAX((uint64_t)keys * 2, POSITIONS_MIN);

	*stack = (struct stack){.words = (positions + WORD - 1) / WORD};
	stack->positions = stack->words * WORD;
	stack->bits = g_new0(uint64_t, stack->words);
	stack->tree = g_new0(uint32_t, stack->words + 1);
	stack->owner = g_new(uint32_t, stack->positions);
	stack->last = g_new0(uint32_t, MAX(keys, 1));
}

static void stack_clear(struct stack *stack)
{
	g_free(stack->bits);
	g_free(stack->tree);
	g_free(stack->owner);
	g_free(stack->last);
}

static void tree_add(struct stack *stack, uint64_t word, uint32_t change)
{
	for (uint64_t i = word + 1; i <= stack->words; i += i & -i)
		stack->tree[i] += change;
}

static void set_bit(struct stack *stack, uint64_t position)
{
	stack->bits[position / WORD] |= 1ull << position % WORD;
	tree_add(stack, position / WORD, 1);
}

static void clear_bit(struct stack *stack, uint64_t position)
{
	stack->bits[position / WORD] &= ~(1ull << position % WORD);
	tree_add(stack, position / WORD, (uint32_t)-1);
}

/* Bits before `position`. */
static uint64_t bits_before(const struct stack *stack, uint64_t position)
{
	uint64_t below = (1ull << position % WORD) - 1;
	uint64_t sum = (uint64_t)__builtin_popcountll(stack->bits[position / WORD] & below);

	for (uint64_t i = position / WORD; i; i -= i & -i)
		sum += stack->tree[i];
	return sum;
}

/* Moves the bits together at the front, in their order. */
static void compact(struct stack *stack)
{
	uint64_t to = 0;

	for (uint64_t word = 0; word < stack->words; word++)
		for (uint64_t bits = stack->bits[word]; bits; bits &= bits - 1) {
			uint64_t from = word * WORD + (uint64_t)__builtin_ctzll(bits);
			uint32_t key = stack->owner[from];

			stack->owner[to] = key;
			stack->last[key] = (uint32_t)++to;
		}
	memset(stack->bits, 0, stack->words * sizeof(*stack->bits));
	memset(stack->tree, 0, (stack->words + 1) * sizeof(*stack->tree));
	for (uint64_t position = 0; position < to; position++)
		set_bit(stack, position);
	stack->now = to;
}

/* Uses a key; its stack distance, or 0 if this is its first use. */
static uint64_t use(struct stack *stack, uint32_t key)
{
	uint64_t distance = 0;

	if (stack->now == stack->positions)
		compact(stack);
	if (stack->last[key] != NEVER) {
		uint64_t position = stack->last[key] - 1;

		distance = stack->live - bits_before(stack, position);
		clear_bit(stack, position);
	} else {
		stack->live++;
	}
	stack->owner[stack->now] = key;
	set_bit(stack, stack->now);
	stack->last[key] = (uint32_t)++stack->now;
	return distance;
}

static bool fill(const struct accesses *list, struct mrc_point *points, size_t count,
		 const volatile int *interrupted)
{
	uint64_t *hits = g_new0(uint64_t, (uint64_t)list->key_count + 1); /* at a distance */
	struct stack stack;
	uint64_t i;

	stack_init(&stack, list->key_count);
	for (i = 0; i < list->count && !trace_interrupted(i, interrupted); i++)
		hits[use(&stack, list->keys[i])]++;
	stack_clear(&stack);
	hits[0] = 0;
	for (uint64_t size = 1; size <= list->key_count; size++)
		hits[size] += hits[size - 1];
	for (size_t p = 0; p < count; p++)
		points[p].hits = hits[MIN(points[p].size, list->key_count)];
	g_free(hits);
	return i == list->count;
}

const struct mrc_policy mrc_lru = {.name = "lru", .fill = fill};
