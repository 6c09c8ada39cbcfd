/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock-order graph, after the kernel's lockdep: an edge from class A to class B says that some
 * task asked for a B while it held an A. Each edge is looked at once, when it is new: a way back from
 * B to A closes a cycle. A trylock does not wait and so adds no edge to itself, but what is asked for
 * while it is held does.
 */
#include "sim_internal.h"

#include <string.h>

enum { WORD_BITS = 64 };

struct lock_edge {
	uint32_t to;
	const char *task, *path, *held_since_path;
};

/* A bit per class, by its id. */
struct class_set {
	uint64_t *word;
	uint32_t words;
};

struct sim_lock_class {
	struct sim *sim;
	const char *name;
	uint32_t id;
	struct class_set successors; /* so that a known edge costs a test */
	GArray *edges; /* struct lock_edge, oldest first */
	uint64_t asked[SIM_SECTIONS];
	struct class_set held[SIM_SECTIONS]; /* what was held when it was asked for */
};

const char *sim_lock_class_name(const struct sim_lock_class *class, const char *otherwise)
{
	return class ? class->name : otherwise;
}

struct sim_lock_class *sim_lock_class(struct sim *sim, const char *name)
{
	struct sim_lock_class *class;

	for (guint i = 0; i < sim->classes->len; i++) {
		class = g_ptr_array_index(sim->classes, i);
		if (!strcmp(class->name, name))
			return class;
	}
	class = g_new0(struct sim_lock_class, 1);
	class->sim = sim;
	class->name = sim_intern(sim, name);
	class->id = sim->classes->len;
	class->edges = g_array_new(FALSE, FALSE, sizeof(struct lock_edge));
	g_ptr_array_add(sim->classes, class);
	return class;
}

void lock_order_clear(struct sim *sim)
{
	for (guint i = 0; i < sim->classes->len; i++) {
		struct sim_lock_class *class = g_ptr_array_index(sim->classes, i);

		g_free(class->successors.word);
		for (int s = 0; s < SIM_SECTIONS; s++)
			g_free(class->held[s].word);
		g_array_unref(class->edges);
		g_free(class);
	}
	chains_free(sim->cycles);
}

static bool set_has(const struct class_set *set, const struct sim_lock_class *class)
{
	uint32_t word = class->id / WORD_BITS;

	return word < set->words && set->word[word] >> class->id % WORD_BITS & 1;
}

static void set_add(struct class_set *set, const struct sim_lock_class *class)
{
	uint32_t words = class->id / WORD_BITS + 1;

	if (words > set->words) {
		set->word = g_renew(uint64_t, set->word, words);
		memset(set->word + set->words, 0, (words - set->words) * sizeof(*set->word));
		set->words = words;
	}
	set->word[class->id / WORD_BITS] |= UINT64_C(1) << class->id % WORD_BITS;
}

/* The search's memory of how a class was reached. */
struct step {
	const struct sim_lock_class *from;
	const struct lock_edge *edge;
};

/* Breadth first, in the order in which classes and edges were made: the shortest way. */
static bool find_way(struct sim *sim, const struct sim_lock_class *from,
		     const struct sim_lock_class *to, struct step *steps)
{
	GPtrArray *queue = g_ptr_array_new();
	bool found = false;

	g_ptr_array_add(queue, (gpointer)from);
	for (guint i = 0; i < queue->len && !found; i++) {
		const struct sim_lock_class *class = g_ptr_array_index(queue, i);

		for (guint e = 0; e < class->edges->len && !found; e++) {
			const struct lock_edge *edge =
				&g_array_index(class->edges, struct lock_edge, e);

			if (steps[edge->to].edge || edge->to == from->id)
				continue;
			steps[edge->to] = (struct step){class, edge};
			found = edge->to == to->id;
			g_ptr_array_add(queue, g_ptr_array_index(sim->classes, edge->to));
		}
	}
	g_ptr_array_unref(queue);
	return found;
}

static struct sim_chain_link link_of(struct sim *sim, const struct lock_edge *edge)
{
	const struct sim_lock_class *class = g_ptr_array_index(sim->classes, edge->to);

	return (struct sim_chain_link){
		.task = edge->task,
		.path = edge->path,
		.resource = class->name,
		.held_since_path = edge->held_since_path,
	};
}

/* The new edge `from` → `to` closes a cycle if there is a way from `to` to `from`. */
static void report_cycle(struct sim *sim, const struct sim_lock_class *from,
			 const struct sim_lock_class *to, const struct lock_edge *closing)
{
	struct step *steps = g_new0(struct step, sim->classes->len);
	struct sim_chain chain = {.when = sim->now, .links = 1};
	size_t i;

	if (from == to || find_way(sim, to, from, steps)) {
		for (const struct sim_lock_class *c = from; c != to; c = steps[c->id].from)
			chain.links++;
		chain.link = g_new0(struct sim_chain_link, chain.links);
		chain.link[0] = link_of(sim, closing);
		i = chain.links;
		for (const struct sim_lock_class *c = from; c != to; c = steps[c->id].from)
			chain.link[--i] = link_of(sim, steps[c->id].edge);
		g_array_append_val(sim->cycles, chain);
	}
	g_free(steps);
}

static void add_edge(struct sim *sim, struct sim_holding *held, struct sim_lock_class *class)
{
	struct lock_edge edge = {
		.to = class->id,
		.task = sim_intern(sim, sim->self->name),
		.path = sim_intern(sim, sim_task_path(sim->self)),
		.held_since_path = sim_intern(sim, held->path),
	};

	set_add(&held->class->successors, class);
	g_array_append_val(held->class->edges, edge);
	report_cycle(sim, held->class, class, &edge);
}

static SIM_RARE void note_in_section(struct sim *sim, struct sim_lock_class *class)
{
	uint32_t section = sim->self->section;

	class->asked[section]++;
	for (struct sim_holding *h = sim->self->held; h; h = h->task_next)
		if (h->class)
			set_add(&class->held[section], h->class);
}

void lock_order_asked(struct sim *sim, struct sim_lock_class *class)
{
	if (!sim->self)
		return;
	for (struct sim_holding *h = sim->self->held; h; h = h->task_next)
		if (h->class && SIM_UNLIKELY(!set_has(&h->class->successors, class)))
			add_edge(sim, h, class);
	if (sim->self->section)
		note_in_section(sim, class);
}

void sim_lock_order_note(struct sim *sim, struct sim_lock_class *class)
{
	lock_order_asked(sim, class);
}

void sim_lock_order_enter(struct sim *sim, struct sim_lock_class *class)
{
	struct sim_holding *holding;

	if (!sim->self)
		return;
	lock_order_asked(sim, class);
	holding = holding_add(sim, &sim->order_holdings, sim->self, HOLD_ORDER, class, class->name);
	holding->class = class;
}

void sim_lock_order_leave(struct sim *sim, struct sim_lock_class *class)
{
	struct sim_holding *holding;

	if (!sim->self)
		return;
	holding = sim->self->held;
	while (holding && !(holding->kind == HOLD_ORDER && holding->resource == class))
		holding = holding->task_next;
	g_assert(holding && "a pseudo-lock was left that was not entered");
	holding_remove(sim, holding);
}

const struct sim_chain *sim_lock_cycles(const struct sim *sim, size_t *count)
{
	*count = sim->cycles->len;
	return (const struct sim_chain *)(void *)sim->cycles->data;
}

/* ---- sections ---- */

void sim_section_enter(struct sim *sim, uint32_t section)
{
	g_assert(section && section < SIM_SECTIONS);
	if (sim->self && !sim->self->section_depth++)
		sim->self->section = section;
}

void sim_section_leave(struct sim *sim)
{
	if (!sim->self)
		return;
	g_assert(sim->self->section_depth && "a section was left that was not entered");
	if (!--sim->self->section_depth)
		sim->self->section = 0;
}

uint32_t sim_section(const struct sim *sim)
{
	return sim->self ? sim->self->section : 0;
}

const char *sim_section_class(const struct sim *sim, size_t i, uint32_t section, uint64_t *asked)
{
	const struct sim_lock_class *class;

	if (i >= sim->classes->len)
		return NULL;
	class = g_ptr_array_index(sim->classes, i);
	*asked = class->asked[section];
	return class->name;
}

uint64_t sim_section_pairs(const struct sim *sim, uint32_t section)
{
	uint64_t pairs = 0;

	for (guint i = 0; i < sim->classes->len; i++) {
		const struct sim_lock_class *class = g_ptr_array_index(sim->classes, i);

		for (uint32_t w = 0; w < class->held[section].words; w++)
			pairs += (uint64_t)__builtin_popcountll(class->held[section].word[w]);
	}
	return pairs;
}
