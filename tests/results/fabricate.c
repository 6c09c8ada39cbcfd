/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct sim_metric_def defs[] = {
	{"ops.*.count", "count", SIM_NO_DIRECTION, "operations", ""},
	{"ops.*.refused", "count", SIM_LESS_IS_BETTER, "operations", ""},
	{"ops.*_ns", "ns", SIM_LESS_IS_BETTER, "latency", ""},
	{"key.cache_hits", "count", SIM_MORE_IS_BETTER, "keys", ""},
	{"key.*", "count", SIM_LESS_IS_BETTER, "keys", ""},
	{"pool.*_ns", "ns", SIM_LESS_IS_BETTER, "pool", ""},
	{"pool.*", "count", SIM_LESS_IS_BETTER, "pool", ""},
	{"alloc.*", "count", SIM_LESS_IS_BETTER, "allocations", ""},
	{"mem.*", "bytes", SIM_LESS_IS_BETTER, "memory", ""},
	{"disk.*_bytes", "bytes", SIM_LESS_IS_BETTER, "disk", ""},
	{"disk.*", "count", SIM_LESS_IS_BETTER, "disk", ""},
	{"truth.*", "count", SIM_LESS_IS_BETTER, "truth", ""},
	{"deadlocks", "count", SIM_LESS_IS_BETTER, "locks", ""},
	{"cpu.*_ns", "ns", SIM_LESS_IS_BETTER, "CPU", ""},
	{"other.*", "count", SIM_NO_DIRECTION, "other", ""},
};

static const struct sim_metric_def *def_of(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(defs); i++)
		if (g_pattern_match_simple(defs[i].name, name))
			return &defs[i];
	g_error("no definition fits '%s'", name);
}

/* Latencies of reads, and one figure that was 10 up to 3 ns and is 20 since. */
static void add_shapes(struct sim_metrics *metrics, const uint64_t *latencies)
{
	static const struct sim_metric_def reads = {"ops.*.latency_ns", "ns", SIM_LESS_IS_BETTER,
						    "operations", ""};
	static const struct sim_metric_def memory = {"memory", "bytes", SIM_NO_DIRECTION, "memory",
						     ""};
	static const char *const figures[] = {"slab", NULL};
	struct sim_series *series = sim_series_new(1);
	struct sim_histogram *h = sim_histogram_new();

	for (; *latencies; latencies++)
		sim_histogram_add(h, *latencies);
	sim_metrics_add_distribution(metrics, &reads, h, "read", NULL);
	sim_series_upto(series, 3, (int64_t[]){10});
	sim_series_upto(series, 5, (int64_t[]){20});
	sim_metrics_add_series(metrics, &memory, series, figures);
	sim_histogram_free(h);
	sim_series_free(series);
}

struct results_doc *fabricate_doc(uint32_t replications)
{
	static const char text[] = "{\n\t\"name\": \"tiny\"\n}\n";
	struct results_doc *doc =
		results_doc_new("tiny", "What does a pool of 128 cost?", "terminating", text,
				strlen(text), 42, replications);

	g_free(doc->program_version);
	doc->program_version = g_strdup("1.2.3");
	results_doc_set_image(doc, "debian-12", "00ff");
	results_doc_set_cost_profile(doc, "soft-aes", "6.12", "Some CPU", "abcd");
	results_doc_add_machine(doc, "cpus", "4");
	return doc;
}

void fabricate_run(struct results_doc *doc, const char *name, uint32_t replication,
		   const struct made_up *run)
{
	struct results_variant *variant = results_doc_variant(doc, name);
	g_auto(GStrv) parts = run->finding ? g_strsplit(run->finding, ": ", 2) : NULL;
	struct results_finding finding = {.time_ns = 1500};
	struct results_sample sample = {.events = 1000,
					.draws = run->draws,
					.digest = run->digest,
					.completed = !run->stopped,
					.host_wall_ns = 7000 + replication};
	struct sim_metrics *metrics = sim_metrics_new();

	if (!variant) {
		variant = results_doc_add_variant(doc, name);
		results_variant_add_setting(variant, "design", name);
	}
	for (const struct figure *f = run->figures; f->name; f++)
		sim_metrics_set(metrics, def_of(f->name), f->name, f->value);
	if (run->latencies)
		add_shapes(metrics, run->latencies);
	if (parts) {
		finding.kind = parts[0];
		finding.text = parts[1];
		sample.findings = &finding;
		sample.finding_count = 1;
	}
	sample.metrics = metrics;
	results_add(doc, variant, replication, &sample);
	sim_metrics_free(metrics);
}

static const struct figure none[2][12] = {
	{{"ops.read.count", 10000},
	 {"ops.read.refused", 0},
	 {"ops.read.latency_p50_ns", 81000},
	 {"ops.read.latency_p99_ns", 910000},
	 {"ops.buffered_overwrite.count", 500},
	 {"ops.buffered_overwrite.latency_p99_ns", 12000},
	 {"key.derivations", 0},
	 {"mem.extent_maps_max_bytes", 104000},
	 {"disk.leaves", 208},
	 {"deadlocks", 0},
	 {NULL, 0}},
	{{"ops.read.count", 10000},
	 {"ops.read.refused", 0},
	 {"ops.read.latency_p50_ns", 83000},
	 {"ops.read.latency_p99_ns", 970000},
	 {"ops.buffered_overwrite.count", 500},
	 {"ops.buffered_overwrite.latency_p99_ns", 12100},
	 {"key.derivations", 0},
	 {"mem.extent_maps_max_bytes", 104000},
	 {"disk.leaves", 208},
	 {"deadlocks", 0},
	 {NULL, 0}},
};

/* The others are the reference with some figures moved: by `cost` and, per seed, by `noise`. */
static void add_encrypted(struct results_doc *doc, const char *name, int64_t cost, int64_t noise,
			  int64_t derivations, const char *finding)
{
	for (uint32_t k = 0; k < 2; k++) {
		struct figure figures[16];
		size_t n = 0;

		for (; none[k][n].name; n++) {
			figures[n] = none[k][n];
			if (g_str_has_suffix(figures[n].name, "p50_ns"))
				figures[n].value += cost + noise * k;
			if (g_str_has_suffix(figures[n].name, "read.latency_p99_ns"))
				figures[n].value += k ? 2 * cost : -cost;
			if (strcmp(figures[n].name, "key.derivations") == 0)
				figures[n].value = derivations;
			if (strcmp(figures[n].name, "disk.leaves") == 0)
				figures[n].value += cost / 1000;
		}
		figures[n++] = (struct figure){"disk.context_bytes", 2 * cost};
		figures[n++] = (struct figure){"pool.in_use_max", 4};
		figures[n++] = (struct figure){
			"alloc.by.crypto_alloc_skcipher.GFP_KERNEL.writeback", cost / 100};
		figures[n++] = (struct figure){"alloc.by.bounce.GFP_NOFS.writeback", 3};
		figures[n] = (struct figure){NULL, 0};
		fabricate_run(doc, name, k,
			      &(struct made_up){figures, 77, 1000 + k, finding, false, NULL});
	}
}

struct results_doc *fabricate_first_run(void)
{
	static const uint64_t latencies[2][4] = {{80, 100, 1000, 0}, {101, 31, 0, 0}};
	struct results_doc *doc = fabricate_doc(2);

	for (uint32_t k = 0; k < 2; k++)
		fabricate_run(
			doc, "none", k,
			&(struct made_up){none[k], 77, 0xfeed + k, NULL, false, latencies[k]});
	add_encrypted(doc, "lightweight", 15040, 10, 1880, NULL);
	add_encrypted(doc, "heavyweight", 37600, 20, 1880,
		      "refusal: reflink /a to /b: EINVAL, the keys differ");
	return doc;
}

char *fabricate_json(const struct results_doc *doc)
{
	GString *out = g_string_new(NULL);

	results_emit(doc, NULL, out);
	return g_string_free(out, FALSE);
}

bool fabricate_file(const struct results_doc *doc, const char *path, GError **error)
{
	g_autofree char *text = fabricate_json(doc);

	return results_write_text(path, text, strlen(text), error);
}

char *fabricate_text(const struct results_doc *doc, const struct results_text_options *options)
{
	GString *out = g_string_new(NULL);
	GError *error = NULL;
	struct results_comparison *cmp = results_compare(&doc, NULL, 1, &error);

	cr_assert_not_null(cmp, "%s", error ? error->message : "");
	results_text(cmp, options, out);
	results_comparison_free(cmp);
	return g_string_free(out, FALSE);
}
