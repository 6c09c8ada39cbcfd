/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who shares what and who touches whom, out of what a kernel would tell. */
#include <criterion/criterion.h>
#include <string.h>

#include "scenarios/image_capture.h"
#include "scenarios/image_check.h"

enum { K4 = 4096 };

static struct fs_image_options options;
static struct fs_image_report report;
static struct capture capture;

static void begin(void)
{
	struct raw_inode top = {.number = 900};

	memset(&report, 0, sizeof(report));
	capture = (struct capture){.options = &options, .report = &report};
	capture.inodes = g_array_new(FALSE, FALSE, sizeof(struct raw_inode));
	capture.extents = g_array_new(FALSE, FALSE, sizeof(struct raw_extent));
	top.inode.type = FS_IMAGE_DIRECTORY;
	top.inode.links = 1;
	g_array_append_val(capture.inodes, top);
}

static void end(void)
{
	g_array_unref(capture.inodes);
	g_array_unref(capture.extents);
}

TestSuite(image_resolve, .init = begin, .fini = end);

static void add_file(uint64_t number, const struct raw_extent *extents, uint32_t count)
{
	struct raw_inode raw = {.number = number};

	raw.inode.links = 1;
	raw.inode.name_length = 1;
	raw.inode.first_extent = capture.extents->len;
	raw.inode.extent_count = count;
	g_array_append_val(capture.inodes, raw);
	g_array_append_vals(capture.extents, extents, count);
}

static struct raw_extent mapped(uint64_t file_offset, uint64_t physical, uint64_t length)
{
	return (struct raw_extent){.file_offset = file_offset,
				   .physical = physical,
				   .length_bytes = length,
				   .disk_bytes = length,
				   .ram_bytes = length,
				   .type = FS_IMAGE_REGULAR,
				   .placed = true};
}

static struct fs_image *resolve(void)
{
	struct fs_image *image = capture_resolve(&capture);
	GError *error = NULL;

	cr_assert(fs_image_check(image, "resolved", &error), "%s", error ? error->message : "");
	return image;
}

Test(image_resolve, orders_inodes_by_number_and_disk_extents_by_first_use)
{
	struct raw_extent second = mapped(0, 50 * K4, K4), first = mapped(0, 80 * K4, 2 * K4);
	struct fs_image *image;

	add_file(7, &second, 1);
	add_file(3, &first, 1);
	image = resolve();
	cr_assert_eq(image->extents[image->inodes[1].first_extent].length_bytes, 2 * K4);
	cr_assert_eq(image->extents[image->inodes[1].first_extent].disk, 0);
	cr_assert_eq(image->disk_extents[0].address, 0, "no address of the real disk");
	cr_assert_eq(image->disk_extents[1].address, 3 * K4, "apart there, apart here");
	fs_image_free(image);
}

Test(image_resolve, keeps_what_touches_together_and_apart_what_is_of_another_filesystem)
{
	struct raw_extent a = mapped(0, 10 * K4, K4), b = mapped(0, 11 * K4, K4), c = b;
	struct fs_image *image;

	c.physical = 12 * K4;
	c.space = 1;
	add_file(5, &b, 1);
	add_file(6, &a, 1);
	add_file(7, &c, 1);
	image = resolve();
	cr_assert_eq(image->disk_extents[0].address, K4);
	cr_assert_eq(image->disk_extents[1].address, 0);
	cr_assert_eq(image->disk_extents[2].address, 3 * K4);
	fs_image_free(image);
}

Test(image_resolve, makes_one_disk_extent_of_ranges_that_overlap)
{
	struct raw_extent whole = mapped(0, 100 * K4, 8 * K4), part = mapped(K4, 102 * K4, K4);
	struct raw_extent over = mapped(0, 107 * K4, 4 * K4), next = mapped(0, 111 * K4, K4);
	struct fs_image *image;

	add_file(1, &whole, 1);
	add_file(2, &part, 1);
	add_file(3, &over, 1);
	add_file(4, &next, 1);
	image = resolve();
	cr_assert_eq(image->disk_extent_count, 2);
	cr_assert_eq(image->disk_extents[0].length_bytes, 11 * K4);
	cr_assert_eq(image->extents[1].disk_offset, 2 * K4);
	cr_assert_eq(image->extents[2].disk_offset, 7 * K4);
	cr_assert_eq(image->extents[3].disk, 1, "touching is not sharing");
	cr_assert_eq(report.shared_disk_extents, 1);
	fs_image_free(image);
}

Test(image_resolve, knows_pieces_of_a_compressed_extent_by_where_it_begins)
{
	struct raw_extent pieces[2] = {mapped(0, 40 * K4, 20 * K4),
				       mapped(24 * K4, 40 * K4, 8 * K4)};
	struct raw_extent neighbour = mapped(0, 43 * K4, K4);
	struct fs_image *image;

	for (int i = 0; i < 2; i++) {
		pieces[i].guessed = true;
		pieces[i].compression = FS_IMAGE_COMPRESSION_UNKNOWN;
	}
	add_file(1, pieces, 2);
	add_file(2, &neighbour, 1);
	image = resolve();
	cr_assert_eq(image->disk_extent_count, 2);
	cr_assert_eq(image->disk_extents[0].length_bytes, 3 * K4, "no further than its neighbour");
	cr_assert_eq(image->disk_extents[0].ram_bytes, 20 * K4);
	cr_assert_eq(image->disk_extents[0].compression, FS_IMAGE_COMPRESSION_UNKNOWN);
	cr_assert_eq(report.shared_disk_extents, 0, "both pieces are of one file");
	fs_image_free(image);
}

Test(image_resolve, gives_data_not_yet_on_disk_an_extent_of_their_own)
{
	struct raw_extent waiting = mapped(0, 0, 4 * K4), tail = {.type = FS_IMAGE_INLINE};
	struct fs_image *image;

	waiting.placed = false;
	tail.length_bytes = 17;
	add_file(1, &waiting, 1);
	add_file(2, &waiting, 1);
	add_file(3, &tail, 1);
	image = resolve();
	cr_assert_eq(image->disk_extent_count, 2);
	cr_assert_neq(image->extents[0].disk, image->extents[1].disk);
	cr_assert_eq(image->extents[2].disk, UINT32_MAX);
	fs_image_free(image);
}
