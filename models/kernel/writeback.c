/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writeback: mappings in the order in which they became dirty, one flusher task for the machine (as
 * for one backing device), and dirty throttling. Follows 6.12: fs/fs-writeback.c, wb_do_writeback()
 * and mm/page-writeback.c, balance_dirty_pages(). The timer is armed only while something is dirty,
 * so that a run whose work is done comes to its end.
 */
#include "models/kernel/machine.h"

static void flusher_main(struct kernel_task *task, void *arg);

void writeback_init(struct machine *m)
{
	sim_waitq_init(&m->flush_wait, m->sim, "flusher_wait");
	if (m->config.flushers)
		m->flusher = kernel_spawn(m, "flusher", flusher_main, NULL);
}

void writeback_destroy(struct machine *m)
{
	sim_waitq_destroy(&m->flush_wait);
	if (m->flushing && m->flushing->freed)
		g_free(m->flushing);
}

/* ---- the list of dirty mappings ---- */

static void dirty_list_append(struct address_space *mapping)
{
	struct machine *m = mapping->machine;

	mapping->dirtied_when = sim_now(m->sim);
	mapping->dirty_serial = m->dirty_serial++;
	mapping->dirty_next = NULL;
	mapping->dirty_prev = m->dirty_tail;
	if (m->dirty_tail)
		m->dirty_tail->dirty_next = mapping;
	else
		m->dirty_head = mapping;
	m->dirty_tail = mapping;
}

static void dirty_list_remove(struct address_space *mapping)
{
	struct machine *m = mapping->machine;

	if (mapping->dirty_prev)
		mapping->dirty_prev->dirty_next = mapping->dirty_next;
	else
		m->dirty_head = mapping->dirty_next;
	if (mapping->dirty_next)
		mapping->dirty_next->dirty_prev = mapping->dirty_prev;
	else
		m->dirty_tail = mapping->dirty_prev;
}

static void periodic_flush(struct sim *sim, void *arg)
{
	struct machine *m = arg;

	(void)sim;
	m->flush_old = true;
	sim_waitq_wake_one(&m->flush_wait);
}

/* wb_wakeup_delayed() */
static void arm_timer(struct machine *m)
{
	sim_ns interval = machine_cost_mean(m, SPAN_DIRTY_WRITEBACK);

	if (m->config.flushers && interval && !m->flush_old && !sim_pending(m->sim, m->flush_timer))
		m->flush_timer = sim_after(m->sim, interval, 0, periodic_flush, m);
}

void writeback_mapping_dirtied(struct address_space *mapping)
{
	dirty_list_append(mapping);
	arm_timer(mapping->machine);
}

void writeback_mapping_cleaned(struct address_space *mapping)
{
	dirty_list_remove(mapping);
}

/* ---- the flusher ---- */

void flusher_wake_all(struct machine *m)
{
	if (!m->config.flushers || m->flush_all)
		return;
	m->flush_all = true;
	sim_waitq_wake_one(&m->flush_wait);
}

static void write_mapping(struct kernel_task *task, struct address_space *mapping)
{
	struct machine *m = task->machine;

	mapping->pins++;
	m->flushing = mapping;
	kernel_request_begin(task, KERNEL_REQUEST_OWN + 2 * m->flush_runs++ + 1);
	kernel_context_enter(task, CONTEXT_WRITEBACK);
	mapping->ops->writepages(task, mapping, false);
	kernel_context_leave(task);
	m->flushing = NULL;
	/* redirty_tail(): dirtied again meanwhile, or left dirty, it waits for another turn. */
	if (mapping->dirty) {
		dirty_list_remove(mapping);
		dirty_list_append(mapping);
	}
	address_space_unpin(mapping);
}

/* One pass over the mappings dirtied up to `cutoff`, until no more than `enough` pages are dirty. */
static void flush_pass(struct kernel_task *task, sim_ns cutoff, uint64_t enough)
{
	struct machine *m = task->machine;
	uint64_t limit = m->dirty_serial;

	while (m->dirty_head && m->dirty_head->dirty_serial < limit &&
	       m->dirty_head->dirtied_when <= cutoff && m->dirty_pages > enough)
		write_mapping(task, m->dirty_head);
}

static uint64_t dirty_limit_pages(struct machine *m, uint32_t permille)
{
	return m->config.memory_bytes / machine_size(m, SIZE_PAGE) * permille / PERMILLE;
}

static void flush_background(struct kernel_task *task)
{
	struct machine *m = task->machine;
	uint64_t limit = dirty_limit_pages(m, m->config.dirty_background_permille), before;

	do {
		before = m->dirty_pages;
		if (before > limit)
			flush_pass(task, SIM_NEVER, limit);
	} while (m->dirty_pages > limit && m->dirty_pages < before);
}

static void flush_expired(struct kernel_task *task)
{
	struct machine *m = task->machine;
	sim_ns now = sim_now(m->sim), expire = machine_cost_mean(m, SPAN_DIRTY_EXPIRE);

	if (now >= expire)
		flush_pass(task, now - expire, 0);
}

static void flusher_main(struct kernel_task *task, void *arg)
{
	struct machine *m = task->machine;

	(void)arg;
	for (;;) {
		while (!m->flush_old && !m->flush_all && !m->flush_background)
			kernel_wait(task, &m->flush_wait, PART_SLEEP);
		if (m->flush_all)
			flush_pass(task, SIM_NEVER, 0);
		m->flush_all = false;
		if (m->flush_old) {
			m->flush_old = false;
			flush_expired(task);
		}
		m->flush_background = false;
		flush_background(task);
		if (m->dirty_head)
			arm_timer(m);
	}
}

/* ---- throttling ---- */

void balance_dirty_pages(struct kernel_task *task)
{
	struct machine *m = task->machine;
	uint64_t background = dirty_limit_pages(m, m->config.dirty_background_permille);
	uint64_t limit = dirty_limit_pages(m, m->config.dirty_permille);

	if (!m->config.flushers)
		return;
	for (;;) {
		sim_ns since = sim_now(m->sim);

		if (m->dirty_pages > background && !m->flush_background) {
			m->flush_background = true;
			sim_waitq_wake_one(&m->flush_wait);
		}
		if (m->dirty_pages + m->writeback_pages <= limit)
			return;
		kernel_sleep(task, machine_cost_mean(m, SPAN_THROTTLE_PAUSE), PART_THROTTLE);
		m->throttled_ns += sim_now(m->sim) - since;
	}
}
