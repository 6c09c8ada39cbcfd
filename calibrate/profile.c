/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile out of figures: which entry each goes into, and what is taken off it first. */
#include <string.h>

#include "calibrate/internal.h"

enum {
	NOTHING = KERNEL_COSTS, /* no entry */
	WITH_MOST = 3,
	/* The kernel's AES is not of the library's kind if it is so much slower. */
	OTHER_KIND = 3,
};
#define XTS(cost) (cost + CIPHER_AES_256_XTS)
#define END NOTHING

enum how {
	ITSELF, /* the machine's or the kernel's own */
	USER_SPACE, /* stands in for what the kernel does its own way */
	LIBRARY, /* the same, by libcrypto */
};

/* A figure holds the time of `sets` and of those in `with`. */
struct rule {
	const char *figure; /* begins with this; the first that fits */
	int sets; /* entry that it goes into, or NOTHING */
	int with[WITH_MOST + 1];
	enum how how;
};

/* Later ones win: the kernel's own path over what stands in for it. */
static const struct rule rules[] = {
	{"syscall", COST_SYSCALL, {END}, ITSELF},
	{"lock", COST_LOCK, {END}, USER_SPACE},
	{"line-local", COST_LINE_LOCAL, {END}, ITSELF},
	{"line-transfer", COST_LINE_TRANSFER, {END}, ITSELF},
	{"handover-sleep", COST_CONTEXT_SWITCH, {COST_SYSCALL, END}, USER_SPACE},
	{"alloc-", NOTHING, {XTS(COST_TFM_ALLOC), XTS(COST_TFM_FREE), END}, USER_SPACE},
	{"hkdf-expand", COST_HKDF_EXPAND, {END}, LIBRARY},
	{"xts-setkey", XTS(COST_SETKEY), {END}, LIBRARY},
	{"xts-encrypt-4k", XTS(COST_ENCRYPT_4K), {END}, LIBRARY},
	{"xts-encrypt-", NOTHING, {XTS(COST_ENCRYPT_4K), END}, LIBRARY},
	{"xts-decrypt-4k", XTS(COST_DECRYPT_4K), {END}, LIBRARY},
	{"xts-decrypt-", NOTHING, {XTS(COST_DECRYPT_4K), END}, LIBRARY},
	{"kernel-open-plain", COST_FILE_OPEN, {COST_SYSCALL, COST_LOOKUP_COMPONENT, END}, ITSELF},
	{"kernel-close-plain", COST_FILE_CLOSE, {COST_SYSCALL, END}, ITSELF},
	{"kernel-info",
	 COST_INODE_INFO_SETUP,
	 {COST_CONTEXT_PARSE, COST_MASTER_KEY_LOOKUP, COST_SLAB_ALLOC, END},
	 ITSELF},
	{"kernel-key-setup",
	 XTS(COST_TFM_ALLOC),
	 {COST_HKDF_EXPAND, XTS(COST_SETKEY), COST_SLAB_ALLOC, END},
	 ITSELF},
	{"kernel-decrypt-4k", XTS(COST_DECRYPT_4K), {END}, ITSELF},
	{"kernel-encrypt-4k",
	 XTS(COST_ENCRYPT_4K),
	 {COST_BOUNCE_PAGE, COST_PAGE_ALLOC, END},
	 ITSELF},
	{"kernel-add-key-own", COST_ADD_KEY, {END}, ITSELF},
	{"kernel-remove-shared", COST_REMOVE_KEY_INODE, {END}, ITSELF},
	{"kernel-tear-down", XTS(COST_TFM_FREE), {END}, ITSELF},
};

static const struct rule *rule_of(const struct calibrate_figure *figure)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		const char *name = rules[i].figure;
		bool prefix = name[strlen(name) - 1] == '-';

		if (prefix ? g_str_has_prefix(figure->name, name) : !strcmp(figure->name, name))
			return &rules[i];
	}
	return NULL;
}

static double mean_ns(const struct cost_profile *profile, int cost)
{
	return (double)sim_dist_mean(&profile->cost[cost].dist);
}

double calibration_base_ns(const struct calibrate_figure *figure, const struct cost_profile *base)
{
	const struct rule *rule = rule_of(figure);
	double ns = 0;

	if (!rule)
		return 0;
	if (rule->sets != NOTHING)
		ns = mean_ns(base, rule->sets);
	for (const int *with = rule->with; *with != END; with++)
		ns += mean_ns(base, *with);
	return ns;
}

/* ---- one entry ---- */

static uint64_t whole_ns(double ns)
{
	return ns < 1 ? 1 : (uint64_t)(ns + 0.5);
}

/* A median that moves by more than the first, or is by more than the second above the minimum, is of the
 * machine's other work: a system call waits for threads of the kernel and is interrupted by others. Minima
 * hold out longest. Batches in user space wait for nobody. */
static const double moves_most = 0.1, above_most = 1.5;

static bool settled(const struct calibrate_figure *figure, const struct rule *rule)
{
	return figure->width >= 0 && figure->width <= moves_most &&
	       (rule->how != ITSELF || figure->p50_ns <= above_most * figure->min_ns);
}

static double middle_ns(const struct calibrate_figure *figure, const struct rule *rule)
{
	return settled(figure, rule) ? figure->p50_ns : figure->min_ns;
}

/* The slowest tenth is what took the CPU away, which a simulated machine has of its own; so is what exceeds
 * the median twice. */
static double largest_ns(const struct calibrate_figure *figure)
{
	return MIN(figure->p90_ns, 2 * figure->p50_ns);
}

/* Through minimum and median, in order: a difference of minima may exceed that of medians. */
static void set_dist(struct sim_dist *dist, const struct calibrate_figure *figure,
		     const struct rule *rule, double less)
{
	uint64_t p50 = whole_ns(middle_ns(figure, rule) - less),
		 min = whole_ns(figure->min_ns - less), max = whole_ns(largest_ns(figure) - less);

	min = MIN(min, p50);
	max = MAX(max, p50);
	if (min == max || !settled(figure, rule))
		*dist = (struct sim_dist){.kind = SIM_DIST_CONSTANT, .a = p50};
	else
		*dist = (struct sim_dist){.kind = SIM_DIST_QUANTILES,
					  .points = 3,
					  .point = {{0, min}, {500, p50}, {1000, max}}};
}

static char *source_of(const struct calibration *c, const struct calibrate_figure *figure,
		       const struct rule *rule)
{
	GString *out = g_string_new(NULL);

	g_string_printf(out, "measured on %s, Linux %s", c->cpu, c->release);
	if (rule->how == LIBRARY)
		g_string_append_printf(out, ", in user space (%s)", c->library);
	g_string_append_printf(out, ": %s; ", figure->what);
	if (settled(figure, rule))
		g_string_append_printf(out, "minimum, median within %.2g %% and 90th percentile",
				       figure->width * 100);
	else
		g_string_append(out, "minimum, for the median did not settle,");
	g_string_append_printf(out, " of %" G_GUINT64_FORMAT " samples", figure->samples);
	for (const int *with = rule->with; *with != END; with++)
		g_string_append_printf(out, "%s%s", with == rule->with ? "; less " : ", ",
				       kernel_cost_table[*with].name);
	if (rule->how != ITSELF)
		g_string_append(out, "; stands in for the kernel's own code");
	return g_string_free(out, FALSE);
}

/* What is guessed of an entry: all of it if another code stood in, else what was taken off. */
static void set_range(struct cost_entry *entry, const struct cost_entry *before,
		      const struct cost_profile *profile, const struct calibrate_figure *figure,
		      const struct rule *rule)
{
	bool estimate = rule->how != ITSELF || !settled(figure, rule);
	double middle = middle_ns(figure, rule), low = middle, high = middle;

	if (estimate) {
		low = MIN(low, figure->min_ns);
		high = MAX(high, largest_ns(figure));
	}
	for (const int *with = rule->with; *with != END; with++) {
		const struct cost_entry *off = &profile->cost[*with];

		low -= off->estimate ? (double)off->high_ns : mean_ns(profile, *with);
		high -= off->estimate ? (double)off->low_ns : mean_ns(profile, *with);
		estimate |= off->estimate;
	}
	if (rule->how != ITSELF)
		high = MAX(high, (double)MAX(before->high_ns, sim_dist_mean(&before->dist)));
	entry->estimate = estimate;
	entry->low_ns = estimate ? whole_ns(low) : 0;
	entry->high_ns = estimate ? whole_ns(high) : 0;
}

static void set_entry(const struct calibration *c, struct cost_profile *profile,
		      const struct calibrate_figure *figure, const struct rule *rule)
{
	struct cost_entry *entry = &profile->cost[rule->sets], before = *entry;
	double less = 0;

	for (const int *with = rule->with; *with != END; with++)
		less += mean_ns(profile, *with);
	if (middle_ns(figure, rule) - less < 1)
		return; /* nothing is left of it: what is carried over stays */
	set_dist(&entry->dist, figure, rule, less);
	set_range(entry, &before, profile, figure, rule);
	entry->source = source_of(c, figure, rule);
	g_free(before.source);
}

/* ---- all of them ---- */

static char *carried(const struct cost_profile *base, const char *source)
{
	return g_strdup_printf("carried over from %s (Linux %s, %s): %s", base->name, base->kernel,
			       base->cpu, source);
}

static char *doc_of(const struct calibration *c, const struct cost_profile *base)
{
	bool kernel = calibration_find(c, "kernel-key-setup");
	GString *out = g_string_new(NULL);

	g_string_printf(
		out,
		"Made by `extentsim calibrate%s --base %s`: each entry says whether it was "
		"measured or carried over from the base. Linux %s; %s; %s. What was measured "
		"in user space stands in for the kernel's own code, and is an estimate.",
		kernel ? " --kernel" : "", base->name, c->release, c->library, c->flags);
	if (c->kernel_cipher)
		g_string_append_printf(out, " This kernel's own xts(aes) is %s%s.",
				       c->kernel_cipher, kernel ? "" : ", which was not measured");
	return g_string_free(out, FALSE);
}

static bool is_other_kind(const struct calibration *c)
{
	const struct calibrate_figure *kernel = calibration_find(c, "kernel-decrypt-4k"),
				      *library = calibration_find(c, "xts-decrypt-4k");

	return kernel && library && kernel->p50_ns > OTHER_KIND * library->p50_ns;
}

struct cost_profile *calibration_profile(const struct calibration *c,
					 const struct cost_profile *base, const char *name)
{
	struct cost_profile *profile = g_memdup2(base, sizeof(*base));
	bool other_kind = is_other_kind(c);

	profile->name = g_strdup(name);
	profile->kernel = g_strdup(c->kernel);
	profile->cpu = g_strdup_printf("%s, %u CPUs", c->cpu, c->cpus);
	profile->doc = doc_of(c, base);
	profile->digest = NULL; /* it is of no file */
	for (int i = 0; i < KERNEL_COSTS; i++)
		profile->cost[i].source = carried(base, base->cost[i].source);
	for (int i = 0; i < KERNEL_SIZES; i++)
		profile->size[i].source = carried(base, base->size[i].source);
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];
		const struct calibrate_figure *figure = calibration_find(c, rule->figure);

		if (!figure || rule->sets == NOTHING ||
		    (other_kind && rule->sets == XTS(COST_SETKEY)))
			continue;
		set_entry(c, profile, figure, rule);
	}
	return profile;
}
