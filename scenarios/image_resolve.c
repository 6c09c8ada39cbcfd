/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what the kernel told to an image: inodes by number, disk extents found in what file extents
 * have in common, and places on disk replaced by addresses that keep only who touches whom.
 */
#include <string.h>

#include "scenarios/image_capture.h"
#include "scenarios/image_format.h"

struct resolved_disk {
	uint64_t physical, end, ram_bytes;
	uint32_t space, id, run;
	uint8_t compression;
	bool placed, guessed;
};

struct resolver {
	struct capture *c;
	struct raw_extent *raw;
	struct fs_image *image;
	GArray *disks; /* struct resolved_disk, by place */
	uint32_t *inode_order, *inode_rank;
};

static int by_number(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct raw_inode *table = data;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct raw_inode *x = &table[i], *y = &table[j];

	/* The top comes first whatever its number. */
	if (!i || !j)
		return (i > 0) - (j > 0);
	if (x->tree != y->tree)
		return x->tree < y->tree ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return i < j ? -1 : 1;
}

static int by_place(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct raw_extent *raw = data;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct raw_extent *x = &raw[i], *y = &raw[j];

	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->physical != y->physical)
		return x->physical < y->physical ? -1 : 1;
	return (i > j) - (i < j);
}

static uint32_t *identity_order(size_t n)
{
	uint32_t *order = g_new(uint32_t, n);

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	return order;
}

static void order_inodes(struct resolver *r)
{
	size_t n = r->c->inodes->len;

	r->inode_order = identity_order(n);
	r->inode_rank = g_new(uint32_t, n);
	g_qsort_with_data(r->inode_order, (gint)n, sizeof(*r->inode_order), by_number,
			  r->c->inodes->data);
	for (size_t i = 0; i < n; i++)
		r->inode_rank[r->inode_order[i]] = (uint32_t)i;
}

static void new_disk(struct resolver *r, struct raw_extent *e)
{
	struct resolved_disk d = {
		.physical = e->physical,
		.end = e->physical + e->disk_bytes,
		.ram_bytes = e->ram_bytes,
		.space = e->space,
		.id = UINT32_MAX,
		.compression = e->compression,
		.placed = e->placed,
		.guessed = e->guessed,
	};

	e->disk = r->disks->len;
	g_array_append_val(r->disks, d);
}

/* A file extent that begins within the disk extent before it belongs to that one. */
static bool join_disk(struct resolver *r, struct raw_extent *e)
{
	struct resolved_disk *d;

	if (!r->disks->len)
		return false;
	d = &g_array_index(r->disks, struct resolved_disk, r->disks->len - 1);
	if (!d->placed || d->space != e->space)
		return false;
	if (d->guessed || e->guessed) {
		if (d->physical != e->physical) {
			/* Its length was a bound: it can't reach into its neighbour. */
			d->end = MIN(d->end, e->physical);
			return false;
		}
		d->guessed = true;
		d->compression = FS_IMAGE_COMPRESSION_UNKNOWN;
		d->ram_bytes = MAX(d->ram_bytes, e->ram_bytes);
	} else if (e->physical >= d->end) {
		return false;
	}
	d->end = MAX(d->end, e->physical + e->disk_bytes);
	if (!d->compression)
		d->ram_bytes = d->end - d->physical;
	e->disk_offset += e->physical - d->physical;
	e->disk = r->disks->len - 1;
	return true;
}

static void find_disks(struct resolver *r)
{
	size_t n = r->c->extents->len;
	uint32_t *order = identity_order(n);

	r->disks = g_array_new(FALSE, FALSE, sizeof(struct resolved_disk));
	if (n)
		g_qsort_with_data(order, (gint)n, sizeof(*order), by_place, r->raw);
	for (size_t i = 0; i < n; i++)
		if (r->raw[order[i]].placed && !join_disk(r, &r->raw[order[i]]))
			new_disk(r, &r->raw[order[i]]);
	for (size_t i = 0; i < n; i++)
		if (!r->raw[i].placed && r->raw[i].type != FS_IMAGE_INLINE)
			new_disk(r, &r->raw[i]);
	g_free(order);
}

/* Numbers the runs of disk extents that touch one another. */
static uint32_t find_runs(struct resolver *r)
{
	uint32_t runs = 0;

	for (guint i = 0; i < r->disks->len; i++) {
		struct resolved_disk *d = &g_array_index(r->disks, struct resolved_disk, i);

		if (i && d->placed && d[-1].placed && d[-1].space == d->space &&
		    d[-1].end == d->physical)
			d->run = d[-1].run;
		else
			d->run = runs++;
	}
	return runs;
}

static void copy_extent(struct resolver *r, const struct raw_extent *e, uint32_t *disks_seen)
{
	struct fs_image_extent *out = &r->image->extents[r->image->extent_count++];
	struct resolved_disk *d;

	*out = (struct fs_image_extent){.file_offset = e->file_offset,
					.length_bytes = e->length_bytes,
					.type = e->type,
					.disk = UINT32_MAX};
	if (e->type == FS_IMAGE_INLINE) {
		out->compression = e->compression;
		return;
	}
	d = &g_array_index(r->disks, struct resolved_disk, e->disk);
	if (d->id == UINT32_MAX)
		d->id = (*disks_seen)++;
	out->disk = d->id;
	out->disk_offset = e->disk_offset;
}

static void copy_inodes(struct resolver *r)
{
	uint32_t disks_seen = 0;

	for (size_t i = 0; i < r->image->inode_count; i++) {
		const struct raw_inode *raw =
			&g_array_index(r->c->inodes, struct raw_inode, r->inode_order[i]);
		struct fs_image_inode *out = &r->image->inodes[i];
		uint64_t first = raw->inode.first_extent;

		*out = raw->inode;
		out->parent = r->inode_rank[raw->inode.parent];
		out->first_extent = r->image->extent_count;
		for (uint32_t k = 0; k < out->extent_count; k++)
			copy_extent(r, &r->raw[first + k], &disks_seen);
	}
}

/* Runs are laid one after the other in the order in which the image first meets them. */
static void place_disks(struct resolver *r, uint32_t runs)
{
	uint64_t *run_bytes = g_new0(uint64_t, runs), *run_start = g_new0(uint64_t, runs);
	uint32_t *by_id = g_new(uint32_t, r->disks->len);
	uint64_t cursor = 0;

	for (guint i = 0; i < r->disks->len; i++) {
		const struct resolved_disk *d = &g_array_index(r->disks, struct resolved_disk, i);

		by_id[d->id] = i;
		r->image->disk_extents[d->id].address = run_bytes[d->run];
		run_bytes[d->run] += d->end - d->physical;
	}
	for (guint id = 0; id < r->disks->len; id++) {
		const struct resolved_disk *d =
			&g_array_index(r->disks, struct resolved_disk, by_id[id]);
		struct fs_image_disk_extent *out = &r->image->disk_extents[id];

		if (run_bytes[d->run]) {
			run_start[d->run] = cursor;
			cursor += run_bytes[d->run] + IMAGE_RUN_GAP_BYTES;
			run_bytes[d->run] = 0;
		}
		out->address += run_start[d->run];
		out->length_bytes = d->end - d->physical;
		out->ram_bytes = d->compression ? d->ram_bytes : out->length_bytes;
		out->compression = d->compression;
	}
	g_free(by_id);
	g_free(run_bytes);
	g_free(run_start);
}

/* Shared is what two inodes refer to; an extent split within one file is not. */
static void count_shared(struct resolver *r)
{
	enum { NOBODY, SHARED, FIRST_OWNER };
	uint64_t *owner = g_new0(uint64_t, r->disks->len);

	for (size_t i = 0; i < r->image->inode_count; i++) {
		const struct fs_image_inode *inode = &r->image->inodes[i];

		for (uint32_t k = 0; k < inode->extent_count; k++) {
			uint32_t disk = r->image->extents[inode->first_extent + k].disk;

			if (disk == UINT32_MAX || owner[disk] == SHARED)
				continue;
			if (owner[disk] == NOBODY) {
				owner[disk] = FIRST_OWNER + i;
			} else if (owner[disk] != FIRST_OWNER + i) {
				owner[disk] = SHARED;
				r->c->report->shared_disk_extents++;
			}
		}
	}
	g_free(owner);
}

struct fs_image *capture_resolve(struct capture *c)
{
	struct resolver r = {.c = c, .raw = (struct raw_extent *)(void *)c->extents->data};
	uint32_t runs;

	r.image = g_new0(struct fs_image, 1);
	r.image->inode_count = c->inodes->len;
	order_inodes(&r);
	find_disks(&r);
	runs = find_runs(&r);
	r.image->inodes = g_new0(struct fs_image_inode, r.image->inode_count);
	r.image->extents = g_new0(struct fs_image_extent, c->extents->len);
	r.image->disk_extent_count = r.disks->len;
	r.image->disk_extents = g_new0(struct fs_image_disk_extent, r.disks->len);
	copy_inodes(&r);
	place_disks(&r, runs);
	count_shared(&r);
	r.image->others = c->others;
	r.image->unreadable = c->unreadable;
	if (c->names) {
		r.image->names_bytes = c->names->len;
		r.image->names = (char *)g_byte_array_free(c->names, FALSE);
		if (!r.image->names)
			r.image->names = g_malloc0(1);
		c->names = NULL;
	}
	g_array_free(r.disks, TRUE);
	g_free(r.inode_order);
	g_free(r.inode_rank);
	return r.image;
}
