/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices: `device_channels` servers behind one queue, first come first served, in plain
 * events. There is no merging and no elevator: bios arrive as the filesystem has built them.
 */
#include "models/kernel/machine.h"

struct block_request {
	struct block_request *next;
	struct block_device *device;
	unsigned int op;
	uint32_t blocks;
	uint64_t request, key, serial;
	uint64_t writes_before; /* of a flush: writes submitted before it and not done yet */
	sim_ns submitted_at, queued_at; /* a flush is queued when the writes before it are done */
	void (*end_io)(void *arg);
	void *arg;
};

struct request_list {
	struct block_request *head, *tail;
};

struct block_device {
	struct machine *machine;
	uint32_t busy; /* channels */
	uint64_t serial, writes; /* requests so far; writes not done */
	struct request_list queue, flushes; /* waiting for a channel; for earlier writes */
	sim_ns busy_ns, busy_since; /* channel-time */
};

void devices_init(struct machine *m)
{
	m->requests = g_ptr_array_new_with_free_func(g_free);
	m->device = g_new0(struct block_device, m->config.devices);
	for (uint32_t i = 0; i < m->config.devices; i++)
		m->device[i].machine = m;
}

void devices_destroy(struct machine *m)
{
	g_ptr_array_free(m->requests, TRUE);
	g_free(m->device);
}

static struct block_request *request_take(struct machine *m)
{
	struct block_request *request = m->free_request;

	if (request) {
		m->free_request = request->next;
	} else {
		request = g_new(struct block_request, 1);
		g_ptr_array_add(m->requests, request);
	}
	return request;
}

static void list_append(struct request_list *list, struct block_request *request)
{
	request->next = NULL;
	if (list->tail)
		list->tail->next = request;
	else
		list->head = request;
	list->tail = request;
}

static struct block_request *list_pop(struct request_list *list)
{
	struct block_request *request = list->head;

	list->head = request->next;
	if (!list->head)
		list->tail = NULL;
	return request;
}

static void device_account(struct block_device *device)
{
	sim_ns now = sim_now(device->machine->sim);

	device->busy_ns += (now - device->busy_since) * device->busy;
	device->busy_since = now;
}

uint64_t devices_busy_ns(struct machine *m)
{
	uint64_t ns = 0;

	for (uint32_t i = 0; i < m->config.devices; i++) {
		device_account(&m->device[i]);
		ns += m->device[i].busy_ns;
	}
	return ns;
}

static bool is_write(const struct block_request *request)
{
	return (request->op & ~BIO_METADATA) == BIO_WRITE;
}

static sim_ns service_ns(struct machine *m, const struct block_request *request)
{
	uint32_t k = 0;
	sim_ns ns;

	if ((request->op & ~BIO_METADATA) == BIO_FLUSH)
		return cost_draw(m, COST_DEVICE_FLUSH, 1, request->key, &k);
	ns = cost_draw(m, is_write(request) ? COST_DEVICE_WRITE : COST_DEVICE_READ, 1, request->key,
		       &k);
	if (request->blocks > 1)
		ns += cost_draw(m, COST_DEVICE_4K, request->blocks - 1, request->key, &k);
	return ns;
}

static struct bio_trace traced(const struct block_request *request)
{
	struct block_device *device = request->device;

	return (struct bio_trace){
		.device = (uint32_t)(device - device->machine->device),
		.serial = request->serial,
		.op = request->op,
		.blocks = request->blocks,
		.request = request->request,
		.queued_ns = sim_now(device->machine->sim) - request->queued_at,
	};
}

static void trace_begins(const struct block_request *request)
{
	struct bio_trace bio = traced(request);

	trace_bio_begins(request->device->machine, &bio);
}

static void trace_ends(const struct block_request *request)
{
	struct bio_trace bio = traced(request);

	trace_bio_ends(request->device->machine, &bio);
}

static void request_done(struct sim *sim, void *arg);

static void device_start(struct block_device *device)
{
	struct machine *m = device->machine;

	while (device->queue.head && device->busy < m->config.device_channels) {
		struct block_request *request = list_pop(&device->queue);
		sim_ns waited = sim_now(m->sim) - request->queued_at;

		m->io.queue_wait_ns += waited;
		m->io.queue_wait_max_ns = MAX(m->io.queue_wait_max_ns, waited);
		device_account(device);
		device->busy++;
		if (m->traced)
			trace_begins(request);
		sim_after(m->sim, service_ns(m, request), 0, request_done, request);
	}
}

/* A write is done: flushes that came after it wait for one less. */
static void release_flushes(struct block_device *device, uint64_t serial)
{
	struct request_list waiting = device->flushes;
	struct block_request *request, *next;

	device->flushes = (struct request_list){NULL, NULL};
	for (request = waiting.head; request; request = next) {
		next = request->next;
		if (request->serial > serial && !--request->writes_before) {
			request->queued_at = sim_now(device->machine->sim);
			list_append(&device->queue, request);
		} else {
			list_append(&device->flushes, request);
		}
	}
}

static void request_done(struct sim *sim, void *arg)
{
	struct block_request *request = arg;
	struct block_device *device = request->device;
	struct machine *m = device->machine;
	void (*end_io)(void *arg) = request->end_io;
	void *end_io_arg = request->arg;

	(void)sim;
	if (m->traced)
		trace_ends(request);
	device_account(device);
	device->busy--;
	if (is_write(request)) {
		device->writes--;
		release_flushes(device, request->serial);
	}
	device_start(device);
	m->event_request = request->request;
	m->event_key = request->key;
	m->event_children = 0;
	m->event_submitted = request->submitted_at;
	request->next = m->free_request;
	m->free_request = request;
	m->in_end_io = true;
	end_io(end_io_arg);
	m->in_end_io = false;
}

static void count_bio(struct machine *m, unsigned int op, uint32_t blocks)
{
	uint64_t bytes = (uint64_t)blocks * KERNEL_BLOCK_BYTES;
	bool metadata = op & BIO_METADATA;

	switch (op & ~BIO_METADATA) {
	case BIO_FLUSH:
		m->io.flushes++;
		return;
	case BIO_READ:
		*(metadata ? &m->io.metadata_read_bytes : &m->io.read_bytes) += bytes;
		break;
	case BIO_WRITE:
		*(metadata ? &m->io.metadata_written_bytes : &m->io.written_bytes) += bytes;
		break;
	default:
		g_assert_not_reached();
	}
	*(metadata ? &m->io.metadata_bios : &m->io.bios) += 1;
	m->io.read_bios += op == BIO_READ;
}

void bio_submit(struct machine *machine, uint32_t device, unsigned int op, uint64_t physical_block,
		uint32_t blocks, uint64_t request, void (*end_io)(void *arg), void *arg)
{
	struct block_device *dev = &machine->device[device];
	struct block_request *r = request_take(machine);

	(void)physical_block; /* a solid-state device: where a block lies costs nothing */
	g_assert(device < machine->config.devices);
	*r = (struct block_request){.device = dev,
				    .op = op,
				    .blocks = blocks,
				    .request = request,
				    .key = request_child_key(machine, request),
				    .serial = dev->serial++,
				    .submitted_at = sim_now(machine->sim),
				    .queued_at = sim_now(machine->sim),
				    .end_io = end_io,
				    .arg = arg};
	count_bio(machine, op, blocks);
	if (is_write(r))
		dev->writes++;
	r->writes_before = dev->writes;
	if ((op & ~BIO_METADATA) == BIO_FLUSH && dev->writes)
		list_append(&dev->flushes, r);
	else
		list_append(&dev->queue, r);
	device_start(dev);
}

struct bio_wait {
	struct machine *machine;
	struct sim_waitq wait;
	bool done;
};

static void end_bio_wait(void *arg)
{
	struct bio_wait *wait = arg;

	wait->done = true;
	kernel_wake_one(wait->machine, &wait->wait);
}

void bio_submit_wait(struct kernel_task *task, uint32_t device, unsigned int op,
		     uint64_t physical_block, uint32_t blocks)
{
	struct machine *m = task->machine;
	struct bio_wait wait = {.machine = m};

	sim_waitq_init(&wait.wait, m->sim, "submit_bio_wait");
	bio_submit(m, device, op, physical_block, blocks, task->request, end_bio_wait, &wait);
	while (!wait.done) {
		enum sim_wake wake = kernel_wait(task, &wait.wait, PART_DEVICE);

		g_assert(wake != SIM_KILLED);
	}
	sim_waitq_destroy(&wait.wait);
}
