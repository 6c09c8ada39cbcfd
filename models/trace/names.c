/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and their numbers. Not a GHashTable: a trace of texts has a name in each of its lines, and
 * the time goes into memory that is not in the cache. A short name is compared within its slot.
 */
#include "models/trace/internal.h"

#include <string.h>

enum { SHORT_MAX = 16, FIRST_SLOTS = 1024 };

struct slot {
	uint64_t part[2]; /* the whole of a short name; else its hash, and its place in the text */
	uint32_t length;
	uint32_t number; /* + 1; 0: free */
};
struct trace_names {
	char *text; /* all names, each closed by a NUL */
	uint64_t used, room;
	uint64_t *at; /* of each name in the text */
	uint32_t count, at_room;
	struct slot *slots; /* a power of two, at most three quarters of them taken */
	uint64_t mask;
};

struct trace_names *trace_names_new(void)
{
	struct trace_names *names = g_new0(struct trace_names, 1);

	names->slots = g_new0(struct slot, FIRST_SLOTS);
	names->mask = FIRST_SLOTS - 1;
	return names;
}

void trace_names_free(struct trace_names *names)
{
	g_free(names->text);
	g_free(names->at);
	g_free(names->slots);
	g_free(names);
}

static uint64_t hash_text(const char *name, size_t length)
{
	uint64_t hash = 0, word;

	for (; length >= sizeof(word); name += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		hash = trace_mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, name, length);
	return trace_mix(hash ^ word);
}

/* What a slot of the name would hold, but for its number and place. */
static struct slot make_slot(const char *name, size_t length)
{
	struct slot slot = {.length = (uint32_t)length};

	if (length <= SHORT_MAX)
		memcpy(slot.part, name, length);
	else
		slot.part[0] = hash_text(name, length);
	return slot;
}

static uint64_t hash_slot(const struct slot *slot)
{
	if (slot->length > SHORT_MAX)
		return slot->part[0];
	return trace_mix(slot->part[0] + trace_mix(slot->part[1] + slot->length));
}

static bool same(const struct trace_names *names, const struct slot *slot,
		 const struct slot *wanted, const char *name)
{
	if (slot->length != wanted->length || slot->part[0] != wanted->part[0])
		return false;
	if (slot->length <= SHORT_MAX)
		return slot->part[1] == wanted->part[1];
	return !memcmp(names->text + slot->part[1], name, slot->length);
}

static void grow_slots(struct trace_names *names)
{
	struct slot *old = names->slots;
	uint64_t old_mask = names->mask;

	names->mask = old_mask * 2 + 1;
	names->slots = g_new0(struct slot, names->mask + 1);
	for (uint64_t i = 0; i <= old_mask; i++) {
		uint64_t at = hash_slot(&old[i]) & names->mask;

		if (!old[i].number)
			continue;
		while (names->slots[at].number)
			at = (at + 1) & names->mask;
		names->slots[at] = old[i];
	}
	g_free(old);
}

static void append(struct trace_names *names, const char *name, size_t length)
{
	if (names->used + length + 1 > names->room) {
		names->room = (names->used + length + 1) * 2;
		names->text = g_realloc(names->text, names->room);
	}
	if (names->count == names->at_room) {
		names->at_room = names->at_room ? names->at_room * 2 : FIRST_SLOTS;
		names->at = g_renew(uint64_t, names->at, names->at_room);
	}
	names->at[names->count++] = names->used;
	memcpy(names->text + names->used, name, length);
	names->text[names->used + length] = '\0';
	names->used += length + 1;
}

uint32_t trace_names_intern(struct trace_names *names, const char *name, size_t length)
{
	struct slot wanted = make_slot(name, length);
	uint64_t at = hash_slot(&wanted) & names->mask;

	for (; names->slots[at].number; at = (at + 1) & names->mask)
		if (same(names, &names->slots[at], &wanted, name))
			return names->slots[at].number - 1;
	if (length > SHORT_MAX)
		wanted.part[1] = names->used;
	append(names, name, length);
	wanted.number = names->count;
	names->slots[at] = wanted;
	if (names->count > names->mask / 4 * 3)
		grow_slots(names);
	return names->count - 1;
}

const char *trace_names_get(const struct trace_names *names, uint32_t number)
{
	return number < names->count ? names->text + names->at[number] : NULL;
}
