/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crypto API as far as it takes time, memory and locks: look-ups under crypto_alg_sem, loading an
 * absent module, registration and self tests (6.12: crypto/api.c, crypto/algapi.c,
 * crypto/algboss.c). It computes nothing.
 */
#include "models/kernel/machine.h"

#include <errno.h>

/* How far an algorithm has come; what its module registers is under test until its thread is done. */
enum alg_state { ALG_ABSENT, ALG_TESTING, ALG_READY, ALG_UNTESTED };

struct alg {
	enum alg_state state;
	bool loading; /* its module's init runs */
	struct sim_waitq loaded; /* other modprobes, for the init to end */
	struct sim_waitq tested; /* larval->completion */
};

/* A call of request_module(); owned by the API until the asking task has gone on. */
struct module_request {
	struct crypto_api *api;
	struct alg *alg;
	uint64_t request, key; /* of the modprobe task's draws */
	struct sim_waitq done;
	bool finished;
};

struct test {
	struct crypto_api *api;
	struct alg *alg; /* NULL: nobody looks for it */
	uint64_t request, key;
};

struct crypto_api {
	struct machine *machine;
	struct kernel_rwsem alg_sem;
	struct alg alg[CIPHER_MODES];
	GPtrArray *requests; /* struct module_request * */
	GPtrArray *tests; /* struct test * */
	struct alloc_site *site_larval, *site_test, *site_setkey;
	void (*modprobe)(struct kernel_task *task, void *arg);
	void *modprobe_arg;
	uint64_t lookups, loads, timeouts, setkey_allocations;
};

const struct sim_metric_def crypto_lookups_def = {
	"crypto.alg_lookups", "count", SIM_LESS_IS_BETTER, "crypto API",
	"Times that crypto_alg_sem was taken for read to look an algorithm up, one per part of "
	"each cipher made."};
const struct sim_metric_def crypto_waits_def = {
	"crypto.alg_sem_waits", "count", SIM_LESS_IS_BETTER, "crypto API",
	"Times that crypto_alg_sem, for read or write, was busy and the task slept; spinning for "
	"its cache line is not in it."};
const struct sim_metric_def crypto_loads_def = {
	"crypto.module_loads", "count", SIM_LESS_IS_BETTER, "crypto API",
	"Calls of request_module() by look-ups that found no algorithm."};
const struct sim_metric_def crypto_timeouts_def = {
	"crypto.larval_timeouts", "count", SIM_LESS_IS_BETTER, "crypto API",
	"Waits for an algorithm's self test that were given up."};
const struct sim_metric_def crypto_setkey_def = {
	"crypto.setkey_allocations", "count", SIM_LESS_IS_BETTER, "crypto API",
	"Allocations made by crypto_skcipher_setkey(): Adiantum's, one per key set."};

void crypto_api_init(struct machine *m)
{
	struct crypto_api *api = g_new0(struct crypto_api, 1);

	m->crypto = api;
	api->machine = m;
	kernel_rwsem_init(&api->alg_sem, m, "crypto_alg_sem");
	api->requests = g_ptr_array_new();
	api->tests = g_ptr_array_new_with_free_func(g_free);
	api->site_larval = alloc_site(m, "crypto_larval");
	api->site_test = alloc_site(m, "crypto_test");
	api->site_setkey = alloc_site(m, "adiantum_setkey");
	for (int mode = 0; mode < CIPHER_MODES; mode++) {
		struct alg *alg = &api->alg[mode];

		alg->state = m->config.modules_absent >> mode & 1 ? ALG_ABSENT : ALG_READY;
		sim_waitq_init(&alg->loaded, m->sim, "module init");
		sim_waitq_init(&alg->tested, m->sim, "crypto_larval");
	}
}

static void module_request_free(struct module_request *request)
{
	sim_waitq_destroy(&request->done);
	g_free(request);
}

void crypto_api_destroy(struct machine *m)
{
	struct crypto_api *api = m->crypto;

	for (guint i = 0; i < api->requests->len; i++)
		module_request_free(api->requests->pdata[i]);
	g_ptr_array_free(api->requests, TRUE);
	g_ptr_array_free(api->tests, TRUE);
	for (int mode = 0; mode < CIPHER_MODES; mode++) {
		sim_waitq_destroy(&api->alg[mode].loaded);
		sim_waitq_destroy(&api->alg[mode].tested);
	}
	kernel_rwsem_destroy(&api->alg_sem);
	g_free(api);
}

void machine_on_modprobe(struct machine *machine, void (*fn)(struct kernel_task *task, void *arg),
			 void *arg)
{
	machine->crypto->modprobe = fn;
	machine->crypto->modprobe_arg = arg;
}

/* ---- registration ---- */

/* crypto_alg_tested(), in the thread that cryptomgr started. */
static void test_main(struct kernel_task *task, void *arg)
{
	struct test *test = arg;
	struct crypto_api *api = test->api;
	struct machine *m = api->machine;

	request_begin_keyed(task, test->request, test->key);
	kernel_run(task, COST_ALG_SELFTEST, 1);
	sim_path_enter(m->sim, "crypto_alg_tested");
	kernel_rwsem_write(task, &api->alg_sem);
	if (test->alg && test->alg->state == ALG_TESTING) {
		test->alg->state = ALG_READY;
		sim_waitq_wake_all(&test->alg->tested);
	}
	kernel_rwsem_write_unlock(task, &api->alg_sem);
	sim_path_leave(m->sim);
	kernel_free(m, api->site_larval, machine_size(m, SIZE_CRYPTO_LARVAL));
	kernel_free(m, api->site_test, machine_size(m, SIZE_CRYPTO_TEST));
	g_ptr_array_remove_fast(api->tests, test);
}

/* crypto_schedule_test(), still under the semaphore. */
static void start_test(struct kernel_task *task, struct crypto_api *api, struct alg *alg)
{
	struct test *test = g_new(struct test, 1);

	*test = (struct test){.api = api, .alg = alg, .request = task->request};
	test->key = request_child_key(api->machine, task->request);
	g_ptr_array_add(api->tests, test);
	if (alg)
		alg->state = ALG_TESTING;
	kernel_spawn(api->machine, "cryptomgr_test", test_main, test);
}

static int register_alg(struct kernel_task *task, struct alg *alg)
{
	struct machine *m = task->machine;
	struct crypto_api *api = m->crypto;
	bool done;

	sim_path_enter(m->sim, "crypto_register_alg");
	kernel_rwsem_write(task, &api->alg_sem);
	done = kernel_alloc(task, api->site_larval, GFP_KERNEL,
			    machine_size(m, SIZE_CRYPTO_LARVAL));
	if (done &&
	    !kernel_alloc(task, api->site_test, GFP_KERNEL, machine_size(m, SIZE_CRYPTO_TEST))) {
		kernel_free(m, api->site_larval, machine_size(m, SIZE_CRYPTO_LARVAL));
		done = false;
	}
	if (done)
		start_test(task, api, alg);
	kernel_rwsem_write_unlock(task, &api->alg_sem);
	sim_path_leave(m->sim);
	return done ? 0 : -ENOMEM;
}

int crypto_register_alg(struct kernel_task *task)
{
	return register_alg(task, NULL);
}

/* ---- loading a module ---- */

/* A module that another modprobe is loading is waited for, not loaded twice (idempotent_init_module()
 * and the wait for MODULE_STATE_LIVE). */
static void init_module_once(struct kernel_task *task, struct alg *alg)
{
	while (alg->loading)
		kernel_wait(task, &alg->loaded, PART_SLEEP);
	if (alg->state != ALG_ABSENT)
		return;
	alg->loading = true;
	sim_waitq_add_waker(&alg->loaded, task->sim_task);
	register_alg(task, alg);
	alg->loading = false;
	sim_waitq_remove_waker(&alg->loaded, task->sim_task);
	sim_waitq_wake_all(&alg->loaded);
}

static void modprobe_main(struct kernel_task *task, void *arg)
{
	struct module_request *request = arg;
	struct crypto_api *api = request->api;
	struct sim *sim = api->machine->sim;

	request_begin_keyed(task, request->request, request->key);
	sim_path_enter(sim, "finit_module");
	if (api->modprobe)
		api->modprobe(task, api->modprobe_arg);
	kernel_run(task, COST_MODPROBE, 1);
	init_module_once(task, request->alg);
	sim_path_leave(sim);
	request->finished = true;
	sim_waitq_remove_waker(&request->done, task->sim_task);
	sim_waitq_wake_all(&request->done);
}

/* Every caller starts a modprobe of its own, as without CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS. */
static void request_module(struct kernel_task *task, struct alg *alg)
{
	struct crypto_api *api = task->machine->crypto;
	struct module_request *request = g_new0(struct module_request, 1);
	struct kernel_task *modprobe;

	api->loads++;
	request->api = api;
	request->alg = alg;
	request->request = task->request;
	request->key = request_child_key(task->machine, task->request);
	sim_waitq_init(&request->done, task->machine->sim, "modprobe");
	g_ptr_array_add(api->requests, request);
	sim_path_enter(task->machine->sim, "request_module");
	modprobe = kernel_spawn(task->machine, "modprobe", modprobe_main, request);
	sim_waitq_add_waker_in(&request->done, modprobe->sim_task, "request_module");
	while (!request->finished)
		kernel_wait(task, &request->done, PART_ALLOC);
	sim_path_leave(task->machine->sim);
	g_ptr_array_remove_fast(api->requests, request);
	module_request_free(request);
}

/* ---- look-ups ---- */

static void crypto_alg_lookup(struct kernel_task *task)
{
	struct crypto_api *api = task->machine->crypto;

	kernel_rwsem_read(task, &api->alg_sem);
	api->lookups++;
	kernel_rwsem_read_unlock(task, &api->alg_sem);
}

static int crypto_larval_wait(struct kernel_task *task, struct alg *alg)
{
	struct crypto_api *api = task->machine->crypto;
	sim_ns until =
		sim_now(task->machine->sim) + machine_cost_mean(task->machine, SPAN_CRYPTO_LARVAL);

	sim_path_enter(task->machine->sim, "crypto_larval_wait");
	while (alg->state == ALG_TESTING && sim_now(task->machine->sim) < until)
		kernel_wait_timeout(task, &alg->tested, PART_ALLOC,
				    until - sim_now(task->machine->sim));
	if (alg->state == ALG_TESTING) { /* crypto_larval_kill() */
		kernel_rwsem_write(task, &api->alg_sem);
		if (alg->state == ALG_TESTING)
			alg->state = ALG_UNTESTED;
		kernel_rwsem_write_unlock(task, &api->alg_sem);
		sim_waitq_wake_all(&alg->tested);
		api->timeouts++;
		sim_path_leave(task->machine->sim);
		return -ETIMEDOUT;
	}
	sim_path_leave(task->machine->sim);
	return alg->state == ALG_READY ? 0 : -ELIBBAD;
}

static int crypto_alg_mod_lookup(struct kernel_task *task, struct alg *alg)
{
	int err = 0;

	sim_path_enter(task->machine->sim, "crypto_alg_mod_lookup");
	crypto_alg_lookup(task);
	if (alg->state == ALG_ABSENT) {
		request_module(task, alg);
		crypto_alg_lookup(task);
	}
	if (alg->state == ALG_ABSENT)
		err = -ENOENT;
	else if (alg->state == ALG_UNTESTED)
		err = -ELIBBAD;
	else if (alg->state == ALG_TESTING)
		err = crypto_larval_wait(task, alg);
	sim_path_leave(task->machine->sim);
	return err;
}

/* The init function of the algorithm looks its parts up. */
static void spawn_parts(struct kernel_task *task, enum cipher_mode mode)
{
	uint64_t lookups = machine_size(task->machine, LIMIT_ALG_LOOKUPS + mode);

	sim_path_enter(task->machine->sim, "crypto_spawn_alg");
	for (uint64_t i = 1; i < lookups; i++)
		crypto_alg_lookup(task);
	sim_path_leave(task->machine->sim);
}

/* ---- ciphers ---- */

int crypto_alloc_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes)
{
	struct sim *sim = task->machine->sim;
	int err;

	sim_path_enter(sim, "crypto_alloc_skcipher");
	err = crypto_alg_mod_lookup(task, &task->machine->crypto->alg[mode]);
	if (!err) {
		spawn_parts(task, mode);
		kernel_run(task, COST_TFM_ALLOC + mode, 1);
		if (!kernel_alloc(task, site, GFP_KERNEL, bytes))
			err = -ENOMEM;
	}
	sim_path_leave(sim);
	return err;
}

int crypto_clone_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes)
{
	kernel_run(task, COST_TFM_CLONE + mode, 1);
	return kernel_alloc(task, site, GFP_ATOMIC, bytes) ? 0 : -ENOMEM;
}

void crypto_free_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes)
{
	kernel_run(task, COST_TFM_FREE + mode, 1);
	kernel_free(task->machine, site, bytes);
}

int crypto_skcipher_setkey(struct kernel_task *task, enum cipher_mode mode)
{
	struct machine *m = task->machine;
	struct crypto_api *api = m->crypto;
	uint64_t bytes = machine_size(m, SIZE_ADIANTUM_SETKEY);
	bool allocates = mode == CIPHER_ADIANTUM, fine = true;

	sim_path_enter(m->sim, allocates ? "adiantum_setkey" : "crypto_skcipher_setkey");
	if (allocates) {
		api->setkey_allocations++;
		fine = kernel_alloc(task, api->site_setkey, GFP_KERNEL, bytes);
	}
	if (fine)
		kernel_run(task, COST_SETKEY + mode, 1);
	if (fine && allocates)
		kernel_free(m, api->site_setkey, bytes);
	sim_path_leave(m->sim);
	return fine ? 0 : -ENOMEM;
}

/* ---- metrics ---- */

void crypto_api_report(const struct machine *m, struct sim_metrics *metrics)
{
	const struct crypto_api *api = m->crypto;
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} rows[] = {
		{&crypto_lookups_def, api->lookups},
		{&crypto_waits_def, api->alg_sem.sem.usage.waits},
		{&crypto_loads_def, api->loads},
		{&crypto_timeouts_def, api->timeouts},
		{&crypto_setkey_def, api->setkey_allocations},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set(metrics, rows[i].def, rows[i].def->name, (int64_t)rows[i].value);
}
