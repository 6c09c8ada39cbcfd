/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the machine tells those who look on: CPUs, what tasks do on them, bios, memory. */
#include "models/kernel/machine.h"

#include <stdio.h>

enum { LANE_NAME = 32 };

/* ---- tasks and CPUs ---- */

void trace_task_group(struct kernel_task *task, const char *group)
{
	sim_trace_task_group(task->machine->sim, task->sim_task, group);
}

static struct sim_trace_lane cpu_of(const struct kernel_task *task)
{
	return (struct sim_trace_lane){"CPUs", "CPU", sim_task_id(task->sim_task)};
}

void trace_cpu_taken(struct kernel_task *task)
{
	struct sim_trace_lane lane = cpu_of(task);
	struct sim_trace_slice slice = {
		.kind = "cpu",
		.name = sim_task_name(task->sim_task),
		.number = {{"task", sim_task_id(task->sim_task)}},
	};

	sim_trace_lane_begin(task->machine->sim, &lane, &slice);
}

void trace_cpu_given(struct kernel_task *task)
{
	struct sim_trace_lane lane = cpu_of(task);

	sim_trace_lane_end(task->machine->sim, &lane);
}

void trace_run_begins(struct kernel_task *task, const char *what)
{
	sim_trace_begin(task->machine->sim, &(struct sim_trace_slice){.kind = "run", .name = what});
}

void trace_run_ends(struct kernel_task *task)
{
	sim_trace_end(task->machine->sim, "run");
}

void trace_work_begins(struct kernel_task *task)
{
	struct sim_trace_slice slice = {
		.kind = "work",
		.name = "work item",
		.number = {{"request", task->request}},
	};

	sim_trace_begin(task->machine->sim, &slice);
}

void trace_work_ends(struct kernel_task *task)
{
	sim_trace_end(task->machine->sim, "work");
}

/* ---- devices ---- */

static const char *bio_name(unsigned int op)
{
	bool metadata = op & BIO_METADATA;

	switch ((enum bio_op)(op & ~(unsigned int)BIO_METADATA)) {
	case BIO_READ:
		return metadata ? "read metadata" : "read";
	case BIO_WRITE:
		return metadata ? "write metadata" : "write";
	case BIO_FLUSH:
		return "flush";
	case BIO_METADATA:
		break;
	}
	return "bio";
}

static struct sim_trace_lane channel_of(const struct bio_trace *bio, char name[LANE_NAME])
{
	snprintf(name, LANE_NAME, "device %u channel", bio->device);
	return (struct sim_trace_lane){"devices", name, bio->serial};
}

void trace_bio_begins(struct machine *m, const struct bio_trace *bio)
{
	char name[LANE_NAME];
	struct sim_trace_lane lane = channel_of(bio, name);
	struct sim_trace_slice slice = {
		.kind = "bio",
		.name = bio_name(bio->op),
		.number = {{"blocks", bio->blocks},
			   {"request", bio->request},
			   {"queued_ns", bio->queued_ns}},
	};

	sim_trace_lane_begin(m->sim, &lane, &slice);
}

void trace_bio_ends(struct machine *m, const struct bio_trace *bio)
{
	char name[LANE_NAME];
	struct sim_trace_lane lane = channel_of(bio, name);

	sim_trace_lane_end(m->sim, &lane);
}

/* ---- memory ---- */

static uint64_t read_used(const void *arg)
{
	return ((const struct machine *)arg)->used_bytes;
}

static uint64_t page_bytes(const struct machine *m, uint64_t pages)
{
	return pages * machine_size(m, SIZE_PAGE);
}

static uint64_t read_dirty(const void *arg)
{
	const struct machine *m = arg;

	return page_bytes(m, m->dirty_pages);
}

static uint64_t read_writeback(const void *arg)
{
	const struct machine *m = arg;

	return page_bytes(m, m->writeback_pages);
}

static uint64_t read_site(const void *arg)
{
	return alloc_site_bytes(arg);
}

void trace_init(struct machine *m)
{
	const struct sim_gauge gauges[] = {
		{"memory", "used", "bytes", read_used, m},
		{"memory", "dirty pages", "bytes", read_dirty, m},
		{"memory", "pages under writeback", "bytes", read_writeback, m},
	};

	m->traced = sim_traced(m->sim);
	for (size_t i = 0; i < G_N_ELEMENTS(gauges); i++)
		sim_gauge_add(m->sim, &gauges[i]);
}

void trace_site(struct machine *m, struct alloc_site *site)
{
	struct sim_gauge gauge = {"memory", site->name, "bytes", read_site, site};

	sim_gauge_add(m->sim, &gauge);
}
