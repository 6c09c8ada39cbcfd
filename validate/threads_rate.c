/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast threads go, against what the model says of it. Costs are measured here first; then threads and
 * simulated tasks, one to a CPU, go through the same operations as fast as they can. One thread shows whether
 * costs add up. It is measured again beside each plan of more threads, and the costs of crypto follow it, for
 * a shared machine is not as fast in one second as in the next. What comes along when the pool's lock was had
 * by another CPU is no primitive: it is taken from the plan in which every acquisition hits.
 */
#include "validate/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scenarios/scenarios.h"
#include "validate/internal.h"

enum {
	NONCES = 32,
	ZIPF_MILLI = 900,
	THREADS_MOST = 16,
	OPERATIONS = 5000, /* of a thread, at most */
	FITTED_MOST_NS = 5000,
	LINES_MOST = 8,
	WINDOW_US = 5000, /* of a repeat: short, so that many are not interrupted */
	REPEATS = 100,
	QUIET_LEAST = 5, /* repeats in which threads ran together and unpreempted */
	QUIET_MOST = 25,
};
/* Threads that do not run at the same time do not meet. */
static const double together_least = 0.9;
/* Share of the CPUs that others may use where threads wait for each other: a CPU that idles meanwhile is
 * theirs then, and who is woken has to wait for it. */
static const double others_most = 0.1;
#define BASE "aes-ni-6.12"

/* What is accepted: medians of short repeats come back within a tenth, costs measured one by one add up
 * within another, and so does what is fitted. */
static const double band = 0.3;

/* CPU time of all processes, with what the hypervisor took, in ns. */
static double cpu_time_of_all(void)
{
	unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
	FILE *file = fopen("/proc/stat", "re");
	int read = !file ? 0
			 : fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
				  &system, &idle, &wait, &irq, &softirq, &steal);

	if (file)
		fclose(file);
	if (read != 8)
		return 0;
	return (double)(user + nice + system + irq + softirq + steal) * 1e9 /
	       (double)sysconf(_SC_CLK_TCK);
}

static double cpu_time_of_others(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return cpu_time_of_all() - (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 -
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return (a > b) - (a < b);
}

static double quantile(double *values, size_t n, double share)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[(size_t)(share * (double)(n - 1))];
}

/* ---- repeats ---- */

struct measured {
	double rate[QUIET_MOST], acquire_ns[QUIET_MOST]; /* of the quiet repeats */
	size_t quiet;
};

static bool repeat(const struct threads_plan *plan, struct measured *out, GError **error)
{
	struct threads_outcome outcome;

	if (out->quiet == QUIET_MOST)
		return true;
	if (!threads_run(plan, NULL, &outcome, error))
		return false;
	if (outcome.preempted || outcome.together < together_least)
		return true;
	out->rate[out->quiet] = outcome.rate;
	out->acquire_ns[out->quiet++] = outcome.acquire_ns;
	return true;
}

/* ---- predictions ---- */

static void set_cost(struct cost_profile *profile, int cost, double ns)
{
	profile->cost[cost].dist =
		(struct sim_dist){.kind = SIM_DIST_CONSTANT, .a = (uint64_t)MAX(ns + 0.5, 1)};
}

static const struct {
	int cost;
	const char *figure;
} crypto[] = {{COST_HKDF_EXPAND, "hkdf-expand"},
	      {COST_SETKEY + CIPHER_AES_256_XTS, "xts-setkey-call"},
	      {COST_ENCRYPT_4K + CIPHER_AES_256_XTS, "xts-encrypt-4k"}};

/* Crypto at its fastest: a shared machine is only ever slower. */
static struct cost_profile *profile_here(const struct calibration *calibration,
					 const struct cost_profile *base)
{
	struct cost_profile *profile = calibration_profile(calibration, base, "here");

	for (size_t i = 0; i < G_N_ELEMENTS(crypto); i++)
		set_cost(profile, crypto[i].cost,
			 calibration_find(calibration, crypto[i].figure)->min_ns);
	return profile;
}

static void scale_crypto(struct cost_profile *profile, double factor)
{
	for (size_t i = 0; i < G_N_ELEMENTS(crypto); i++)
		set_cost(profile, crypto[i].cost,
			 (double)profile->cost[crypto[i].cost].dist.a * factor);
}

static struct threads_outcome predict(const struct threads_plan *plan,
				      const struct cost_profile *profile, uint64_t seed)
{
	struct threads_outcome outcome;

	threads_simulate(plan, profile, seed, &outcome);
	return outcome;
}

/* The transfer of a line that makes the model as fast as the threads are, between none and plenty. */
static double fitted_transfer(const struct threads_plan *plan, struct cost_profile *profile,
			      double rate, uint64_t seed)
{
	double low = 1, high = FITTED_MOST_NS;

	while (high - low > 1) {
		double middle = (low + high) / 2;

		set_cost(profile, COST_LINE_TRANSFER, middle);
		if (predict(plan, profile, seed).rate > rate)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- checks ---- */

struct rates {
	const struct validate_options *options;
	struct validate_report *report;
	struct threads_plan plan;
	struct cost_profile *profile;
};

static void add_band(struct rates *r, const char *what, const char *quantity, double expected,
		     double obtained, const char *unit)
{
	g_autofree char *full = g_strdup_printf("%s: %s", what, quantity);
	struct validate_check *check =
		validate_between(r->report, full, expected, obtained, expected * (1 - band),
				 expected * (1 + band), unit, "the model with costs measured here");

	validate_note(check, "%+.0f %%", (obtained / expected - 1) * 100);
}

static struct threads_plan window_of(const struct rates *r, uint32_t threads)
{
	struct threads_plan window = r->plan;

	window.threads = threads;
	window.operations = (uint32_t)CLAMP(predict(&window, r->profile, r->options->seed).rate *
						    WINDOW_US / 1e6 / threads,
					    20, r->plan.operations);
	return window;
}

/* Why this machine can't answer now, or NULL. */
static char *disturbed(const struct rates *r, const struct measured *measured, double others)
{
	if (measured->quiet < QUIET_LEAST)
		return g_strdup_printf("in %zu of %d repeats all threads ran at once and none was "
				       "preempted by others; it takes %d",
				       measured->quiet, REPEATS, QUIET_LEAST);
	if (r->plan.pool_size < r->plan.threads && others > others_most)
		return g_strdup_printf("others used %.0f %% of the CPUs' time; threads that wait "
				       "for each other need less than %.0f %%",
				       others * 100, others_most * 100);
	return NULL;
}

/* Measures the plan in one thread and in all, by turns. What can't be measured is a skipped check, and
 * `fine` false. */
static bool measure(struct rates *r, const char *what, struct measured *one, struct measured *all,
		    bool *fine, GError **error)
{
	const struct threads_plan in_one = window_of(r, 1), in_all = window_of(r, r->plan.threads);
	double others = cpu_time_of_others();
	gint64 begin = g_get_monotonic_time();
	g_autofree char *why = NULL;

	one->quiet = all->quiet = 0;
	for (int i = 0; i < REPEATS && (one->quiet < QUIET_MOST || all->quiet < QUIET_MOST); i++)
		if (validate_interrupted(r->options, error) || !repeat(&in_one, one, error) ||
		    !repeat(&in_all, all, error))
			return false;
	others = MAX(cpu_time_of_others() - others, 0) / 1e3 /
		 (double)(g_get_monotonic_time() - begin) / g_get_num_processors();
	why = disturbed(r, one->quiet < all->quiet ? one : all, others);
	if (why)
		validate_skip(r->report, what, why);
	*fine = !why;
	return true;
}

/* The costs of crypto follow one thread, which nobody disturbs. */
static void follow(struct rates *r, struct measured *one)
{
	struct threads_plan plan = r->plan;

	plan.threads = 1;
	scale_crypto(r->profile, predict(&plan, r->profile, r->options->seed).rate /
					 quantile(one->rate, one->quiet, 0.5));
}

static char *name_of(const struct threads_plan *plan)
{
	return g_strdup_printf("pool of %u%s, %u thread%s, %zu KiB", plan->pool_size,
			       plan->map ? ", map" : "", plan->threads,
			       plan->threads == 1 ? "" : "s",
			       (size_t)plan->blocks * KERNEL_BLOCK_BYTES / 1024);
}

/* One thread at its fastest, of costs at their lowest: whether they add up. */
static bool check_one(struct rates *r, GError **error)
{
	g_autofree char *what = name_of(&r->plan);
	struct measured one, all;
	bool fine;

	if (!measure(r, what, &one, &all, &fine, error))
		return false;
	if (fine)
		add_band(r, what, "operations a second, the most",
			 predict(&r->plan, r->profile, r->options->seed).rate,
			 quantile(one.rate, one.quiet, 1), "/s");
	return true;
}

static bool check_all(struct rates *r, GError **error)
{
	g_autofree char *what = name_of(&r->plan);
	struct threads_outcome predicted;
	struct measured one, all;
	bool fine;

	if (!measure(r, what, &one, &all, &fine, error))
		return false;
	if (!fine)
		return true;
	follow(r, &one);
	predicted = predict(&r->plan, r->profile, r->options->seed);
	add_band(r, what, "operations a second", predicted.rate, quantile(all.rate, all.quiet, 0.5),
		 "/s");
	if (r->plan.pool_size < r->plan.threads)
		add_band(r, what, "mean wait and key set-up", predicted.acquire_ns,
			 quantile(all.acquire_ns, all.quiet, 0.5), "ns");
	return true;
}

/* Every acquisition hits, each in a cipher that another CPU may have had last. */
static bool fit_transfer(struct rates *r, bool *fine, GError **error)
{
	static const char what[] =
		"lines that come from another CPU with the pool's lock, each way, "
		"on which what follows hangs";
	double line = (double)sim_dist_mean(&r->profile->cost[COST_LINE_TRANSFER].dist), fitted;
	struct measured one, all;
	struct validate_check *check;

	r->plan.pool_size = NONCES;
	r->plan.map = true;
	r->plan.blocks = 1;
	if (!measure(r, what, &one, &all, fine, error))
		return false;
	if (!*fine)
		return true;
	follow(r, &one);
	fitted = fitted_transfer(&r->plan, r->profile, quantile(all.rate, all.quiet, 0.5),
				 r->options->seed);
	set_cost(r->profile, COST_LINE_TRANSFER, fitted);
	check = validate_between(r->report, what, 1, fitted / line, 0, LINES_MOST, "lines",
				 "the model has one line, the lock's");
	validate_note(check, "%.0f ns, of %.0f ns a line", fitted, line);
	return true;
}

static bool check_rates(struct rates *r, GError **error)
{
	static const uint32_t sizes[] = {1, 2, 4, 16}, blocks[] = {1, 16};
	uint32_t threads = r->plan.threads;
	bool fine;

	r->plan.threads = 1;
	for (size_t b = 0; b < G_N_ELEMENTS(blocks); b++) {
		r->plan.pool_size = 1;
		r->plan.map = false;
		r->plan.blocks = blocks[b];
		if (!check_one(r, error))
			return false;
	}
	r->plan.threads = threads;
	if (threads < 2)
		return true;
	if (!fit_transfer(r, &fine, error))
		return false;
	for (size_t b = 0; fine && b < G_N_ELEMENTS(blocks); b++)
		for (int map = 0; map <= 1; map++)
			for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
				r->plan.blocks = blocks[b];
				r->plan.map = map;
				r->plan.pool_size = sizes[s];
				/* More than one for each thread are of use to a map alone. */
				if (!map && s && sizes[s - 1] >= threads)
					continue;
				if (!check_all(r, error))
					return false;
			}
	return true;
}

static void note_what_is_not_seen(struct validate_report *report, uint32_t cpus)
{
	g_autofree char *why = g_strdup_printf(
		"there are %u here: a line that more want at once, a second socket "
		"and its memory, and a queue of CPUs at the pool's lock are not seen",
		cpus);

	validate_skip(report, "contention among more CPUs", why);
}

bool validate_threads_rate(const struct validate_options *options, struct validate_report *report,
			   GError **error)
{
	const struct calibrate_options quick = {.quick = true, .interrupted = options->interrupted};
	struct cost_profile *base = cost_profile_load(BASE, error);
	struct calibration *calibration = base ? calibrate_run(&quick, error) : NULL;
	struct rates r = {.options = options,
			  .report = report,
			  .plan = {.nonces = NONCES, .operations = OPERATIONS}};
	g_autofree uint32_t *nonces = NULL;
	bool fine = calibration && !validate_interrupted(options, error);

	if (fine) {
		r.profile = profile_here(calibration, base);
		r.plan.threads = MIN(calibration->cpus, THREADS_MOST);
		nonces = threads_nonces(&r.plan, options->seed, ZIPF_MILLI);
		r.plan.nonce = nonces;
		fine = check_rates(&r, error);
		if (fine)
			note_what_is_not_seen(report, r.plan.threads);
		cost_profile_free(r.profile);
	}
	if (calibration)
		calibration_free(calibration);
	cost_profile_free(base);
	return fine;
}
