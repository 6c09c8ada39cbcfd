/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold between the parts of an image, whoever made it. */
#include "scenarios/image_check.h"

#include <inttypes.h>

static bool bad(const char *path, GError **error, const char *kind, size_t index, const char *what)
{
	g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD, "%s: image is damaged: %s %zu %s",
		    path, kind, index, what);
	return false;
}

static const char *inode_fault(const struct fs_image *image, size_t i)
{
	const struct fs_image_inode *inode = &image->inodes[i];

	if (inode->parent >= image->inode_count)
		return "has a parent that is not there";
	if (image->inodes[inode->parent].type != FS_IMAGE_DIRECTORY)
		return "has a parent that is no directory";
	if (!i != !inode->name_length)
		return i ? "has no name" : "is the top and has a name";
	if (!i && inode->parent)
		return "is the top and has a parent";
	if (!inode->links)
		return "has no link";
	if (inode->type != FS_IMAGE_FILE && inode->extent_count)
		return "has extents and is no file";
	if (inode->method == FS_IMAGE_BY_SIZE && inode->extent_count)
		return "has extents and is known by size alone";
	return NULL;
}

static const char *extent_fault(const struct fs_image *image, const struct fs_image_extent *e)
{
	const struct fs_image_disk_extent *d;

	if (!e->length_bytes)
		return "has an empty extent";
	if (e->type == FS_IMAGE_INLINE)
		return NULL;
	d = &image->disk_extents[e->disk];
	if (e->disk_offset > d->ram_bytes || e->length_bytes > d->ram_bytes - e->disk_offset)
		return "has an extent that reaches out of its disk extent";
	return NULL;
}

static const char *extents_fault(const struct fs_image *image, const struct fs_image_inode *inode)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < inode->extent_count; i++) {
		const struct fs_image_extent *e = &image->extents[inode->first_extent + i];
		const char *fault = extent_fault(image, e);

		if (fault)
			return fault;
		if (e->type == FS_IMAGE_INLINE && i)
			return "has an inline extent after another";
		if (i && e->file_offset < end)
			return "has extents that overlap or are out of order";
		end = e->file_offset + e->length_bytes;
	}
	return NULL;
}

/* Follows parents upwards; each inode is passed once, whatever the shape. */
static bool parents_lead_to_top(const struct fs_image *image, size_t *culprit)
{
	enum { UNSEEN, ON_PATH, FINE };
	guint8 *state = g_new0(guint8, image->inode_count);
	bool ok = true;

	state[0] = FINE;
	for (size_t i = 0; i < image->inode_count && ok; i++) {
		size_t at = i;

		for (; state[at] == UNSEEN; at = image->inodes[at].parent)
			state[at] = ON_PATH;
		ok = state[at] == FINE;
		*culprit = at;
		for (at = i; ok && state[at] == ON_PATH; at = image->inodes[at].parent)
			state[at] = FINE;
	}
	g_free(state);
	return ok;
}

static int by_address(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct fs_image_disk_extent *table = data;
	uint64_t x = table[*(const uint32_t *)a].address, y = table[*(const uint32_t *)b].address;

	return (x > y) - (x < y);
}

static bool check_disk_extents(const struct fs_image *image, const char *path, GError **error)
{
	uint32_t *order = g_new(uint32_t, image->disk_extent_count);
	uint64_t end = 0;
	bool ok = true;

	for (size_t i = 0; i < image->disk_extent_count; i++)
		order[i] = (uint32_t)i;
	if (image->disk_extent_count)
		g_qsort_with_data(order, (gint)image->disk_extent_count, sizeof(*order), by_address,
				  image->disk_extents);
	for (size_t i = 0; i < image->disk_extent_count && ok; i++) {
		const struct fs_image_disk_extent *d = &image->disk_extents[order[i]];

		if (!d->length_bytes || !d->ram_bytes)
			ok = bad(path, error, "disk extent", order[i], "is empty");
		else if (d->address < end)
			ok = bad(path, error, "disk extent", order[i], "overlaps another");
		end = d->address + d->length_bytes;
	}
	g_free(order);
	return ok;
}

bool fs_image_check(const struct fs_image *image, const char *path, GError **error)
{
	size_t culprit = 0;

	if (!image->inode_count || image->inodes[0].type != FS_IMAGE_DIRECTORY)
		return bad(path, error, "inode", 0, "should be the top directory");
	for (size_t i = 0; i < image->inode_count; i++) {
		const char *fault = inode_fault(image, i);

		if (!fault)
			fault = extents_fault(image, &image->inodes[i]);
		if (fault)
			return bad(path, error, "inode", i, fault);
	}
	if (!parents_lead_to_top(image, &culprit))
		return bad(path, error, "inode", culprit, "is among its own ancestors");
	return check_disk_extents(image, path, error);
}
