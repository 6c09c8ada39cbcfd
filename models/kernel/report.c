/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine reports of itself. */
#include "models/kernel/machine.h"

static const struct sim_metric_def alloc_total = {
	"alloc.total", "allocations", SIM_LESS_IS_BETTER, "allocation",
	"Allocations asked for, page-cache pages and mempool attempts included: calls of "
	"kernel_alloc(), a bulk call counting one per object."};
static const struct sim_metric_def alloc_nofs = {
	"alloc.nofs", "allocations", SIM_NO_DIRECTION, "allocation",
	"Allocations whose effective flags, after memalloc scopes, are GFP_NOFS."};
static const struct sim_metric_def alloc_unsafe = {
	"alloc.unsafe", "allocations", SIM_LESS_IS_BETTER, "allocation",
	"Allocations whose effective flags allow FS reclaim (GFP_KERNEL after scopes) while the "
	"task "
	"is, innermost, in writeback, in a transaction or in endio."};
static const struct sim_metric_def alloc_failed = {
	"alloc.failed", "allocations", SIM_LESS_IS_BETTER, "allocation",
	"Allocations that returned NULL to their caller; a mempool attempt that ended with an "
	"element "
	"of the reserve is none."};
static const struct sim_metric_def alloc_reclaim = {
	"alloc.reclaim_ns", "ns", SIM_LESS_IS_BETTER, "allocation",
	"Time that allocating tasks spent in direct reclaim, waiting and throttling included, "
	"summed "
	"over tasks; kswapd's is not in it."};
static const struct sim_metric_def alloc_by = {
	"alloc.by.*.*.*", "allocations", SIM_NO_DIRECTION, "allocation",
	"Allocations by site, flags as the caller passed them, and innermost context (a bare NOFS "
	"scope shows as nofs_scope in process context only). Absent combinations did not occur."};
static const struct sim_metric_def mem_cache_max = {
	"mem.page_cache_max_bytes", "bytes", SIM_NO_DIRECTION, "memory",
	"Most bytes of page cache at any moment, dirty and clean."};
static const struct sim_metric_def mem_free_min = {
	"mem.free_min_bytes", "bytes", SIM_MORE_IS_BETTER, "memory",
	"Least modelled memory free at any moment: the machine's memory less page cache and "
	"everything "
	"charged to an allocation site."};
static const struct sim_metric_def io_bios = {"io.bios", "bios", SIM_LESS_IS_BETTER, "I/O",
					      "Bios with file data submitted to member devices, "
					      "reads and writes; metadata and flushes are "
					      "counted apart."};
static const struct sim_metric_def io_read_bios = {
	"io.read_bios", "bios", SIM_LESS_IS_BETTER, "I/O",
	"Of io.bios, those that read; scrub's and relocation's are among them."};
static const struct sim_metric_def io_metadata_bios = {
	"io.metadata_bios", "bios", SIM_LESS_IS_BETTER, "I/O",
	"Bios with tree blocks submitted to member devices, reads and writes."};
static const struct sim_metric_def io_flushes = {"io.flushes", "requests", SIM_LESS_IS_BETTER,
						 "I/O",
						 "Cache flushes submitted to member devices."};
static const struct sim_metric_def io_read = {"io.read_bytes", "bytes", SIM_LESS_IS_BETTER, "I/O",
					      "Bytes of file data read from member devices."};
static const struct sim_metric_def io_written = {"io.written_bytes", "bytes", SIM_LESS_IS_BETTER,
						 "I/O",
						 "Bytes of file data written to member devices."};
static const struct sim_metric_def io_metadata_read = {
	"io.metadata_read_bytes", "bytes", SIM_LESS_IS_BETTER, "I/O",
	"Bytes of tree blocks read from member devices."};
static const struct sim_metric_def io_metadata_written = {
	"io.metadata_written_bytes", "bytes", SIM_LESS_IS_BETTER, "I/O",
	"Bytes of tree blocks written to member devices."};
static const struct sim_metric_def io_queue_wait = {
	"io.queue_wait_ns", "ns", SIM_LESS_IS_BETTER, "I/O",
	"Time that requests waited for a device channel, summed over requests; a flush's wait for "
	"earlier writes is not in it."};
static const struct sim_metric_def io_queue_wait_max = {
	"io.queue_wait_max_ns", "ns", SIM_LESS_IS_BETTER, "I/O",
	"Longest time that one request waited for a device channel."};
static const struct sim_metric_def io_utilisation = {
	"io.utilisation_permille", "per mille", SIM_NO_DIRECTION, "I/O",
	"Busy channel-time over elapsed time, all channels of all devices, from the start of the "
	"run "
	"to its end; rounded down. Absent when no time passed."};
static const struct sim_metric_def cpu_busy = {
	"cpu.busy_ns", "ns", SIM_LESS_IS_BETTER, "CPU",
	"CPU time of all tasks, the machine's own (flusher, kswapd, workers) and context switches "
	"included, summed over CPUs."};
static const struct sim_metric_def cpu_queue = {
	"cpu.queue_ns", "ns", SIM_LESS_IS_BETTER, "CPU",
	"Time that runnable tasks waited for a CPU, summed over tasks."};
static const struct sim_metric_def cpu_switches = {
	"cpu.context_switches", "switches", SIM_LESS_IS_BETTER, "CPU",
	"Times that a task was put on a CPU: at its start, after each wait and after each "
	"preemption."};
static const struct sim_metric_def writeback_throttled = {
	"writeback.throttled_ns", "ns", SIM_LESS_IS_BETTER, "I/O",
	"Time that writers paused in balance_dirty_pages(), summed over tasks."};

static const struct sim_metric_def mempool_waits = {
	"mempool.waits", "count", SIM_LESS_IS_BETTER, "allocation",
	"Allocations from mempools that slept for an element."};
static const struct sim_metric_def mempool_wait = {
	"mempool.wait_ns", "ns", SIM_LESS_IS_BETTER, "allocation",
	"Time that tasks slept for elements of mempools, tries in between included, summed over "
	"tasks."};
static const struct sim_metric_def mempool_wait_max = {
	"mempool.wait_max_ns", "ns", SIM_LESS_IS_BETTER, "allocation",
	"Longest time that one allocation from a mempool slept."};
static const struct sim_metric_def stalls_hung = {
	"stalls.hung_tasks", "count", SIM_LESS_IS_BETTER, "findings",
	"Uninterruptible waits of at least hung_task (120 s): locks, I/O, completions, not timed "
	"ones; those that have not ended included."};
static const struct sim_metric_def stalls_longest = {
	"stalls.longest_ns", "ns", SIM_LESS_IS_BETTER, "findings",
	"Longest uninterruptible wait, over in time or not; timed ones, such as for a mempool, are "
	"not in it."};

const struct sim_metric_def *const machine_metric_defs[] = {
	&alloc_total,
	&alloc_nofs,
	&alloc_unsafe,
	&alloc_failed,
	&alloc_reclaim,
	&alloc_by,
	&mem_cache_max,
	&mem_free_min,
	&io_bios,
	&io_read_bios,
	&io_metadata_bios,
	&io_flushes,
	&io_read,
	&io_written,
	&io_metadata_read,
	&io_metadata_written,
	&io_queue_wait,
	&io_queue_wait_max,
	&io_utilisation,
	&cpu_busy,
	&cpu_queue,
	&cpu_switches,
	&writeback_throttled,
	&mempool_waits,
	&mempool_wait,
	&mempool_wait_max,
	&stalls_hung,
	&stalls_longest,
	&crypto_lookups_def,
	&crypto_waits_def,
	&crypto_loads_def,
	&crypto_timeouts_def,
	&crypto_setkey_def,
	NULL,
};

static void set(struct sim_metrics *metrics, const struct sim_metric_def *def, uint64_t value)
{
	sim_metrics_set(metrics, def, def->name, (int64_t)value);
}

static void report_allocations(struct machine *m, struct sim_metrics *metrics)
{
	set(metrics, &alloc_total, m->alloc.total);
	set(metrics, &alloc_nofs, m->alloc.nofs);
	set(metrics, &alloc_unsafe, m->alloc.unsafe);
	set(metrics, &alloc_failed, m->alloc.failed);
	set(metrics, &alloc_reclaim, m->alloc.reclaim_ns);
	for (guint i = 0; i < m->sites->len; i++) {
		const struct alloc_site *site = g_ptr_array_index(m->sites, i);

		for (int gfp = 0; gfp < GFP_FLAGS; gfp++)
			for (int context = 0; context < ALLOC_CONTEXTS; context++)
				if (site->count[gfp][context])
					sim_metrics_set_for(metrics, &alloc_by,
							    (int64_t)site->count[gfp][context],
							    site->name, gfp_names[gfp],
							    alloc_context_names[context], NULL);
	}
}

/* part <= whole; years of channel-time do not overflow it. */
static uint64_t permille_of(uint64_t part, uint64_t whole)
{
	if (part <= UINT64_MAX / PERMILLE)
		return part * PERMILLE / whole;
	return part / (whole / PERMILLE);
}

static void report_io(struct machine *m, struct sim_metrics *metrics)
{
	uint64_t capacity =
		(uint64_t)m->config.devices * m->config.device_channels * sim_now(m->sim);

	set(metrics, &io_bios, m->io.bios);
	set(metrics, &io_read_bios, m->io.read_bios);
	set(metrics, &io_metadata_bios, m->io.metadata_bios);
	set(metrics, &io_flushes, m->io.flushes);
	set(metrics, &io_read, m->io.read_bytes);
	set(metrics, &io_written, m->io.written_bytes);
	set(metrics, &io_metadata_read, m->io.metadata_read_bytes);
	set(metrics, &io_metadata_written, m->io.metadata_written_bytes);
	set(metrics, &io_queue_wait, m->io.queue_wait_ns);
	set(metrics, &io_queue_wait_max, m->io.queue_wait_max_ns);
	if (capacity)
		set(metrics, &io_utilisation, permille_of(devices_busy_ns(m), capacity));
	set(metrics, &writeback_throttled, m->throttled_ns);
}

static void report_stalls(struct machine *m, struct sim_metrics *metrics)
{
	sim_ns longest;

	set(metrics, &stalls_hung, hung_tasks(m, &longest));
	set(metrics, &stalls_longest, longest);
	set(metrics, &mempool_waits, m->mempool_waits);
	set(metrics, &mempool_wait, m->mempool_wait_ns);
	set(metrics, &mempool_wait_max, m->mempool_wait_max_ns);
}

void machine_report(struct machine *machine, struct sim_metrics *metrics)
{
	report_allocations(machine, metrics);
	set(metrics, &mem_cache_max, machine->cached_pages_max * machine_size(machine, SIZE_PAGE));
	set(metrics, &mem_free_min, machine->free_min_bytes);
	report_io(machine, metrics);
	set(metrics, &cpu_busy, machine->cpu_busy_ns);
	set(metrics, &cpu_queue, machine->cpu_queue_ns);
	set(metrics, &cpu_switches, machine->context_switches);
	report_stalls(machine, metrics);
	crypto_api_report(machine, metrics);
	memory_report_series(machine, metrics);
}
