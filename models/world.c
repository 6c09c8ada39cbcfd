/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "models/world.h"

#include <string.h>

#include "models/world_image.h"

const struct scenario_registry world_registry = {
	.actor_kinds = actor_kinds,
	.variant_params = fscrypt_variant_params,
	.variant_check = fscrypt_variant_check,
	.variant_fits = fscrypt_variant_fits,
};

struct world {
	const struct world_options *options;
	struct sim *sim;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *crypt;
	struct workload *workload;
	struct world_outcome *outcome;
};

/* ---- metrics of the run as a whole ---- */

static const struct sim_metric_def def_deadlocks = {
	"deadlocks", "count", SIM_LESS_IS_BETTER, "findings",
	"sets of tasks that nobody outside the set could wake"};
static const struct sim_metric_def def_cycles = {
	"lock.possible_cycles", "count", SIM_LESS_IS_BETTER, "findings",
	"cycles of the lock-order graph: deadlocks that some other timing could meet"};
static const struct sim_metric_def def_elapsed = {
	"time.elapsed_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"simulated time from mount to the end of the last actor"};

static const struct sim_metric_def *const own_defs[] = {&def_deadlocks, &def_cycles, &def_elapsed,
							NULL};

static const struct sim_metric_def *const no_defs[] = {NULL};

const struct sim_metric_def *const *world_metric_defs(size_t list)
{
	const struct sim_metric_def *const *const lists[] = {
		own_defs, workload_metric_defs, btrfs_metric_defs, btrfs_check_metric_defs,
		machine_metric_defs};
	size_t own = G_N_ELEMENTS(lists), kinds = 0;

	if (list < own)
		return lists[list];
	list -= own;
	while (actor_kinds[kinds])
		kinds++;
	if (list < kinds)
		return actor_kinds[list]->metrics ? actor_kinds[list]->metrics : no_defs;
	return fscrypt_metric_defs(list - kinds);
}

/* ---- findings ---- */

static void add_finding(struct world *w, const char *kind, sim_ns when, char *text)
{
	struct world_finding *finding = g_new(struct world_finding, 1);

	*finding = (struct world_finding){g_strdup(kind), text, when};
	g_ptr_array_add(w->outcome->findings, finding);
}

static char *chain_text(const struct sim_chain *chain)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < chain->links; i++) {
		const struct sim_chain_link *link = &chain->link[i];

		g_string_append_printf(text, "%s%s in %s() waits for %s%s%s", i ? "\n" : "",
				       link->task, link->path ? link->path : "?", link->resource,
				       link->held_since_path ? ", taken in " : "",
				       link->held_since_path ? link->held_since_path : "");
	}
	return g_string_free(text, false);
}

/* A cycle of the lock-order graph: each link's lock was taken while the one before it was held. */
static char *cycle_text(const struct sim_chain *cycle)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < cycle->links; i++) {
		const struct sim_chain_link *link = &cycle->link[i];
		const struct sim_chain_link *before =
			&cycle->link[(i + cycle->links - 1) % cycle->links];

		g_string_append_printf(text, "%s%s took %s in %s(), holding %s%s%s%s",
				       i ? "\n" : "", link->task, link->resource,
				       link->path ? link->path : "?", before->resource,
				       link->held_since_path ? " since " : "",
				       link->held_since_path ? link->held_since_path : "",
				       link->held_since_path ? "()" : "");
	}
	return g_string_free(text, false);
}

static void add_chains(struct world *w, const char *kind, const struct sim_chain *chains,
		       size_t count, char *(*text)(const struct sim_chain *chain))
{
	for (size_t i = 0; i < count; i++)
		add_finding(w, kind, chains[i].when, text(&chains[i]));
}

/* ---- life of a world ---- */

static void start_actors(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	const struct scenario *scenario = w->options->scenario;

	machine_prime(task);
	for (guint i = 0; i < scenario->actors->len; i++) {
		const struct scenario_actor *actor = scenario->actors->pdata[i];

		actor->kind->start(w->workload, actor->name, actor->config);
	}
}

/* kernel_read_file() of the module that modprobe loads. */
static void read_module(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	struct btrfs_file *file;

	sim_path_enter(w->sim, "kernel_read_file");
	if (!btrfs_open(task, w->fs, w->options->scenario->modprobe_path, 0, &file)) {
		btrfs_read(task, file, 0, btrfs_inode_size(btrfs_file_inode(file)));
		btrfs_close(task, file);
	}
	sim_path_leave(w->sim);
}

static void set_config(const struct world *w, struct btrfs_config *config,
		       const struct world_image *image)
{
	const struct fscrypt_variant *variant = w->options->variant;
	const struct scenario *scenario = w->options->scenario;

	*config = (struct btrfs_config){
		.encrypts = fscrypt_variant_encrypts(variant),
		.load_locked = variant->load == LOAD_LOCKED,
		.context_bytes = fscrypt_variant_context_bytes(variant),
		.context_separate = variant->layout == LAYOUT_SEPARATE,
		.context_prefix = variant->layout_prefix,
		.fault_context_not_copied = variant->fault_context_not_copied,
		.fault_evict_dirty = variant->fault_evict_dirty,
		.buffer_direct_writes = scenario->buffer_direct_writes,
		.compress = scenario->compress,
		.mixed_trees = fscrypt_variant_context_bytes(variant) != 0,
		.leaf_borrows = !variant->leaf_context,
		.tag_bytes = variant->auth == AUTH_NONE ? 0 : (uint32_t)variant->auth_tag,
		.tag_replaces_csum = variant->auth == AUTH_CSUM,
		.data_mirrors = scenario->data_mirrors,
		.fault_leaked_info = variant->fault_leaked_info,
		.image = scenario->image ? &image->image : NULL,
	};
	config->image_key = scenario->image_key && config->encrypts ? 1 : 0;
}

static bool build(struct world *w, GError **error)
{
	const struct scenario *scenario = w->options->scenario;
	struct sim_options sim_options = {
		.seed = scenario->seed,
		.replication = w->options->replication,
		.interrupted = w->options->interrupted,
		.tracer = w->options->tracer,
		.tracer_arg = w->options->tracer_arg,
	};
	struct btrfs_config config;
	struct world_image image = {0};

	w->sim = sim_new(&sim_options);
	w->machine = machine_new(w->sim, &scenario->machine);
	if (scenario->image)
		world_image_build(&image, scenario->image);
	set_config(w, &config, &image);
	w->fs = btrfs_mount(w->machine, &config, error);
	world_image_clear(&image);
	if (!w->fs)
		return false;
	w->crypt = fscrypt_new(w->fs, w->options->variant);
	fscrypt_mount(w->crypt);
	if (config.image_key)
		fscrypt_preset_key(w->crypt, fscrypt_key_number(w->crypt, scenario->image_key));
	if (scenario->modprobe_path)
		machine_on_modprobe(w->machine, read_module, w);
	w->workload = workload_new(w->machine, w->fs, w->crypt);
	if (w->options->keep_dumps)
		w->workload->dumps = g_string_new(NULL);
	return true;
}

/* The run first: tasks that still stand somewhere must be gone before what they stand on. */
static void take_apart(struct world *w)
{
	sim_free(w->sim);
	if (w->workload)
		workload_free(w->workload);
	if (w->fs)
		btrfs_free(w->fs);
	if (w->crypt)
		fscrypt_free(w->crypt);
	if (w->machine)
		machine_free(w->machine);
}

static void keep_digests(struct world *w)
{
	struct world_outcome *outcome = w->outcome;
	const struct sim_mark *marks = sim_marks(w->sim, &outcome->marks, &outcome->mark_interval);

	outcome->digest = sim_digest(w->sim);
	memcpy(outcome->mark, marks, outcome->marks * sizeof(*marks));
}

static void measure(struct world *w)
{
	struct sim_metrics *metrics = w->outcome->metrics;
	size_t deadlocks, cycles;
	const struct sim_chain *found = sim_deadlocks(w->sim, &deadlocks);
	const struct sim_chain *possible = sim_lock_cycles(w->sim, &cycles);

	for (guint i = 0; i < fscrypt_findings(w->crypt)->len; i++) {
		const struct fscrypt_finding *finding = fscrypt_findings(w->crypt)->pdata[i];

		add_finding(w, finding->kind, finding->when, g_strdup(finding->text));
	}
	add_chains(w, "deadlock", found, deadlocks, chain_text);
	add_chains(w, "possible deadlock", possible, cycles, cycle_text);
	for (guint i = 0; i < w->workload->findings->len; i++) {
		const struct workload_finding *found_wrong = w->workload->findings->pdata[i];

		add_finding(w, found_wrong->kind, found_wrong->time_ns,
			    g_strdup(found_wrong->text));
	}
	sim_metrics_set(metrics, &def_deadlocks, def_deadlocks.name, (int64_t)deadlocks);
	sim_metrics_set(metrics, &def_cycles, def_cycles.name, (int64_t)cycles);
	sim_metrics_set(metrics, &def_elapsed, def_elapsed.name, (int64_t)w->workload->ended_at_ns);
	workload_report(w->workload, metrics);
	btrfs_report(w->fs, metrics);
	fscrypt_report(w->crypt, metrics);
	machine_report(w->machine, metrics);
	w->outcome->elapsed_ns = w->workload->ended_at_ns;
	w->outcome->events = sim_events(w->sim);
	w->outcome->draws = sim_draws(w->sim);
	keep_digests(w);
}

static void run(struct world *w)
{
	enum sim_end end;

	kernel_spawn(w->machine, "mount", start_actors, w);
	end = sim_run(w->sim, w->options->scenario->until_ns);
	w->outcome->interrupted = end == SIM_END_INTERRUPTED;
	w->outcome->completed =
		end == SIM_END_TIME || (end == SIM_END_IDLE && !w->workload->running);
	if (end == SIM_END_IDLE && w->workload->running)
		add_finding(w, "stuck", sim_now(w->sim),
			    g_strdup_printf("%u tasks of actors never ended: nothing is left that "
					    "could wake them",
					    w->workload->running));
	/* Tasks and bios that still stand somewhere refer to infos. */
	if (end == SIM_END_IDLE && !w->workload->running)
		fscrypt_check_end(w->crypt);
	if (w->options->ended)
		w->options->ended(
			w->options->ended_arg,
			&(struct world_parts){w->sim, w->machine, w->fs, w->crypt, w->workload});
	measure(w);
	if (w->workload->dumps)
		w->outcome->dumps = g_strdup(w->workload->dumps->str);
}

static void finding_free(gpointer arg)
{
	struct world_finding *finding = arg;

	g_free(finding->kind);
	g_free(finding->text);
	g_free(finding);
}

bool world_run(const struct world_options *options, struct world_outcome *outcome, GError **error)
{
	struct world w = {.options = options, .outcome = outcome};
	bool built;

	*outcome = (struct world_outcome){
		.metrics = sim_metrics_new(),
		.findings = g_ptr_array_new_with_free_func(finding_free),
	};
	built = build(&w, error);
	if (built)
		run(&w);
	take_apart(&w);
	if (!built)
		world_outcome_clear(outcome);
	return built;
}

void world_outcome_clear(struct world_outcome *outcome)
{
	sim_metrics_free(outcome->metrics);
	g_ptr_array_free(outcome->findings, true);
	g_free(outcome->dumps);
}
