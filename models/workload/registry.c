/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of actors that exist, and the workload that they make up. */
#include "models/workload/internal.h"

const struct actor_kind *const actor_kinds[] = {
	&actor_mix,	   &actor_script,	 &actor_trace,	 &actor_containers,
	&actor_relocator,  &actor_defragmenter,	 &actor_deduper, &actor_key_admin,
	&actor_memory_hog, &actor_module_loader, &actor_queue,	 NULL,
};

static void free_finding(gpointer arg)
{
	struct workload_finding *finding = arg;

	g_free(finding->text);
	g_free(finding);
}

struct workload *workload_new(struct machine *machine, struct btrfs_fs *fs, struct fscrypt *crypt)
{
	struct workload *workload = g_new0(struct workload, 1);

	workload->machine = machine;
	workload->fs = fs;
	workload->crypt = crypt;
	workload->book = op_book_new();
	workload->states = g_array_new(false, false, sizeof(struct actor_state));
	workload->reports = g_ptr_array_new_with_free_func(g_free);
	workload->actors = g_ptr_array_new_with_free_func(g_free);
	fscrypt_describe(crypt, workload_describe, workload);
	workload->findings = g_ptr_array_new_with_free_func(free_finding);
	sim_mutex_init(&workload->preparation, machine_sim(machine), NULL, "preparation");
	sim_waitq_init(&workload->prepared, machine_sim(machine), "prepared");
	return workload;
}

void workload_free(struct workload *workload)
{
	sim_waitq_destroy(&workload->prepared);
	sim_mutex_destroy(&workload->preparation);
	op_book_free(workload->book);
	g_ptr_array_free(workload->reports, true);
	g_ptr_array_free(workload->actors, true);
	g_ptr_array_free(workload->findings, true);
	for (guint i = 0; i < workload->states->len; i++) {
		const struct actor_state *s =
			&g_array_index(workload->states, struct actor_state, i);

		s->free(s->state);
	}
	g_array_free(workload->states, true);
	if (workload->dumps)
		g_string_free(workload->dumps, true);
	g_free(workload);
}

void workload_keep(struct workload *workload, gpointer state, GDestroyNotify free)
{
	struct actor_state entry = {state, free};

	g_array_append_val(workload->states, entry);
}

void workload_on_report(struct workload *workload,
			void (*report)(void *arg, struct sim_metrics *metrics), void *arg)
{
	struct actor_report *entry = g_new(struct actor_report, 1);

	*entry = (struct actor_report){report, arg};
	g_ptr_array_add(workload->reports, entry);
}

void workload_pause(struct workload *workload, struct kernel_task *task, const char *purpose,
		    uint64_t request, const struct sim_dist *time)
{
	sim_ns ns = sim_draw_keyed(machine_sim(workload->machine), sim_purpose(purpose), request, 0,
				   time);

	if (ns)
		kernel_sleep(task, ns, PART_SLEEP);
}

void workload_find(struct workload *workload, const char *kind, char *text)
{
	struct workload_finding *finding = g_new(struct workload_finding, 1);

	*finding = (struct workload_finding){
		.kind = kind, .text = text, .time_ns = sim_now(machine_sim(workload->machine))};
	g_ptr_array_add(workload->findings, finding);
}

void workload_report(struct workload *workload, struct sim_metrics *metrics)
{
	op_book_report(workload, metrics);
	for (guint i = 0; i < workload->reports->len; i++) {
		const struct actor_report *entry = workload->reports->pdata[i];

		entry->report(entry->arg, metrics);
	}
}

uint32_t workload_spawn(struct workload *workload, const char *name, kernel_task_fn fn, void *arg,
			char *(*describe)(const void *arg, uint64_t n))
{
	struct running_actor *actor = g_new(struct running_actor, 1);

	*actor = (struct running_actor){name, arg, describe};
	g_ptr_array_add(workload->actors, actor);
	workload->running++;
	struct kernel_task *task = kernel_spawn(workload->machine, name, fn, arg);

	task->has_session = true;
	sim_trace_task_group(machine_sim(workload->machine), task->sim_task, "programs");
	return workload->tasks++;
}

void workload_announce_preparation(struct workload *workload)
{
	workload->preparing++;
}

void workload_prepare_begin(struct workload *workload, struct kernel_task *task)
{
	kernel_mutex_lock(task, &workload->preparation);
}

void workload_prepare_end(struct workload *workload, struct kernel_task *task)
{
	kernel_mutex_unlock(task, &workload->preparation);
	if (!--workload->preparing)
		sim_waitq_wake_all(&workload->prepared);
}

void workload_wait_prepared(struct workload *workload, struct kernel_task *task)
{
	while (workload->preparing)
		kernel_wait(task, &workload->prepared, PART_SLEEP);
}

char *workload_describe(void *arg, uint64_t request)
{
	const struct workload *workload = arg;
	uint64_t task = request >> REQUEST_TASK_SHIFT;
	uint64_t n = request & ((UINT64_C(1) << REQUEST_TASK_SHIFT) - 1);
	const struct running_actor *actor;

	if (!task || task > workload->actors->len)
		return NULL;
	actor = workload->actors->pdata[task - 1];
	if (actor->describe)
		return actor->describe(actor->arg, n);
	return g_strdup_printf("%s, operation %" G_GUINT64_FORMAT, actor->name, n);
}

void workload_task_ends(struct workload *workload)
{
	const struct kernel_task *task = kernel_current(workload->machine);

	g_assert(!task || !task->accounts); /* every operation that was begun has ended */
	g_assert(workload->running);
	workload->running--;
	workload->ended_at_ns = sim_now(machine_sim(workload->machine));
	if (!workload->running)
		machine_end_series(workload->machine);
}
