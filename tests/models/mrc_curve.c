/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Miss-ratio curves against caches simulated in the plainest way, and of the recorded samples. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

#include "models/trace/internal.h"

/* ---- random traces ------------------------------------------------------------------------ */

/* Shapes: uniform, skewed, a loop, a loop with strays. */
static uint32_t draw_key(GRand *random, unsigned int shape, unsigned int i, uint32_t keys)
{
	uint32_t a = (uint32_t)g_rand_int_range(random, 0, (gint32)keys);
	uint32_t b = (uint32_t)g_rand_int_range(random, 0, (gint32)keys);

	switch (shape % 4) {
	case 0:
		return a;
	case 1:
		return (uint32_t)((uint64_t)a * b / keys * b / keys);
	case 2:
		return i % keys;
	}
	return a % 3 ? i % keys : b;
}

static void draw(struct accesses *list, unsigned int shape, unsigned int count, uint32_t keys)
{
	GRand *random = g_rand_new_with_seed(shape + 1);

	accesses_init(list, NULL);
	for (unsigned int i = 0; i < count; i++)
		cr_assert(accesses_add(list, i % 2, draw_key(random, shape, i, keys), NULL));
	g_rand_free(random);
}

Test(mrc_curve, clock_inserts_with_the_reference_bit_clear)
{
	/* Two slots: a comes in, b, a hits; c must replace b. Were bits set on insertion, the hand
	 * would clear both and c replace a. */
	static const uint32_t keys[] = {0, 1, 0, 2, 0};
	struct mrc_point point = {.size = 2};
	struct accesses list;

	accesses_init(&list, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		cr_assert(accesses_add_key(&list, keys[i], NULL));
	cr_assert(mrc_clock.fill(&list, &point, 1, NULL));
	cr_expect_eq(point.hits, 2);
	accesses_clear(&list);
}

Test(mrc_curve, an_interruption_ends_each_policy)
{
	static const volatile int interrupted = 1;
	struct mrc_point point = {.size = 2};
	GError *error = NULL;
	struct accesses list;

	draw(&list, 0, 100, 10);
	for (size_t i = 0; mrc_policies[i]; i++)
		cr_expect(!mrc_policies[i]->fill(&list, &point, 1, &interrupted));
	accesses_clear(&list);
	accesses_init(&list, &interrupted);
	cr_expect(!accesses_add(&list, 0, 0, &error));
	cr_assert(error);
	cr_expect_eq(error->code, TRACE_ERROR_INTERRUPTED);
	g_error_free(error);
	accesses_clear(&list);
}

/* ---- whole traces ------------------------------------------------------------------------- */

static struct mrc *curve_of(const char *path, const char *format, const struct mrc_options *options)
{
	struct trace_options trace_options = {.format = NULL};
	g_autoptr(GError) error = NULL;
	struct trace *trace;
	struct mrc *mrc;

	for (size_t i = 0; trace_formats[i]; i++)
		if (!strcmp(trace_formats[i]->name, format))
			trace_options.format = trace_formats[i];
	cr_assert(trace_options.format, "no format %s", format);
	trace = trace_open(path, &trace_options, &error);
	cr_assert(trace, "%s", error->message);
	mrc = mrc_compute(trace, options, &error);
	cr_assert(mrc, "%s", error->message);
	trace_close(trace);
	return mrc;
}

/* The same figures came from a reader and an LRU of forty lines in another language. */
static const struct {
	const char *file, *format;
	uint64_t accesses, keys, keyless, hits[4]; /* of sizes 1, 3, 8, 30 */
} samples[] = {
	{"keys.txt", "keys", 11, 7, 0, {0, 1, 4, 4}},
	{"fio-v2.log", "iolog", 162, 64, 11, {0, 4, 23, 70}},
	{"fio-v3.log", "iolog", 170, 71, 11, {0, 1, 31, 78}},
	{"fio-trim.log", "iolog", 32, 32, 10, {0, 0, 0, 0}},
	{"blkparse.txt", "blkparse", 16, 11, 3, {0, 1, 5, 5}},
	{"msr.csv", "msr", 16, 14, 1, {0, 0, 1, 2}},
	{"fsx.ops", "fsx", 18, 11, 10, {1, 3, 7, 7}},
};

Test(mrc_curve, the_samples_give_what_an_independent_reader_gives)
{
	static const uint64_t sizes[] = {1, 3, 8, 30};
	const struct mrc_options options = {
		.policy = &mrc_lru, .unit_bytes = 4096, .sizes = sizes, .size_count = 4};

	for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
		g_autofree char *path = g_build_filename(EXTENTSIM_DATADIR, "tests/data/traces",
							 samples[i].file, NULL);
		struct mrc *mrc = curve_of(path, samples[i].format, &options);

		cr_expect_eq(mrc->accesses, samples[i].accesses, "%s", path);
		cr_expect_eq(mrc->keys, samples[i].keys, "%s", path);
		cr_expect_eq(mrc->keyless, samples[i].keyless, "%s", path);
		for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
			const struct mrc_point *point =
				&g_array_index(mrc->curve, struct mrc_point, s);

			cr_expect_eq(point->size, sizes[s]);
			cr_expect_eq(point->hits, samples[i].hits[s], "%s at %u", path,
				     (unsigned int)sizes[s]);
			cr_expect_eq(point->misses, mrc->accesses - point->hits);
		}
		mrc_free(mrc);
	}
}

static char *temporary_trace(const char *text)
{
	char *path;
	int fd = g_file_open_tmp("mrc-XXXXXX", &path, NULL);

	cr_assert_geq(fd, 0);
	g_close(fd, NULL);
	cr_assert(g_file_set_contents(path, text, -1, NULL));
	return path;
}

Test(mrc_curve, a_request_uses_every_block_it_touches_of_its_file)
{
	static const struct {
		uint64_t unit, accesses, keys;
	} rows[] = {{4096, 6, 4}, {512, 20, 18}, {1 << 20, 4, 2}, {1000, 12, 10}};
	g_autofree char *path =
		temporary_trace("fio version 2 iolog\n"
				"a read 4095 4098\nb read 4095 1\n"
				"a write 8192 4096\na read 8193 0\na read 4095 1\n");

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct mrc_options options = {.policy = &mrc_lru, .unit_bytes = rows[i].unit};
		struct mrc *mrc = curve_of(path, "iolog", &options);

		cr_expect_eq(mrc->accesses, rows[i].accesses, "unit %u: %u", (unsigned)rows[i].unit,
			     (unsigned)mrc->accesses);
		cr_expect_eq(mrc->keys, rows[i].keys, "unit %u: %u", (unsigned)rows[i].unit,
			     (unsigned)mrc->keys);
		cr_expect_eq(mrc->keyless, 1);
		mrc_free(mrc);
	}
	g_unlink(path);
}

Test(mrc_curve, the_sizes_not_asked_for_are_powers_of_two_and_the_number_of_keys)
{
	static const struct {
		const char *text;
		uint64_t sizes[4];
		guint count;
	} rows[] = {
		{"", {0}, 0},
		{"a\n", {1}, 1},
		{"a\nb\na\n", {1, 2}, 2},
		{"a\nb\nc\nd\ne\n", {1, 2, 4, 5}, 4},
	};
	const struct mrc_options options = {.policy = &mrc_fifo};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = temporary_trace(rows[i].text);
		struct mrc *mrc = curve_of(path, "keys", &options);

		cr_assert_eq(mrc->curve->len, rows[i].count, "%s", rows[i].text);
		for (guint s = 0; s < rows[i].count; s++)
			cr_expect_eq(g_array_index(mrc->curve, struct mrc_point, s).size,
				     rows[i].sizes[s]);
		mrc_free(mrc);
		g_unlink(path);
	}
}
