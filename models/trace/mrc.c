/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The miss-ratio curve: accesses, sizes, policy. */
#include "models/trace/internal.h"

const struct mrc_policy *const mrc_policies[] = {&mrc_lru, &mrc_fifo, &mrc_clock, NULL};

const char *mrc_policy_name(const struct mrc_policy *policy)
{
	return policy->name;
}

static void add_size(GArray *curve, uint64_t size)
{
	struct mrc_point point = {.size = size};

	g_array_append_val(curve, point);
}

static void set_sizes(struct mrc *mrc, const struct mrc_options *options)
{
	uint64_t size;

	for (size_t i = 0; i < options->size_count; i++)
		add_size(mrc->curve, options->sizes[i]);
	if (options->size_count || !mrc->keys)
		return;
	for (size = 1; size < mrc->keys; size *= 2)
		add_size(mrc->curve, size);
	add_size(mrc->curve, mrc->keys);
}

static struct mrc *compute(const struct accesses *list, const struct mrc_options *options,
			   GError **error)
{
	struct mrc *mrc = g_new0(struct mrc, 1);
	struct mrc_point *points;

	mrc->accesses = list->count;
	mrc->keys = list->key_count;
	mrc->keyless = list->keyless;
	mrc->curve = g_array_new(false, false, sizeof(struct mrc_point));
	set_sizes(mrc, options);
	points = (struct mrc_point *)(void *)mrc->curve->data;
	if (!options->policy->fill(list, points, mrc->curve->len, options->interrupted)) {
		g_set_error(error, TRACE_ERROR, TRACE_ERROR_INTERRUPTED, "interrupted");
		mrc_free(mrc);
		return NULL;
	}
	for (guint i = 0; i < mrc->curve->len; i++)
		points[i].misses = mrc->accesses - points[i].hits;
	return mrc;
}

struct mrc *mrc_compute(struct trace *trace, const struct mrc_options *options, GError **error)
{
	struct accesses list;
	struct mrc *mrc = NULL;

	accesses_init(&list, options->interrupted);
	if (accesses_read(&list, trace, options->unit_bytes, error))
		mrc = compute(&list, options, error);
	accesses_clear(&list);
	return mrc;
}

void mrc_free(struct mrc *mrc)
{
	if (!mrc)
		return;
	g_array_free(mrc->curve, true);
	g_free(mrc);
}
