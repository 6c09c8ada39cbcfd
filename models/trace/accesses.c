/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which keys a trace needs, in which order. */
#include "models/trace/internal.h"

struct key_slot {
	uint64_t number;
	uint32_t file;
	uint32_t key; /* + 1; 0: free */
};
enum { FIRST_ROOM = 1 << 16 };

void accesses_init(struct accesses *list, const volatile int *interrupted)
{
	*list = (struct accesses){.slot_count = FIRST_ROOM, .interrupted = interrupted};
	list->slots = g_new0(struct key_slot, FIRST_ROOM);
}

void accesses_clear(struct accesses *list)
{
	g_free(list->keys);
	g_free(list->slots);
}

static bool no_memory(const struct accesses *list, GError **error)
{
	g_set_error(error, TRACE_ERROR, TRACE_ERROR_CANT_WORK,
		    "no memory for more than %" G_GUINT64_FORMAT " accesses of %u keys",
		    list->count, list->key_count);
	return false;
}

/* The slot of the key, or the free one where it belongs. */
static struct key_slot *find_slot(const struct accesses *list, uint32_t file, uint64_t number)
{
	uint64_t mask = list->slot_count - 1;
	uint64_t at = trace_mix(number + trace_mix(file)) & mask;

	while (list->slots[at].key &&
	       (list->slots[at].number != number || list->slots[at].file != file))
		at = (at + 1) & mask;
	return &list->slots[at];
}

static bool grow_slots(struct accesses *list)
{
	struct key_slot *old = list->slots;
	uint64_t old_count = list->slot_count;
	struct key_slot *new = g_try_new0(struct key_slot, old_count * 2);

	if (!new)
		return false;
	list->slots = new;
	list->slot_count *= 2;
	for (uint64_t i = 0; i < old_count; i++)
		if (old[i].key)
			*find_slot(list, old[i].file, old[i].number) = old[i];
	g_free(old);
	return true;
}

static bool grow_list(struct accesses *list)
{
	uint64_t room = list->room ? list->room * 2 : FIRST_ROOM;
	uint32_t *keys = g_try_renew(uint32_t, list->keys, room);

	if (!keys)
		return false;
	list->keys = keys;
	list->room = room;
	return true;
}

bool accesses_add_key(struct accesses *list, uint32_t key, GError **error)
{
	if (trace_interrupted(list->count, list->interrupted)) {
		g_set_error(error, TRACE_ERROR, TRACE_ERROR_INTERRUPTED, "interrupted");
		return false;
	}
	if (key == ACCESSES_KEYS_MAX || (list->count == list->room && !grow_list(list)))
		return no_memory(list, error);
	list->keys[list->count++] = key;
	list->key_count = MAX(list->key_count, key + 1);
	return true;
}

bool accesses_add(struct accesses *list, uint32_t file, uint64_t number, GError **error)
{
	struct key_slot *slot = find_slot(list, file, number);

	if (!slot->key)
		*slot = (struct key_slot){number, file, list->key_count + 1};
	if (!accesses_add_key(list, slot->key - 1, error))
		return false;
	return list->key_count <= list->slot_count / 4 * 3 || grow_slots(list) ||
	       no_memory(list, error);
}

/* Every block that [offset, offset + length) touches, in order. */
static bool add_range(struct accesses *list, uint32_t file, uint64_t offset, uint64_t length,
		      uint64_t unit_bytes, GError **error)
{
	uint64_t end = length ? (offset + length - 1) / unit_bytes + 1 : 0;

	for (uint64_t i = offset / unit_bytes; i < end; i++)
		if (!accesses_add(list, file, i, error))
			return false;
	return true;
}

/* Data are encrypted or decrypted by reads and writes alone; a dedupe reads both sides. */
static bool add_event(struct accesses *list, const struct trace_format *format,
		      const struct trace_event *event, uint64_t unit_bytes, GError **error)
{
	switch (event->op) {
	case TRACE_OBJECT:
		return format->numbered ? accesses_add_key(list, (uint32_t)event->object, error)
					: accesses_add(list, 0, event->object, error);
	case TRACE_READ:
	case TRACE_WRITE:
	case TRACE_MAPREAD:
	case TRACE_MAPWRITE:
		return add_range(list, event->file, event->offset, event->length, unit_bytes,
				 error);
	case TRACE_COPY:
	case TRACE_DEDUPE:
		return add_range(list, event->file, event->offset, event->length, unit_bytes,
				 error) &&
		       add_range(list, event->file, event->to, event->length, unit_bytes, error);
	default:
		return true;
	}
}

bool accesses_read(struct accesses *list, struct trace *trace, uint64_t unit_bytes, GError **error)
{
	struct trace_event event;
	enum trace_next next;

	while ((next = trace_next(trace, &event, error)) == TRACE_NEXT_EVENT) {
		uint64_t before = list->count;

		if (!add_event(list, trace_format(trace), &event, unit_bytes, error))
			return false;
		list->keyless += list->count == before;
	}
	return next == TRACE_NEXT_END;
}
