/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the time of tasks goes: parts, the locks and pools among them, and the way back from a wait for
 * I/O to what the one who ended it had done meanwhile.
 */
#include "models/kernel/machine.h"

/* ---- places: locks and pools by name ---- */

static char *metric_word(const char *name)
{
	GString *word = g_string_new(NULL);

	for (const char *p = name; *p; p++) {
		if (g_ascii_isalnum(*p) || *p == '-')
			g_string_append_c(word, *p);
		else if (word->len && word->str[word->len - 1] != '_')
			g_string_append_c(word, '_');
	}
	if (word->len && word->str[word->len - 1] == '_')
		g_string_truncate(word, word->len - 1);
	return g_string_free(word, false);
}

static uint32_t place_of(struct machine *m, enum kernel_part part, const char *name)
{
	char *word;

	for (uint32_t i = 0; i < m->places; i++)
		if (m->place[i].known_as == name && m->place[i].part == part)
			return i;
	word = metric_word(name);
	for (uint32_t i = 0; i < m->places; i++)
		if (m->place[i].part == part && !strcmp(m->place[i].word, word)) {
			g_free(word);
			m->place[i].known_as = name;
			return i;
		}
	g_assert(m->places < KERNEL_PLACES && "raise KERNEL_PLACES");
	m->place[m->places] = (struct wait_place){name, word, part};
	return m->places++;
}

const char *machine_place(const struct machine *machine, uint32_t place, enum kernel_part *part)
{
	if (place >= machine->places)
		return NULL;
	*part = machine->place[place].part;
	return machine->place[place].word;
}

void places_destroy(struct machine *m)
{
	for (uint32_t i = 0; i < m->places; i++)
		g_free(m->place[i].word);
}

/* ---- booking ---- */

static void journal_add(struct work_journal *journal, uint32_t slot, sim_ns end)
{
	struct work_span *last = journal->spans ? &journal->span[journal->spans - 1] : NULL;

	if (last && last->slot == slot) {
		last->end = end;
		return;
	}
	if (journal->spans == journal->allocated) {
		journal->allocated = MAX(journal->allocated * 2, (uint32_t)JOURNAL_SPANS);
		journal->span = g_renew(struct work_span, journal->span, journal->allocated);
	}
	journal->span[journal->spans++] = (struct work_span){end, slot};
}

static void note_place(struct kernel_task *task, uint32_t place, sim_ns ns)
{
	if (task->place_waits == task->place_waits_allocated) {
		task->place_waits_allocated =
			MAX(task->place_waits_allocated * 2, (uint32_t)JOURNAL_SPANS);
		task->place_wait =
			g_renew(struct place_wait, task->place_wait, task->place_waits_allocated);
	}
	task->place_wait[task->place_waits++] = (struct place_wait){place, ns};
}

/* A slot is a part, or from KERNEL_PARTS on a place. */
static void book_slot(struct kernel_task *task, uint32_t slot, sim_ns ns, sim_ns end)
{
	if (slot < KERNEL_PARTS) {
		task->part_ns[slot] += ns;
	} else {
		task->part_ns[task->machine->place[slot - KERNEL_PARTS].part] += ns;
		if (task->accounts)
			note_place(task, slot - KERNEL_PARTS, ns);
	}
	if (task->journal)
		journal_add(task->journal, slot, end);
}

void part_book_worker(struct kernel_task *task, enum kernel_part part, sim_ns ns)
{
	book_slot(task, part, ns, sim_now(task->machine->sim));
}

void part_book_place(struct kernel_task *task, enum kernel_part part, const char *name, sim_ns ns)
{
	book_slot(task, KERNEL_PARTS + place_of(task->machine, part, name), ns,
		  sim_now(task->machine->sim));
}

/* ---- accounts ---- */

void kernel_account_begin(struct kernel_task *task, struct kernel_account *account)
{
	if (!task->accounts++)
		task->place_waits = 0;
	memcpy(account->part_ns, task->part_ns, sizeof(account->part_ns));
	account->first_wait = task->place_waits;
}

void kernel_account_end(struct kernel_task *task)
{
	g_assert(task->accounts);
	task->accounts--;
}

/* ---- workers ---- */

void journal_begin(struct kernel_task *task, sim_ns submitted, sim_ns queued)
{
	if (!task->journal)
		task->journal = g_new0(struct work_journal, 1);
	task->journal->submitted = submitted;
	task->journal->queued = queued;
	task->journal->begun = sim_now(task->machine->sim);
	task->journal->spans = 0;
}

void parts_free(struct kernel_task *task)
{
	g_free(task->place_wait);
	if (task->journal)
		g_free(task->journal->span);
	g_free(task->journal);
}

/* ---- waits for I/O ---- */

/* Books what is left of the sleeper's wait up to `end`. */
static void explain_until(struct kernel_task *sleeper, uint32_t slot, sim_ns end)
{
	sim_ns from = MAX(sleeper->blocked_since, sleeper->explained_until);

	if (end <= from)
		return;
	book_slot(sleeper, slot, end - from, end);
	sleeper->explained_until = end;
}

static void explain_by_item(struct kernel_task *sleeper, const struct work_journal *journal)
{
	uint32_t i = journal->spans;

	explain_until(sleeper, PART_OTHER_TASK, journal->submitted);
	explain_until(sleeper, PART_DEVICE, journal->queued);
	explain_until(sleeper, PART_WORKER_QUEUE, journal->begun);
	while (i && journal->span[i - 1].end > sleeper->blocked_since)
		i--;
	for (; i < journal->spans; i++)
		explain_until(sleeper, journal->span[i].slot, journal->span[i].end);
}

static void explain(struct machine *m, struct kernel_task *sleeper)
{
	const struct kernel_task *waker = kernel_current(m);

	if (sleeper->blocked_since == SIM_NEVER)
		return;
	if (waker && waker->journal) {
		explain_by_item(sleeper, waker->journal);
	} else if (!waker && m->in_end_io) {
		explain_until(sleeper, PART_OTHER_TASK, m->event_submitted);
		explain_until(sleeper, PART_DEVICE, sim_now(m->sim));
	} else {
		explain_until(sleeper, PART_OTHER_TASK, sim_now(m->sim));
	}
}

bool kernel_wake_one(struct machine *machine, struct sim_waitq *wq)
{
	struct sim_task *sleeper = sim_waitq_first(wq);

	if (!sleeper)
		return false;
	explain(machine, sim_task_user(sleeper));
	return sim_waitq_wake_one(wq);
}

void kernel_wake_all(struct machine *machine, struct sim_waitq *wq)
{
	while (kernel_wake_one(machine, wq))
		;
}
