/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that takes memory and keeps it: everybody else is left with what lies over the minimum
 * watermark, and goes to direct reclaim for more. What reclaim frees meanwhile it takes as well.
 */
#include "models/workload/internal.h"

struct hog_config {
	int64_t leave_free, bytes, step, start, hold, every;
};

struct hog {
	struct workload *workload;
	const struct hog_config *config;
	struct alloc_site *site;
	uint64_t pages;
	uint32_t number;
};

/* Pages to take next; 0: it has enough for now. */
static uint64_t wanted(const struct hog *hog, uint64_t page)
{
	uint64_t over = machine_memory_over_min(hog->workload->machine);
	uint64_t leave = (uint64_t)hog->config->leave_free, most = (uint64_t)hog->config->bytes;
	uint64_t want = over > leave ? over - leave : 0;

	want = MIN(want, (uint64_t)hog->config->step);
	if (most)
		want = MIN(want, most - MIN(most, hog->pages * page));
	return want / page;
}

static void eat(struct kernel_task *task, struct hog *hog, sim_ns until)
{
	struct machine *m = hog->workload->machine;
	uint64_t page = machine_size(m, SIZE_PAGE), pages;

	while (sim_now(machine_sim(m)) < until) {
		pages = wanted(hog, page);
		if (pages && kernel_alloc_many(task, hog->site, GFP_KERNEL, page, pages))
			hog->pages += pages;
		else
			kernel_sleep(
				task,
				MIN((sim_ns)hog->config->every, until - sim_now(machine_sim(m))),
				PART_SLEEP);
	}
}

static void run_hog(struct kernel_task *task, void *arg)
{
	struct hog *hog = arg;
	struct machine *m = hog->workload->machine;

	kernel_request_begin(task, workload_request(hog->number, 0));
	kernel_sleep(task, (sim_ns)hog->config->start, PART_SLEEP);
	eat(task, hog, sim_now(machine_sim(m)) + (sim_ns)hog->config->hold);
	kernel_free(m, hog->site, hog->pages * machine_size(m, SIZE_PAGE));
	workload_task_ends(hog->workload);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct hog *hog = g_new0(struct hog, 1);

	hog->workload = workload;
	hog->config = config;
	hog->site = alloc_site_of(workload->machine, "memory_hog", MEMORY_ANON);
	workload_keep(workload, hog, g_free);
	hog->number = workload_spawn(workload, name, run_hog, hog, NULL);
}

#define AT(field) offsetof(struct hog_config, field)

static const struct sim_param params[] = {
	{"leave_free", SIM_PARAM_BYTES, AT(leave_free), 0, 0, "0", NULL,
	 "free memory that it leaves over the minimum watermark"},
	{"bytes", SIM_PARAM_BYTES, AT(bytes), 0, 0, "0", NULL, "most that it takes; 0: no limit"},
	{"step", SIM_PARAM_BYTES, AT(step), KERNEL_BLOCK_BYTES, 0, "64KiB", NULL,
	 "taken at a time"},
	{"start", SIM_PARAM_TIME, AT(start), 0, 0, "0ns", NULL, "when it begins"},
	{"hold", SIM_PARAM_TIME, AT(hold), 1, 0, "1s", NULL,
	 "how long it takes what comes free and keeps it; then it gives all back"},
	{"every", SIM_PARAM_TIME, AT(every), 1, 0, "1ms", NULL, "time between looks for more"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_memory_hog = {
	.name = "memory_hog",
	.summary = "a process that takes the machine's memory, so that the others must reclaim",
	.params = params,
	.config_bytes = sizeof(struct hog_config),
	.start = start,
};
