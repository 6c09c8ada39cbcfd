/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Histograms: values under 1024 have a bucket each, above that every octave has 1024 buckets of
 * equal width, so that the top of a bucket is less than a 1024th over any value in it. Octaves are
 * allocated when they are met.
 */
#include "sim_internal.h"

enum {
	SUB_BITS = 10,
	SUB_BUCKETS = 1 << SUB_BITS,
	OCTAVES = 64 - SUB_BITS + 1,
	PER_100K = 100000,
	DISTRIBUTION_TOP = 63 - 5, /* 2^5 is SIM_DISTRIBUTION_STEPS */
	TAIL_VALUES = 10, /* fewer values than this beyond a quantile do not carry it */
};

struct sim_histogram {
	uint64_t count, min, max;
	sim_u128 sum;
	uint64_t *octave[OCTAVES];
	struct sim *sim; /* while a usage owns it and the run lives */
	struct sim_usage *owner;
	struct sim_histogram *next, *prev;
};

struct sim_histogram *sim_histogram_new(void)
{
	struct sim_histogram *h = g_new0(struct sim_histogram, 1);

	h->min = UINT64_MAX;
	return h;
}

void sim_histogram_free(struct sim_histogram *h)
{
	if (!h)
		return;
	histogram_disown(h);
	for (int i = 0; i < OCTAVES; i++)
		g_free(h->octave[i]);
	g_free(h);
}

struct sim_histogram *histogram_new_owned(struct sim *sim, struct sim_usage *owner)
{
	struct sim_histogram *h = sim_histogram_new();

	h->sim = sim;
	h->owner = owner;
	h->next = sim->histograms;
	if (h->next)
		h->next->prev = h;
	sim->histograms = h;
	return h;
}

struct sim_usage *histogram_owner(const struct sim_histogram *h)
{
	return h->owner;
}

void histogram_disown(struct sim_histogram *h)
{
	if (!h->sim)
		return;
	if (h->prev)
		h->prev->next = h->next;
	else
		h->sim->histograms = h->next;
	if (h->next)
		h->next->prev = h->prev;
	h->sim = NULL;
	h->next = h->prev = NULL;
}

static inline int octave_of(uint64_t value)
{
	return value < SUB_BUCKETS ? 0 : 64 - SUB_BITS - __builtin_clzll(value);
}

static inline uint32_t bucket_of(uint64_t value, int octave)
{
	return (uint32_t)(octave ? value >> (octave - 1) : value) & (SUB_BUCKETS - 1);
}

static uint64_t bucket_top(int octave, uint32_t bucket)
{
	if (!octave)
		return bucket;
	return (((uint64_t)SUB_BUCKETS + bucket) << (octave - 1)) +
	       ((UINT64_C(1) << (octave - 1)) - 1);
}

static SIM_RARE void add_octave(struct sim_histogram *h, int octave)
{
	h->octave[octave] = g_new0(uint64_t, SUB_BUCKETS);
}

static inline void add(struct sim_histogram *h, int octave, uint64_t value)
{
	h->octave[octave][bucket_of(value, octave)]++;
	h->count++;
	h->sum += value;
	if (SIM_UNLIKELY(value < h->min))
		h->min = value;
	if (SIM_UNLIKELY(value > h->max))
		h->max = value;
}

static SIM_RARE void add_first(struct sim_histogram *h, int octave, uint64_t value)
{
	add_octave(h, octave);
	add(h, octave, value);
}

void sim_histogram_add(struct sim_histogram *h, uint64_t value)
{
	int octave = octave_of(value);

	if (SIM_LIKELY(h->octave[octave]))
		add(h, octave, value);
	else
		add_first(h, octave, value);
}

void sim_histogram_merge(struct sim_histogram *into, const struct sim_histogram *from)
{
	if (!from || !from->count)
		return;
	for (int i = 0; i < OCTAVES; i++) {
		uint64_t *buckets;

		if (!from->octave[i])
			continue;
		if (!into->octave[i])
			add_octave(into, i);
		buckets = into->octave[i];
		for (int j = 0; j < SUB_BUCKETS; j++)
			buckets[j] += from->octave[i][j];
	}
	into->count += from->count;
	into->sum += from->sum;
	into->min = MIN(into->min, from->min);
	into->max = MAX(into->max, from->max);
}

uint64_t sim_histogram_count(const struct sim_histogram *h)
{
	return h ? h->count : 0;
}

uint64_t sim_histogram_min(const struct sim_histogram *h)
{
	return h && h->count ? h->min : 0;
}

uint64_t sim_histogram_max(const struct sim_histogram *h)
{
	return h ? h->max : 0;
}

uint64_t sim_histogram_sum_low(const struct sim_histogram *h)
{
	return h ? (uint64_t)h->sum : 0;
}

double sim_histogram_mean(const struct sim_histogram *h)
{
	const double two_to_64 = 18446744073709551616.0;

	if (!h || !h->count)
		return 0;
	return ((double)(uint64_t)(h->sum >> 64) * two_to_64 + (double)(uint64_t)h->sum) /
	       (double)h->count;
}

static uint64_t rank_of(const struct sim_histogram *h, uint32_t per_100k)
{
	uint64_t rank = (uint64_t)(((sim_u128)h->count * per_100k + PER_100K - 1) / PER_100K);

	return CLAMP(rank, 1, h->count);
}

uint64_t sim_histogram_quantile(const struct sim_histogram *h, uint32_t per_100k)
{
	uint64_t left;

	if (!h || !h->count)
		return 0;
	left = rank_of(h, per_100k);
	for (int i = 0; i < OCTAVES; i++) {
		if (!h->octave[i])
			continue;
		for (uint32_t j = 0; j < SUB_BUCKETS; j++) {
			if (h->octave[i][j] >= left)
				return MIN(bucket_top(i, j), h->max);
			left -= h->octave[i][j];
		}
	}
	g_assert_not_reached();
}

bool sim_histogram_carries(const struct sim_histogram *h, uint32_t per_100k)
{
	return h && h->count && h->count - rank_of(h, per_100k) >= TAIL_VALUES;
}

/* ---- distributions ---- */

struct sim_distribution *sim_distribution_new(void)
{
	struct sim_distribution *d = g_new0(struct sim_distribution, 1);

	d->min = UINT64_MAX;
	d->buckets = g_array_new(FALSE, FALSE, sizeof(struct sim_bucket));
	return d;
}

void sim_distribution_free(struct sim_distribution *distribution)
{
	if (!distribution)
		return;
	g_array_unref(distribution->buckets);
	g_free(distribution);
}

uint64_t sim_distribution_bound(uint64_t value)
{
	int shift = value < SIM_DISTRIBUTION_STEPS ? 0 : DISTRIBUTION_TOP - __builtin_clzll(value);

	return value | ((UINT64_C(1) << shift) - 1);
}

static void add_bucket(struct sim_distribution *d, uint64_t upto, uint64_t count)
{
	struct sim_bucket bucket = {sim_distribution_bound(upto), count};
	struct sim_bucket *last =
		d->buckets->len ? &g_array_index(d->buckets, struct sim_bucket, d->buckets->len - 1)
				: NULL;

	if (last && last->upto == bucket.upto)
		last->count += count;
	else if (count)
		g_array_append_val(d->buckets, bucket);
}

struct sim_distribution *sim_distribution_of(const struct sim_histogram *h)
{
	struct sim_distribution *d = sim_distribution_new();

	d->count = h->count;
	d->sum = (uint64_t)h->sum;
	d->min = h->min;
	d->max = h->max;
	for (int i = 0; i < OCTAVES; i++)
		for (uint32_t j = 0; h->octave[i] && j < SUB_BUCKETS; j++)
			add_bucket(d, bucket_top(i, j), h->octave[i][j]);
	return d;
}

/* NULL past the end: an array that holds nothing has no memory to point into. */
static const struct sim_bucket *bucket_at(const GArray *buckets, guint i)
{
	return i < buckets->len ? &g_array_index(buckets, struct sim_bucket, i) : NULL;
}

void sim_distribution_merge(struct sim_distribution *into, const struct sim_distribution *from)
{
	GArray *a = into->buckets, *b = from->buckets;
	guint i = 0, j = 0;

	into->buckets = g_array_new(FALSE, FALSE, sizeof(struct sim_bucket));
	while (i < a->len || j < b->len) {
		const struct sim_bucket *x = bucket_at(a, i), *y = bucket_at(b, j);
		bool first = !y || (x && x->upto <= y->upto);

		add_bucket(into, first ? x->upto : y->upto, first ? x->count : y->count);
		i += first;
		j += !first;
	}
	g_array_unref(a);
	into->count += from->count;
	into->sum += from->sum;
	into->min = MIN(into->min, from->min);
	into->max = MAX(into->max, from->max);
}
