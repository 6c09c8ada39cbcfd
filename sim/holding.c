/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who holds what: records in two lists, the resource's and the task's, from the run's own store. */
#include "sim_internal.h"

enum { HOLDING_CHUNK = 128 };

static struct sim_holding *take_record(struct sim *sim)
{
	struct sim_holding *holding;

	if (!sim->free_holding) {
		struct sim_holding *chunk = g_new0(struct sim_holding, HOLDING_CHUNK);

		g_ptr_array_add(sim->holding_chunks, chunk);
		for (int i = HOLDING_CHUNK; i-- > 0;) {
			chunk[i].next = sim->free_holding;
			sim->free_holding = &chunk[i];
		}
	}
	holding = sim->free_holding;
	sim->free_holding = holding->next;
	return holding;
}

static void link_to_task(struct sim_holding *holding, struct sim_task *task)
{
	holding->task = task;
	holding->task_prev = NULL;
	holding->task_next = NULL;
	if (!task)
		return;
	holding->task_next = task->held;
	if (task->held)
		task->held->task_prev = holding;
	task->held = holding;
}

static void unlink_from_task(struct sim_holding *holding)
{
	if (!holding->task)
		return;
	if (holding->task_prev)
		holding->task_prev->task_next = holding->task_next;
	else
		holding->task->held = holding->task_next;
	if (holding->task_next)
		holding->task_next->task_prev = holding->task_prev;
}

/* A list's head points to the oldest, whose prev is the newest. */
struct sim_holding *holding_add(struct sim *sim, struct sim_holding **list, struct sim_task *task,
				enum holding_kind kind, void *resource, const char *name)
{
	struct sim_holding *holding = take_record(sim);

	holding->kind = (uint8_t)kind;
	holding->resource = resource;
	holding->name = name;
	holding->class = NULL;
	holding->path = task ? sim_task_path(task) : NULL;
	holding->units = 1;
	holding->list = list;
	holding->next = NULL;
	if (*list) {
		holding->prev = (*list)->prev;
		holding->prev->next = holding;
		(*list)->prev = holding;
	} else {
		*list = holding->prev = holding;
	}
	link_to_task(holding, task);
	return holding;
}

void holding_remove(struct sim *sim, struct sim_holding *holding)
{
	struct sim_holding **list = holding->list;

	if (SIM_UNLIKELY(sim->tracer))
		trace_hold_ends(sim, holding);
	unlink_from_task(holding);
	if (*list == holding) {
		*list = holding->next;
	} else {
		holding->prev->next = holding->next;
	}
	if (holding->next)
		holding->next->prev = holding->prev;
	else if (*list)
		(*list)->prev = holding->prev;
	holding->list = NULL;
	holding->task = NULL;
	holding->next = sim->free_holding;
	sim->free_holding = holding;
}

struct sim_holding *holding_find(struct sim_holding **list, const struct sim_task *task)
{
	struct sim_holding *holding = task ? task->held : *list;

	if (task)
		while (holding && holding->list != list)
			holding = holding->task_next;
	else
		while (holding && holding->task)
			holding = holding->next;
	return holding;
}

void holding_give_back(struct sim *sim, struct sim_holding **list, const struct sim_task *task,
		       uint32_t units)
{
	while (units) {
		struct sim_holding *holding = holding_find(list, task);
		uint32_t taken;

		if (!holding)
			holding = holding_find(list, NULL);
		if (!holding)
			holding = *list;
		g_assert(holding && "more units are given back than were taken");
		taken = MIN(units, holding->units);
		units -= taken;
		holding->units -= taken;
		if (!holding->units)
			holding_remove(sim, holding);
	}
}

void holding_list_clear(struct sim *sim, struct sim_holding **list)
{
	while (*list)
		holding_remove(sim, *list);
}

void holdings_clear(struct sim *sim)
{
	for (guint i = 0; i < sim->holding_chunks->len; i++) {
		struct sim_holding *chunk = g_ptr_array_index(sim->holding_chunks, i);

		for (int j = 0; j < HOLDING_CHUNK; j++)
			if (chunk[j].list)
				*chunk[j].list = NULL;
	}
}
