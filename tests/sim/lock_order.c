/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"

#include <stdio.h>
#include <string.h>

struct locks {
	struct sim *sim;
	struct sim_mutex a, b, c;
	struct sim_rwsem sem;
	struct sim_lock_class *fs_reclaim;
};

static void open_locks(struct locks *l)
{
	l->sim = new_run(1);
	sim_mutex_init(&l->a, l->sim, sim_lock_class(l->sim, "A"), "a");
	sim_mutex_init(&l->b, l->sim, sim_lock_class(l->sim, "B"), "b");
	sim_mutex_init(&l->c, l->sim, sim_lock_class(l->sim, "C"), "c");
	sim_rwsem_init(&l->sem, l->sim, sim_lock_class(l->sim, "SEM"), "sem");
	l->fs_reclaim = sim_lock_class(l->sim, "fs_reclaim");
}

static void close_locks(struct locks *l)
{
	sim_mutex_destroy(&l->a);
	sim_mutex_destroy(&l->b);
	sim_mutex_destroy(&l->c);
	sim_rwsem_destroy(&l->sem);
	sim_free(l->sim);
}

static size_t run_alone(struct locks *l, const char *name, sim_task_fn fn)
{
	size_t n;

	sim_spawn(l->sim, name, fn, l);
	cr_assert_eq(sim_run(l->sim, SIM_NEVER), SIM_END_IDLE);
	sim_lock_cycles(l->sim, &n);
	return n;
}

static void nest(struct locks *l, struct sim_mutex *outer, struct sim_mutex *inner,
		 const char *outer_path, const char *inner_path)
{
	sim_path_enter(l->sim, outer_path);
	sim_mutex_lock(outer);
	sim_path_enter(l->sim, inner_path);
	sim_mutex_lock(inner);
	sim_mutex_unlock(inner);
	sim_path_leave(l->sim);
	sim_mutex_unlock(outer);
	sim_path_leave(l->sim);
}

static void in_sections(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	sim_mutex_lock(&l->a);
	sim_section_enter(l->sim, 1);
	sim_mutex_lock(&l->b); /* A, B */
	sim_section_enter(l->sim, 2); /* inside another: it does not count */
	sim_mutex_lock(&l->c); /* A, C and B, C */
	sim_mutex_unlock(&l->c);
	sim_section_leave(l->sim);
	cr_expect_eq(sim_section(l->sim), 1u);
	sim_mutex_unlock(&l->b);
	sim_mutex_lock(&l->b);
	sim_section_leave(l->sim);
	cr_expect_eq(sim_section(l->sim), 0u);
	sim_mutex_lock(&l->c); /* in no section */
	sim_mutex_unlock(&l->c);
	sim_mutex_unlock(&l->b);
	sim_mutex_unlock(&l->a);
	sim_section_enter(l->sim, 2);
	sim_lock_order_note(l->sim, l->fs_reclaim);
	sim_section_leave(l->sim);
}

static uint64_t asked_for(const struct locks *l, const char *class, uint32_t section)
{
	uint64_t asked = 0;
	const char *name;

	for (size_t i = 0; (name = sim_section_class(l->sim, i, section, &asked)); i++)
		if (!strcmp(name, class))
			return asked;
	return UINT64_MAX;
}

Test(lock_order, a_section_keeps_apart_what_is_asked_for_in_it_and_behind_what)
{
	struct locks l;

	open_locks(&l);
	run_alone(&l, "task", in_sections);
	cr_expect_eq(asked_for(&l, "A", 1), 0u);
	cr_expect_eq(asked_for(&l, "B", 1), 2u);
	cr_expect_eq(asked_for(&l, "C", 1), 1u);
	cr_expect_eq(asked_for(&l, "C", 2), 0u);
	cr_expect_eq(asked_for(&l, "fs_reclaim", 2), 1u);
	cr_expect_eq(sim_section_pairs(l.sim, 1), 3u);
	cr_expect_eq(sim_section_pairs(l.sim, 2), 0u);
	close_locks(&l);
}

struct pair {
	struct sim_rwsem first, second;
	struct sim_lock_class *subclass;
	struct sim_mutex *inner;
};

static void take_pair(struct sim_task *self, void *arg)
{
	struct pair *p = arg;

	(void)self;
	sim_rwsem_write(&p->first);
	if (p->subclass)
		sim_rwsem_write_nested(&p->second, p->subclass);
	else
		sim_rwsem_write(&p->second);
	sim_mutex_lock(p->inner);
	sim_mutex_unlock(p->inner);
	sim_rwsem_write_unlock(&p->second);
	sim_rwsem_write_unlock(&p->first);
}

static size_t cycles_of_pair(bool nested)
{
	struct locks l;
	struct pair p = {0};
	size_t n;

	open_locks(&l);
	sim_rwsem_init(&p.first, l.sim, sim_lock_class(l.sim, "I"), "first");
	sim_rwsem_init(&p.second, l.sim, sim_lock_class(l.sim, "I"), "second");
	p.subclass = nested ? sim_lock_class(l.sim, "I/2") : NULL;
	p.inner = &l.a;
	sim_spawn(l.sim, "pair", take_pair, &p);
	cr_assert_eq(sim_run(l.sim, SIM_NEVER), SIM_END_IDLE);
	sim_lock_cycles(l.sim, &n);
	sim_rwsem_destroy(&p.first);
	sim_rwsem_destroy(&p.second);
	close_locks(&l);
	return n;
}

Test(sim_lock_order, two_locks_of_a_class_are_a_cycle_unless_the_second_is_nested)
{
	cr_assert_eq(cycles_of_pair(false), 1u);
	cr_assert_eq(cycles_of_pair(true), 0u);
}

static void ab(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	nest(l, &l->a, &l->b, "take_a", "take_b_under_a");
}

static void bc(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	nest(l, &l->b, &l->c, "take_b", "take_c_under_b");
}

static void ca(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	nest(l, &l->c, &l->a, "take_c", "take_a_under_c");
}

static void ca_by_trylock(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	sim_mutex_lock(&l->c);
	cr_assert(sim_mutex_trylock(&l->a));
	sim_mutex_unlock(&l->a);
	sim_mutex_unlock(&l->c);
}

static void a_by_trylock_then_c(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	cr_assert(sim_mutex_trylock(&l->c));
	sim_mutex_lock(&l->a);
	sim_mutex_unlock(&l->a);
	sim_mutex_unlock(&l->c);
}

Test(lock_order, a_cycle_is_found_without_meeting_it_once_and_names_every_path)
{
	static const struct {
		const char *task, *path, *resource, *held;
	} expected[] = {
		{"t3", "take_a_under_c", "A", "take_c"},
		{"t1", "take_b_under_a", "B", "take_a"},
		{"t2", "take_c_under_b", "C", "take_b"},
	};
	const struct sim_chain *chain;
	struct locks l;
	size_t n;

	open_locks(&l);
	cr_assert_eq(run_alone(&l, "t1", ab), 0);
	cr_assert_eq(run_alone(&l, "t2", bc), 0);
	cr_assert_eq(run_alone(&l, "t3", ca), 1);
	cr_assert_eq(run_alone(&l, "t4", ca), 1);
	cr_assert_eq(run_alone(&l, "t5", ab), 1);
	chain = sim_lock_cycles(l.sim, &n);
	EXPECT_U64(chain->links, 3);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_str_eq(chain->link[i].task, expected[i].task);
		cr_assert_str_eq(chain->link[i].path, expected[i].path);
		cr_assert_str_eq(chain->link[i].resource, expected[i].resource);
		cr_assert_str_eq(chain->link[i].held_since_path, expected[i].held);
	}
	sim_deadlocks(l.sim, &n);
	EXPECT_U64(n, 0);
	close_locks(&l);
}

Test(lock_order, a_trylock_adds_no_edge_to_itself_but_from_itself)
{
	struct locks l;

	open_locks(&l);
	run_alone(&l, "t", ab);
	run_alone(&l, "t", bc);
	cr_assert_eq(run_alone(&l, "t", ca_by_trylock), 0);
	cr_assert_eq(run_alone(&l, "t", a_by_trylock_then_c), 1);
	close_locks(&l);
}

static void same_class_twice(struct sim_task *self, void *arg)
{
	struct locks *l = arg;
	struct sim_mutex other;

	(void)self;
	sim_mutex_init(&other, l->sim, sim_lock_class(l->sim, "A"), "another a");
	nest(l, &l->a, &other, "first", "second");
	sim_mutex_destroy(&other);
}

static void subclass_nested(struct sim_task *self, void *arg)
{
	struct locks *l = arg;
	struct sim_mutex other;

	(void)self;
	sim_mutex_init(&other, l->sim, sim_lock_class(l->sim, "A/1"), "a nested a");
	nest(l, &l->a, &other, "first", "second");
	sim_mutex_destroy(&other);
}

Test(lock_order, two_of_one_class_are_a_cycle_unless_nested_under_a_subclass)
{
	const struct sim_chain *chain;
	struct locks l;
	size_t n;

	open_locks(&l);
	cr_assert_eq(run_alone(&l, "t", subclass_nested), 0);
	cr_assert_eq(run_alone(&l, "t", same_class_twice), 1);
	chain = sim_lock_cycles(l.sim, &n);
	EXPECT_U64(chain->links, 1);
	cr_assert_str_eq(chain->link[0].resource, "A");
	close_locks(&l);
}

/* ---- reclaim ---- */

static void allocate_under_a(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	sim_mutex_lock(&l->a);
	sim_path_enter(l->sim, "kmalloc");
	sim_lock_order_note(l->sim, l->fs_reclaim);
	sim_path_leave(l->sim);
	sim_mutex_unlock(&l->a);
}

static void shrink(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	sim_lock_order_enter(l->sim, l->fs_reclaim);
	sim_rwsem_read(&l->sem);
	sim_rwsem_read_unlock(&l->sem);
	sim_lock_order_leave(l->sim, l->fs_reclaim);
}

static void sem_then_a(struct sim_task *self, void *arg)
{
	struct locks *l = arg;

	(void)self;
	sim_rwsem_write(&l->sem);
	sim_mutex_lock(&l->a);
	sim_mutex_unlock(&l->a);
	sim_rwsem_write_unlock(&l->sem);
}

Test(lock_order, reclaim_is_a_lock_that_allocations_take_and_shrinkers_hold)
{
	struct locks l;

	open_locks(&l);
	cr_assert_eq(run_alone(&l, "alloc", allocate_under_a), 0);
	cr_assert_eq(run_alone(&l, "kswapd", shrink), 0);
	cr_assert_eq(run_alone(&l, "sem", sem_then_a), 1);
	close_locks(&l);
}

enum { CLASSES = 100 };

static void take_in_a_ring(struct sim_task *self, void *arg)
{
	struct sim_lock_class **class = arg;
	struct sim *sim = sim_of(self);

	for (int i = 0; i < CLASSES; i++) {
		sim_lock_order_enter(sim, class[i]);
		sim_lock_order_note(sim, class[(i + 1) % CLASSES]);
		sim_lock_order_leave(sim, class[i]);
	}
}

Test(lock_order, a_hundred_classes_in_a_ring_close_one_cycle)
{
	struct sim *sim = new_run(1);
	struct sim_lock_class *class[CLASSES];
	const struct sim_chain *chain;
	char name[32];
	size_t n;

	for (int i = 0; i < CLASSES; i++) {
		snprintf(name, sizeof(name), "class %d", i);
		class[i] = sim_lock_class(sim, name);
		cr_assert_eq(sim_lock_class(sim, name), class[i]);
	}
	sim_lock_order_note(sim, class[0]); /* in no task: nothing to record */
	sim_spawn(sim, "ring", take_in_a_ring, class);
	sim_spawn(sim, "ring", take_in_a_ring, class);
	sim_run(sim, SIM_NEVER);
	chain = sim_lock_cycles(sim, &n);
	EXPECT_U64(n, 1);
	EXPECT_U64(chain->links, CLASSES);
	cr_assert_str_eq(chain->link[0].resource, "class 0");
	cr_assert_str_eq(chain->link[CLASSES - 1].resource, "class 99");
	sim_free(sim);
}
