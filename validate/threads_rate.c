/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast threads go, against what the model says of it. Costs are measured here first, by the same calls
 * that the threads make; then threads and simulated tasks, one to a CPU, go through the same operations as
 * fast as they can.
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
	SIMULATED_MOST = 20000, /* operations of a thread */
	WINDOW_US = 5000, /* of a repeat: short, so that many are not interrupted */
	REPEATS = 200,
	QUIET_LEAST = 5, /* repeats in which threads ran together and unpreempted */
	QUIET_MOST = 25,
};
/* Threads that do not run at the same time do not meet. */
static const double together_least = 0.9;
/* Share of the CPUs that others may use where threads wait for each other: a CPU that idles meanwhile is
 * theirs then, and who is woken has to wait for it. */
static const double others_most = 0.1;
#define BASE "aes-ni-6.12"

/* What is accepted. A median of some repeats on a quiet machine comes back within a tenth; the rest is what
 * costs measured one by one leave out: lines of the pool's own lists, and calls that wake. A wait is all of
 * that and little else. */
static const double rate_band = 0.3, acquire_band = 0.5;

/* Costs of this machine, as the threads meet them. */
static struct cost_profile *profile_here(const struct calibration *calibration,
					 const struct cost_profile *base)
{
	struct cost_profile *profile = calibration_profile(calibration, base, "here");
	const struct calibrate_figure *copy = calibration_find(calibration, "xts-copy");

	/* A cipher of the map is copied, for libcrypto keeps the IV in it. */
	profile->cost[COST_POOL_MAP_LOOKUP].dist.a += (uint64_t)copy->p50_ns;
	return profile;
}

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

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

/* ---- one plan ---- */

struct measured {
	double rate, acquire_ns; /* medians of the quiet repeats */
	double others; /* share of the CPUs' time that others used meanwhile */
	size_t quiet;
};

static bool measure(const struct threads_plan *plan, const struct validate_options *options,
		    struct measured *out, GError **error)
{
	double rate[QUIET_MOST], acquire_ns[QUIET_MOST], others = cpu_time_of_others();
	gint64 begin = g_get_monotonic_time();

	*out = (struct measured){.quiet = 0};
	for (int i = 0; i < REPEATS && out->quiet < QUIET_MOST; i++) {
		struct threads_outcome outcome;

		if (validate_interrupted(options, error) ||
		    !threads_run(plan, NULL, &outcome, error))
			return false;
		if (outcome.preempted || outcome.together < together_least)
			continue;
		rate[out->quiet] = outcome.rate;
		acquire_ns[out->quiet++] = outcome.acquire_ns;
	}
	out->others = MAX(cpu_time_of_others() - others, 0) / 1e3 /
		      (double)(g_get_monotonic_time() - begin) / g_get_num_processors();
	if (out->quiet) {
		out->rate = median(rate, out->quiet);
		out->acquire_ns = median(acquire_ns, out->quiet);
	}
	return true;
}

/* Why a plan can't be checked on this machine now, or NULL. */
static char *disturbed(const struct threads_plan *plan, const struct measured *measured)
{
	if (measured->quiet < QUIET_LEAST)
		return g_strdup_printf("in %zu of %d repeats all threads ran at once and none was "
				       "preempted by others; it takes %d",
				       measured->quiet, REPEATS, QUIET_LEAST);
	if (plan->pool_size < plan->threads && measured->others > others_most)
		return g_strdup_printf("others used %.0f %% of the CPUs' time; threads that wait "
				       "for each other need less than %.0f %%",
				       measured->others * 100, others_most * 100);
	return NULL;
}

static void add_band(struct validate_report *report, const char *what, const char *quantity,
		     double expected, double obtained, double band, const char *unit)
{
	g_autofree char *full = g_strdup_printf("%s: %s", what, quantity);
	struct validate_check *check =
		validate_between(report, full, expected, obtained, expected * (1 - band),
				 expected * (1 + band), unit, "the model with costs measured here");

	validate_note(check, "%+.0f %%", (obtained / expected - 1) * 100);
}

static bool check_rate(const struct validate_options *options, struct validate_report *report,
		       struct threads_plan *plan, const struct cost_profile *profile,
		       GError **error)
{
	g_autofree char *what = g_strdup_printf("pool of %u%s, %u threads, %u KiB", plan->pool_size,
						plan->map ? ", map" : "", plan->threads,
						plan->blocks * KERNEL_BLOCK_BYTES / 1024);
	g_autofree char *why = NULL;
	struct threads_outcome predicted;
	struct measured measured;

	plan->operations = SIMULATED_MOST;
	threads_simulate(plan, profile, options->seed, &predicted);
	plan->operations = (uint32_t)CLAMP(predicted.rate * WINDOW_US / 1e6 / plan->threads, 20,
					   SIMULATED_MOST);
	if (!measure(plan, options, &measured, error))
		return false;
	why = disturbed(plan, &measured);
	if (why) {
		validate_skip(report, what, why);
		return true;
	}
	add_band(report, what, "operations a second", predicted.rate, measured.rate, rate_band,
		 "/s");
	add_band(report, what, "mean time to a keyed cipher", predicted.acquire_ns,
		 measured.acquire_ns, acquire_band, "ns");
	return true;
}

static bool check_rates(const struct validate_options *options, struct validate_report *report,
			struct threads_plan *plan, const struct cost_profile *profile,
			GError **error)
{
	static const uint32_t sizes[] = {1, 2, 4, 16};
	static const uint32_t blocks[] = {1, 16};

	for (size_t b = 0; b < G_N_ELEMENTS(blocks); b++)
		for (int map = 0; map <= 1; map++)
			for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
				plan->blocks = blocks[b];
				plan->map = map;
				plan->pool_size = sizes[s];
				/* More than one for each thread are of use to a map alone. */
				if (!map && s && sizes[s - 1] >= plan->threads)
					continue;
				if (!check_rate(options, report, plan, profile, error))
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
	struct cost_profile *base = cost_profile_load(BASE, error), *profile;
	struct calibration *calibration = base ? calibrate_run(&quick, error) : NULL;
	struct threads_plan plan = {.nonces = NONCES, .operations = SIMULATED_MOST};
	g_autofree uint32_t *nonces = NULL;
	bool fine = calibration && !validate_interrupted(options, error);

	if (fine) {
		profile = profile_here(calibration, base);
		plan.threads = MIN(calibration->cpus, THREADS_MOST);
		nonces = threads_nonces(&plan, options->seed, ZIPF_MILLI);
		plan.nonce = nonces;
		fine = check_rates(options, report, &plan, profile, error);
		note_what_is_not_seen(report, plan.threads);
		cost_profile_free(profile);
	}
	if (calibration)
		calibration_free(calibration);
	cost_profile_free(base);
	return fine;
}
