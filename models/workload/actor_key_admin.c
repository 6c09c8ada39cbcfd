/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A key administrator: adds a key, removes it at a time, and calls again until it is gone. */
#include "models/workload/internal.h"

/* Calls whose busy inodes are metrics of their own. */
enum { CALLS_TOLD = 16 };

struct admin_config {
	char *key, *user;
	int64_t add, remove_after, retries;
	struct sim_dist retry;
};

struct admin {
	struct workload *workload;
	const struct admin_config *config;
	const char *name;
	uint32_t number;
	bool gone;
	uint64_t calls;
	sim_ns until_gone_ns;
	uint32_t busy[CALLS_TOLD];
};

/* One FS_IOC_REMOVE_ENCRYPTION_KEY; says whether the key is gone. */
static bool remove_once(struct admin *a, struct kernel_task *task, uint32_t key, uint64_t request)
{
	struct fscrypt *fc = a->workload->crypt;
	uint32_t user = fscrypt_user_number(fc, a->config->user), busy = 0;
	struct op_timer timer = op_begin(a->workload, task, "rmkey", request);
	enum fscrypt_removal flags;
	int err = fscrypt_remove_key(task, fc, key, user, &flags, &busy);

	op_end(a->workload, task, &timer, err);
	if (a->calls < CALLS_TOLD)
		a->busy[a->calls] = err ? 0 : busy;
	a->calls++;
	return fscrypt_key_status(fc, key) == KEY_ABSENT;
}

static void remove_key(struct admin *a, struct kernel_task *task, uint32_t key)
{
	struct sim *sim = machine_sim(a->workload->machine);
	sim_ns since = sim_now(sim);

	while (!a->gone && a->calls <= (uint64_t)a->config->retries) {
		uint64_t request = workload_request(a->number, a->calls + 1);

		if (a->calls)
			workload_pause(a->workload, task, "key_admin", request, &a->config->retry);
		a->gone = remove_once(a, task, key, request);
	}
	a->until_gone_ns = sim_now(sim) - since;
}

static void run_admin(struct kernel_task *task, void *arg)
{
	struct admin *a = arg;
	struct fscrypt *fc = a->workload->crypt;
	uint32_t key = fscrypt_key_number(fc, a->config->key);
	struct op_timer timer;

	if (a->config->add) {
		timer = op_begin(a->workload, task, "addkey", workload_request(a->number, 0));
		op_end(a->workload, task, &timer,
		       fscrypt_add_key(task, fc, key, fscrypt_user_number(fc, a->config->user)));
	}
	workload_wait_prepared(a->workload, task);
	kernel_sleep(task, (sim_ns)a->config->remove_after, PART_SLEEP);
	remove_key(a, task, key);
	workload_task_ends(a->workload);
}

static const struct sim_metric_def def_calls = {
	"key_admin.*.calls", "count", SIM_LESS_IS_BETTER, "keys",
	"calls to remove the key, until it was absent or the administrator gave up"};
static const struct sim_metric_def def_gone = {"key_admin.*.gone", "count", SIM_MORE_IS_BETTER,
					       "keys", "1: the key was absent in the end"};
static const struct sim_metric_def def_until = {"key_admin.*.until_gone_ns", "ns",
						SIM_LESS_IS_BETTER, "keys",
						"time from the first of these calls to the end of "
						"the one that left the key absent; not there "
						"if none did"};
static const struct sim_metric_def def_busy = {
	"key_admin.*.busy_after.*", "count", SIM_LESS_IS_BETTER, "keys",
	"inodes that the key's removal found busy, for each of the first 16 calls, from 1"};
static const struct sim_metric_def *const metric_defs[] = {&def_calls, &def_gone, &def_until,
							   &def_busy, NULL};

static void report(void *arg, struct sim_metrics *metrics)
{
	const struct admin *a = arg;

	sim_metrics_set_for(metrics, &def_calls, (int64_t)a->calls, a->name, NULL);
	sim_metrics_set_for(metrics, &def_gone, a->gone, a->name, NULL);
	if (a->gone)
		sim_metrics_set_for(metrics, &def_until, (int64_t)a->until_gone_ns, a->name, NULL);
	for (uint64_t i = 0; i < MIN(a->calls, CALLS_TOLD); i++) {
		g_autofree char *call = g_strdup_printf("%02" G_GUINT64_FORMAT, i + 1);

		sim_metrics_set_for(metrics, &def_busy, a->busy[i], a->name, call, NULL);
	}
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct admin *a = g_new0(struct admin, 1);

	a->workload = workload;
	a->config = config;
	a->name = name;
	workload_keep(workload, a, g_free);
	workload_on_report(workload, report, a);
	a->number = workload_spawn(workload, name, run_admin, a, NULL);
}

#define AT(field) offsetof(struct admin_config, field)

static const struct sim_param params[] = {
	{"key", SIM_PARAM_TEXT, AT(key), 0, 0, NULL, NULL, "the key"},
	{"user", SIM_PARAM_TEXT, AT(user), 0, 0, "root", NULL, "whose claim it is"},
	{"add", SIM_PARAM_BOOL, AT(add), 0, 1, "true", NULL, "the key is added first of all"},
	{"remove_after", SIM_PARAM_TIME, AT(remove_after), 0, 0, "1s", NULL,
	 "when it is removed, from the instant at which all files are made"},
	{"retry", SIM_PARAM_DIST, AT(retry), 0, 0, "10ms", NULL,
	 "time before the next call while the key is not absent"},
	{"retries", SIM_PARAM_INT, AT(retries), 0, 1 << 30, "1000", NULL,
	 "calls after the first, at most"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_key_admin = {
	.name = "key_admin",
	.summary = "adds a key, removes it at a time, and calls again until it is gone",
	.params = params,
	.config_bytes = sizeof(struct admin_config),
	.metrics = metric_defs,
	.start = start,
};
