/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracks and what is on them: slices, lanes, counters. */
#include "timeline/internal.h"

#include <string.h>

/* ---- tracks ---- */

struct process *process_of(struct timeline *t, const char *name)
{
	struct process *process;

	for (guint i = 0; i < t->processes->len; i++) {
		process = t->processes->pdata[i];
		if (!strcmp(process->name, name))
			return process;
	}
	process = g_new0(struct process, 1);
	process->name = g_strdup(name);
	process->number = ++t->numbers;
	g_ptr_array_add(t->processes, process);
	return process;
}

static void clear_slice(gpointer arg)
{
	g_free(((struct open_slice *)arg)->args);
}

struct track *track_new(struct timeline *t, const char *process, char *name)
{
	struct track *track = g_new0(struct track, 1);

	track->process = process_of(t, process);
	track->name = name;
	track->number = track->place = ++t->numbers;
	track->open = g_array_new(FALSE, FALSE, sizeof(struct open_slice));
	g_array_set_clear_func(track->open, clear_slice);
	track->prev = t->last;
	if (t->last)
		t->last->next = track;
	else
		t->first = track;
	t->last = track;
	return track;
}

void track_free(struct timeline *t, struct track *track)
{
	if (track->prev)
		track->prev->next = track->next;
	else
		t->first = track->next;
	if (track->next)
		track->next->prev = track->prev;
	else
		t->last = track->prev;
	g_array_unref(track->open);
	g_free(track->name);
	g_free(track);
}

/* ---- slices ---- */

struct open_slice *slice_at(const struct track *track, guint depth)
{
	return &g_array_index(track->open, struct open_slice, depth);
}

/* A task's first slice is written when it is known which tasks it belongs to. */
void write_pending(struct timeline *t, struct track *track)
{
	if (!track->pending)
		return;
	track->pending = false;
	if (track->pending_flow)
		write_flow_end(t, track, track->pending_flow, track->pending_ns);
	write_begin(t, track, slice_at(track, 0), track->pending_ns);
}

/* Takes `args` over. */
void slice_push(struct timeline *t, struct track *track, const char *kind, const char *name,
		char *args)
{
	struct open_slice slice = {
		.kind = g_string_chunk_insert_const(t->strings, kind),
		.name = g_string_chunk_insert_const(t->strings, name),
		.args = args,
	};

	write_pending(t, track);
	g_array_append_val(track->open, slice);
	write_begin(t, track, &slice, sim_now(t->sim));
}

void slice_pop(struct timeline *t, struct track *track, const char *kind, const char *args)
{
	guint last = track->open->len - 1;

	g_assert(track->open->len && !strcmp(slice_at(track, last)->kind, kind));
	write_pending(t, track);
	write_end(t, track, args, sim_now(t->sim));
	g_array_set_size(track->open, last);
}

/* ---- counters ---- */

struct counter *counter_new(struct timeline *t, const char *group, const char *name,
			    const char *unit)
{
	struct counter *counter = g_new0(struct counter, 1);

	counter->process = process_of(t, group);
	counter->name = g_string_chunk_insert_const(t->strings, name);
	counter->unit = g_string_chunk_insert_const(t->strings, unit);
	g_ptr_array_add(t->counters, counter);
	return counter;
}

struct counter *counter_of(struct timeline *t, const char *group, const char *name,
			   const char *unit)
{
	g_autofree char *key = g_strconcat(group, "\n", name, NULL);
	struct counter *counter = g_hash_table_lookup(t->counter_by_name, key);

	if (counter)
		return counter;
	counter = counter_new(t, group, name, unit);
	g_hash_table_insert(t->counter_by_name, g_steal_pointer(&key), counter);
	return counter;
}

void counter_set(struct timeline *t, struct counter *counter, uint64_t value)
{
	if (counter->value == value)
		return;
	counter->value = value;
	write_counter(t, counter, sim_now(t->sim));
}

/* ---- lanes ---- */

struct lanes *lanes_of(struct timeline *t, const char *group, const char *name)
{
	g_autofree char *key = g_strconcat(group, "\n", name, NULL);
	struct lanes *lanes = g_hash_table_lookup(t->groups, key);

	if (lanes)
		return lanes;
	lanes = g_new0(struct lanes, 1);
	lanes->process = process_of(t, group);
	lanes->name = g_string_chunk_insert_const(t->strings, name);
	lanes->place = t->places++;
	lanes->lane = g_ptr_array_new();
	lanes->taken = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_hash_table_insert(t->groups, g_steal_pointer(&key), lanes);
	return lanes;
}

void lanes_free(gpointer arg)
{
	struct lanes *lanes = arg;

	g_ptr_array_unref(lanes->lane);
	g_hash_table_unref(lanes->taken);
	g_free(lanes);
}

/* The places of the tracks of one group follow one another, in its process. */
enum { LANES_SHIFT = 16 };

struct track *lane_take(struct timeline *t, struct lanes *lanes, uint64_t id)
{
	guint n = lanes->lowest;

	while (n < lanes->lane->len && ((struct track *)lanes->lane->pdata[n])->open->len)
		n++;
	if (n == lanes->lane->len) {
		struct track *track = track_new(t, lanes->process->name,
						g_strdup_printf("%s %u", lanes->name, n));

		track->place = (lanes->place << LANES_SHIFT) + n;
		g_ptr_array_add(lanes->lane, track);
	}
	lanes->lowest = n + 1;
	g_hash_table_insert(lanes->taken, g_memdup2(&id, sizeof(id)), GUINT_TO_POINTER(n + 1));
	return lanes->lane->pdata[n];
}

struct track *lane_leave(struct lanes *lanes, uint64_t id)
{
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(lanes->taken, &id));

	g_assert(n && "a lane is left that nobody took");
	g_hash_table_remove(lanes->taken, &id);
	lanes->lowest = MIN(lanes->lowest, n - 1);
	return lanes->lane->pdata[n - 1];
}
