/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image's file: what goes in comes out, and nothing damaged gets in. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scenarios/image.h"

enum { TOP, DIR_A, FILE_PLAIN, FILE_SHARED, FILE_INLINE, LINK, SUBVOLUME, FILE_SIZE, INODES };

static char *folder;

static void make_folder(void)
{
	folder = g_dir_make_tmp("extentsim-image-XXXXXX", NULL);
}

static void remove_folder(void)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		char *path = g_build_filename(folder, name, NULL);

		if (unlink(path))
			rmdir(path);
		g_free(path);
	}
	g_dir_close(dir);
	rmdir(folder);
	g_free(folder);
}

TestSuite(image_file, .init = make_folder, .fini = remove_folder);

static struct fs_image *sample(bool names)
{
	static const struct fs_image_inode inodes[INODES] = {
		[TOP] = {.type = FS_IMAGE_DIRECTORY, .links = 1, .size_bytes = 40},
		[DIR_A] = {.type = FS_IMAGE_DIRECTORY,
			   .links = 1,
			   .parent = SUBVOLUME,
			   .name_length = 1},
		[FILE_PLAIN] = {.parent = DIR_A,
				.links = 3,
				.name_length = 1,
				.name = 1,
				.size_bytes = 300000,
				.extent_count = 3,
				.flags = FS_IMAGE_NODATACOW},
		[FILE_SHARED] = {.links = 1,
				 .name_length = 1,
				 .name = 2,
				 .size_bytes = 4096,
				 .first_extent = 3,
				 .extent_count = 2,
				 .method = FS_IMAGE_BY_FIEMAP},
		[FILE_INLINE] = {.links = 1,
				 .name_length = 1,
				 .name = 3,
				 .size_bytes = 100,
				 .first_extent = 5,
				 .extent_count = 1},
		[LINK] = {.type = FS_IMAGE_SYMLINK,
			  .links = 1,
			  .name_length = 1,
			  .name = 4,
			  .size_bytes = 7,
			  .first_extent = 6},
		[SUBVOLUME] = {.type = FS_IMAGE_DIRECTORY,
			       .links = 1,
			       .name_length = 1,
			       .name = 5,
			       .first_extent = 6,
			       .flags = FS_IMAGE_SUBVOLUME},
		[FILE_SIZE] = {.links = 1,
			       .name_length = 2,
			       .name = 6,
			       .size_bytes = 12345,
			       .first_extent = 6,
			       .method = FS_IMAGE_BY_SIZE,
			       .allocated_bytes = 16384},
	};
	static const struct fs_image_extent extents[] = {
		{0, 8192, 0, 0, FS_IMAGE_REGULAR, 0},
		{8192, 4096, 4096, 1, FS_IMAGE_PREALLOC, 0},
		{131072, 131072, 0, 2, FS_IMAGE_REGULAR, 0},
		{4096, 4096, 4096, 0, FS_IMAGE_REGULAR, 0},
		{1 << 20, 4096, 0, 0, FS_IMAGE_PREALLOC, 0},
		{0, 100, 0, UINT32_MAX, FS_IMAGE_INLINE, 3},
	};
	static const struct fs_image_disk_extent disks[] = {
		{0, 8192, 8192, 0},
		{12288, 8192, 8192, 0},
		{8192, 4096, 131072, 3},
	};
	struct fs_image *image = g_new0(struct fs_image, 1);

	g_strlcpy(image->filesystem, "btrfs", sizeof(image->filesystem));
	image->inodes = g_memdup2(inodes, sizeof(inodes));
	image->inode_count = INODES;
	image->extents = g_memdup2(extents, sizeof(extents));
	image->extent_count = G_N_ELEMENTS(extents);
	image->disk_extents = g_memdup2(disks, sizeof(disks));
	image->disk_extent_count = G_N_ELEMENTS(disks);
	image->others = 5;
	image->unreadable = 2;
	if (names) {
		image->names = g_strdup("d \n%\xff"
					"vzz");
		image->names_bytes = 8;
	} else {
		for (size_t i = 0; i < INODES; i++)
			image->inodes[i].name = 0;
	}
	return image;
}

static char *file_named(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static void expect_equal(const struct fs_image *a, const struct fs_image *b)
{
	cr_assert_eq(a->inode_count, b->inode_count);
	cr_assert_eq(a->extent_count, b->extent_count);
	cr_assert_eq(a->disk_extent_count, b->disk_extent_count);
	for (size_t i = 0; i < a->inode_count; i++)
		cr_assert(!memcmp(&a->inodes[i], &b->inodes[i], sizeof(*a->inodes)), "inode %zu",
			  i);
	for (size_t i = 0; i < a->extent_count; i++) {
		const struct fs_image_extent *x = &a->extents[i], *y = &b->extents[i];

		cr_assert(x->file_offset == y->file_offset && x->length_bytes == y->length_bytes &&
				  x->disk_offset == y->disk_offset && x->disk == y->disk &&
				  x->type == y->type && x->compression == y->compression,
			  "extent %zu", i);
	}
	for (size_t i = 0; i < a->disk_extent_count; i++) {
		const struct fs_image_disk_extent *x = &a->disk_extents[i],
						  *y = &b->disk_extents[i];

		cr_assert(x->address == y->address && x->length_bytes == y->length_bytes &&
				  x->ram_bytes == y->ram_bytes && x->compression == y->compression,
			  "disk extent %zu", i);
	}
	cr_assert_eq(a->others, b->others);
	cr_assert_eq(a->unreadable, b->unreadable);
	cr_assert_str_eq(a->filesystem, b->filesystem);
	cr_assert_eq(a->names_bytes, b->names_bytes);
	cr_assert(!a->names == !b->names &&
		  (!a->names || !memcmp(a->names, b->names, a->names_bytes)));
}

Test(image_file, comes_back_as_it_was_written)
{
	for (int names = 0; names <= 1; names++) {
		struct fs_image *image = sample(names), *back;
		char *path = file_named("image"), *digest = fs_image_digest(image), *text;
		GError *error = NULL;
		gsize length;

		cr_assert(fs_image_write(image, path, &error), "%s", error ? error->message : "");
		back = fs_image_read(path, &error);
		cr_assert(back, "%s", error ? error->message : "");
		expect_equal(image, back);
		g_file_get_contents(path, &text, &length, NULL);
		cr_assert(!strncmp(text + length - 65, digest, 64), "the digest is the trailer's");
		fs_image_free(image);
		fs_image_free(back);
		g_free(text);
		g_free(path);
		g_free(digest);
	}
}

static void put_file(const char *path, const char *bytes, size_t length)
{
	int fd;

	/* A new file each time: ext4 flushes one that was truncated when it is closed. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	cr_assert_eq(write(fd, bytes, length), (ssize_t)length);
	close(fd);
}

/* Reads bytes as an image; they must be refused as bad input with `words` in the message. */
static void expect_refused(const char *bytes, size_t length, const char *words)
{
	char *path = file_named("bad");
	GError *error = NULL;
	struct fs_image *image;

	put_file(path, bytes, length);
	image = fs_image_read(path, &error);
	cr_assert_null(image, "accepted instead of: %s", words);
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD));
	cr_assert(g_str_has_prefix(error->message, path), "%s", error->message);
	cr_assert(strstr(error->message, words), "'%s' is not in: %s", words, error->message);
	g_error_free(error);
	g_free(path);
}

static char *written_sample(gsize *length)
{
	struct fs_image *image = sample(true);
	char *path = file_named("image"), *text;

	cr_assert(fs_image_write(image, path, NULL));
	g_file_get_contents(path, &text, length, NULL);
	fs_image_free(image);
	g_free(path);
	return text;
}

Test(image_file, is_refused_wherever_it_is_cut_short)
{
	gsize length;
	char *text = written_sample(&length);

	expect_refused("", 0, "is empty");
	for (gsize n = 1; n < length; n++)
		expect_refused(text, n, "image is cut short");
	g_free(text);
}

Test(image_file, is_refused_with_any_bit_flipped)
{
	gsize length;
	char *text = written_sample(&length);

	for (gsize i = 0; i < length; i++) {
		text[i] ^= (char)(1 << (i % 8));
		expect_refused(text, length, "");
		text[i] ^= (char)(1 << (i % 8));
	}
	g_free(text);
}

/* Replaces the trailer by a true one: what is wrong is now for the parser to find. */
static void seal(GString *text)
{
	char *digest =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)text->str, text->len);

	g_string_append_printf(text, "sha256 %s\n", digest);
	g_free(digest);
}

static void expect_body_refused(const char *header, const char *body, const char *words)
{
	GString *text = g_string_new("extentsim image 1\nnames no\nfilesystem btrfs\nunit 4096\n");

	g_string_append(text, header);
	g_string_append(text, "others 0\nunreadable 0\n");
	g_string_append(text, body);
	seal(text);
	expect_refused(text->str, text->len, words);
	g_string_free(text, TRUE);
}

#define COUNTS(i, e, d) "inodes " #i "\nextents " #e "\ndisk-extents " #d "\n"

Test(image_file, refuses_counts_that_it_has_no_room_for)
{
	expect_body_refused(COUNTS(4000000000, 0, 0), "d 0 0 0\n", "a count is larger");
	expect_body_refused(COUNTS(1, 18446744073709551615, 0), "d 0 0 0\n", "a count is larger");
	expect_body_refused(COUNTS(1, 0, 99999999999999999999), "d 0 0 0\n", "does not fit");
	expect_body_refused(COUNTS(0, 0, 0), "", "should be the top directory");
	expect_body_refused(COUNTS(2, 0, 0), "d 0 0 0\n", "fewer inodes");
	expect_body_refused(COUNTS(1, 1, 0), "d 0 0 0\n", "fewer extents");
	expect_body_refused(COUNTS(1, 0, 0), "d 0 0 0\nd 0 1 0\n", "lines after the last");
	expect_body_refused(COUNTS(2, 0, 1), "d 0 0 0\nf 0 1 1 r1\n1\n", "more extents than");
}

Test(image_file, refuses_what_is_no_filesystem)
{
	static const struct {
		const char *counts, *body, *words;
	} bad[] = {
		{COUNTS(1, 0, 0), "f 0 0 0\n", "should be the top directory"},
		{COUNTS(2, 0, 0), "d 0 0 0\nd 1 1 0\n", "is among its own ancestors"},
		{COUNTS(3, 0, 0), "d 0 0 0\nd 2 1 0\nd 1 1 0\n", "is among its own ancestors"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 7 1 0\n", "a parent that is not there"},
		{COUNTS(3, 0, 0), "d 0 0 0\nf 0 1 0\nf 1 1 0\n", "a parent that is no directory"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 0 0\n", "has no name"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 1 0 x0\n", "has no link"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 256 0\n", "a number is too large"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 1 9999999999999999999\n", "a number is too large"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 1 0 q\n", "unknown kind"},
		{COUNTS(2, 0, 0), "d 0 0 0\nf 0 1 0 /a\n", "without names"},
		{COUNTS(2, 0, 0), "d 0 0 0\nb 0 1 0\n", "unknown type"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r2\n1\n", "reaches out of"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r1+1\n1\n", "reaches out of"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r1#1\n1\n", "that is not there"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r0\n1\n", "empty extent"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r1125899906842624\n1\n", "too large"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r9@1125899906842620\n1\n", "beyond the end"},
		{COUNTS(2, 2, 1), "d 0 0 0\nf 0 1 9 r2 r1@1#0\n2\n", "overlap"},
		{COUNTS(2, 2, 1), "d 0 0 0\nf 0 1 9 r1 i9\n1\n", "inline extent after"},
		{COUNTS(2, 1, 1), "d 0 0 0\nl 0 1 9 r1\n1\n", "has extents and is no file"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 =0 r1\n1\n", "known by size alone"},
		{COUNTS(2, 2, 2), "d 0 0 0\nf 0 1 9 r2 r2\n2\n2@1\n", "overlaps another"},
		{COUNTS(2, 1, 1), "d 0 0 0\nf 0 1 9 r1\n0\n", "reaches out of"},
		{COUNTS(1, 0, 1), "d 0 0 0\n0\n", "is empty"},
		{COUNTS(1, 0, 1), "d 0 0 0\n1@1125899906842623\n", "beyond the end"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		expect_body_refused(bad[i].counts, bad[i].body, bad[i].words);
}

/* Any bytes at all, under a true digest: refused or read, never a crash. */
Test(image_file, survives_mutations_under_a_true_digest)
{
	static const char bytes[] = "0123456789 \n#@+~:ripdlfvxc=F/%\xff";
	uint64_t state = 1;
	gsize length;
	char *text = written_sample(&length), *path = file_named("mutant");

	for (int round = 0; round < 5000; round++) {
		GString *mutant = g_string_new_len(text, (gssize)length - 72);
		struct fs_image *image;

		for (int k = 0; k < 1 + round % 3; k++) {
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			mutant->str[(state >> 33) % mutant->len] =
				bytes[(state >> 20) % (sizeof(bytes) - 1)];
		}
		seal(mutant);
		put_file(path, mutant->str, mutant->len);
		image = fs_image_read(path, NULL);
		if (image)
			g_free(fs_image_digest(image));
		fs_image_free(image);
		g_string_free(mutant, TRUE);
	}
	g_free(text);
	g_free(path);
}

Test(image_file, says_what_it_is_instead)
{
	static const char version[] = "extentsim image 2\nwhatever\n";
	GError *error = NULL;

	expect_refused("{\"what\": 1}\n", 12, "not an image");
	expect_refused(version, sizeof(version) - 1, "another version");
	cr_assert_null(fs_image_read(folder, &error));
	cr_assert(strstr(error->message, "is a directory"), "%s", error->message);
	g_clear_error(&error);
	cr_assert_null(fs_image_read("/dev/zero", &error));
	cr_assert(strstr(error->message, "not a regular file"), "%s", error->message);
	g_clear_error(&error);
	cr_assert_null(fs_image_read("/nowhere/at/all", &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD));
	cr_assert(strstr(error->message, "No such file"), "%s", error->message);
	g_clear_error(&error);
}

Test(image_file, is_written_whole_or_not_at_all)
{
	struct fs_image *image = sample(false);
	char *path = file_named("missing/image"), *full = file_named("full");
	struct rlimit limit;
	GError *error = NULL;
	GDir *dir;

	cr_assert_not(fs_image_write(image, "/dev/full", &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO));
	cr_assert(strstr(error->message, "No space left"), "%s", error->message);
	g_clear_error(&error);
	cr_assert_not(fs_image_write(image, path, &error));
	g_clear_error(&error);
	cr_assert_not(fs_image_write(image, folder, &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO));
	g_clear_error(&error);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &limit);
	cr_assert_not(fs_image_write(image, full, &error));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	cr_assert(strstr(error->message, "File too large"), "%s", error->message);
	g_clear_error(&error);
	dir = g_dir_open(folder, 0, NULL);
	cr_assert_null(g_dir_read_name(dir), "something half-written stayed behind");
	g_dir_close(dir);
	cr_assert(g_file_test("/dev/full", G_FILE_TEST_EXISTS));
	fs_image_free(image);
	g_free(path);
	g_free(full);
}

Test(image_file, of_debian_12_has_the_figures_its_readme_gives)
{
	char *path =
		g_build_filename(EXTENTSIM_DATADIR, "scenarios", "images", "debian-12.image", NULL);
	GError *error = NULL;
	struct fs_image *image = fs_image_read(path, &error);
	uint64_t inline_files = 0, bytes = 0, disk_bytes = 0;

	cr_assert(image, "%s", error ? error->message : "");
	cr_assert_eq(image->inode_count, 8534);
	cr_assert_eq(image->extent_count, 6569);
	cr_assert_eq(image->disk_extent_count, 3583);
	cr_assert_null(image->names);
	for (size_t i = 0; i < image->inode_count; i++) {
		const struct fs_image_inode *inode = &image->inodes[i];
		bool is_inline = inode->extent_count &&
				 image->extents[inode->first_extent].type == FS_IMAGE_INLINE;

		if (inode->type != FS_IMAGE_FILE)
			continue;
		/* Linux 6.18, BTRFS_DEFAULT_MAX_INLINE: 2048 bytes. */
		cr_assert_eq(is_inline, inode->size_bytes && inode->size_bytes <= 2048, "%zu", i);
		cr_assert_eq(inode->method, FS_IMAGE_BY_TREE_SEARCH);
		inline_files += is_inline;
		bytes += inode->size_bytes;
	}
	for (size_t i = 0; i < image->disk_extent_count; i++)
		disk_bytes += image->disk_extents[i].length_bytes;
	cr_assert_eq(inline_files, 2986);
	cr_assert_eq(bytes, 151796942);
	cr_assert_eq(disk_bytes, 155635712);
	fs_image_free(image);
	g_free(path);
}
