/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting a machine together and taking it apart. */
#include "models/kernel/machine.h"

struct machine *machine_new(struct sim *sim, const struct machine_config *config)
{
	struct machine *m = g_new0(struct machine, 1);

	g_assert(config->cpus && config->devices && config->device_channels);
	m->sim = sim;
	m->config = *config;
	for (int i = 0; i < KERNEL_COSTS; i++)
		m->purpose[i] = sim_purpose(kernel_cost_table[i].name);
	trace_init(m);
	tasks_init(m);
	memory_init(m);
	reclaim_init(m);
	m->page_site = alloc_site_of(m, "page_cache", MEMORY_PAGE_CACHE);
	writeback_init(m);
	devices_init(m);
	crypto_api_init(m);
	return m;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	crypto_api_destroy(machine);
	devices_destroy(machine);
	writeback_destroy(machine);
	reclaim_destroy(machine);
	memory_destroy(machine);
	tasks_destroy(machine);
	places_destroy(machine);
	g_free(machine);
}

struct sim *machine_sim(const struct machine *machine)
{
	return machine->sim;
}

const struct machine_config *machine_config(const struct machine *machine)
{
	return &machine->config;
}
