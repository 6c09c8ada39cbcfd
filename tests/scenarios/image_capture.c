/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of real directory trees, on whatever filesystem the tests run. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/image.h"

static int top_fd;
static char *top;

static void write_file(int dir, const char *name, size_t bytes)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	char *data = g_malloc(bytes + 1);

	memset(data, 'x', bytes);
	if (write(fd, data, bytes) != (ssize_t)bytes)
		cr_log_error("could not write %s", name);
	g_free(data);
	close(fd);
}

static void make_tree(void)
{
	int sub;

	top = g_dir_make_tmp("extentsim-capture-XXXXXX", NULL);
	top_fd = open(top, O_RDONLY | O_DIRECTORY);
	write_file(top_fd, "Xylophone", 10000);
	write_file(top_fd, "empty", 0);
	linkat(top_fd, "Xylophone", top_fd, "also-Xylophone", 0);
	symlinkat("Xylophone", top_fd, "Zsymlink");
	symlinkat("..", top_fd, "upwards");
	mkfifoat(top_fd, "pipe", 0600);
	mkdirat(top_fd, "Quokka", 0755);
	sub = openat(top_fd, "Quokka", O_RDONLY | O_DIRECTORY);
	write_file(sub, "Wombat", 300);
	close(sub);
}

static void remove_tree(void)
{
	char rm[] = "rm", rf[] = "-rf", *argv[] = {rm, rf, top, NULL};

	close(top_fd);
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(top);
}

TestSuite(image_capture, .init = make_tree, .fini = remove_tree);

static struct fs_image *capture(const struct fs_image_options *options,
				struct fs_image_report *report)
{
	GError *error = NULL;
	struct fs_image *image = fs_image_capture(top, options, report, &error);

	cr_assert(image, "%s", error ? error->message : "");
	return image;
}

static char *text_of(const struct fs_image *image)
{
	char *path = g_strdup_printf("%s.image", top), *text;
	GError *error = NULL;
	struct fs_image *back;

	cr_assert(fs_image_write(image, path, &error), "%s", error ? error->message : "");
	back = fs_image_read(path, &error);
	cr_assert(back, "%s", error ? error->message : "");
	fs_image_free(back);
	cr_assert(g_file_get_contents(path, &text, NULL, NULL));
	unlink(path);
	g_free(path);
	return text;
}

Test(image_capture, counts_every_inode_once)
{
	struct fs_image_options options = {.sync = true};
	struct fs_image_report r;
	struct fs_image *image = capture(&options, &r);

	cr_assert_eq(r.files, 3, "Xylophone, empty, Wombat");
	cr_assert_eq(r.directories, 2);
	cr_assert_eq(r.symlinks, 2);
	cr_assert_eq(r.others, 1);
	cr_assert_eq(r.hard_links, 1);
	cr_assert_eq(r.data_bytes, 10300);
	cr_assert_eq(r.empty, 1);
	cr_assert_eq(r.by_tree_search + r.by_fiemap + r.by_size, 2);
	cr_assert_eq(image->inode_count, 7);
	cr_assert_eq(image->inodes[0].type, FS_IMAGE_DIRECTORY);
	for (size_t i = 0; i < image->inode_count; i++)
		if (image->inodes[i].size_bytes == 10000) {
			cr_assert_eq(image->inodes[i].links, 2);
			cr_assert_eq(image->inodes[i].name_length, strlen("Xylophone"));
		}
	fs_image_free(image);
}

Test(image_capture, is_the_same_to_the_byte_each_time)
{
	struct fs_image_options options = {.sync = true};

	for (int by = 0; by < 4; by++) {
		struct fs_image *a, *b;
		char *first, *second;

		options.no_tree_search = by & 1;
		options.no_fiemap = by & 2;
		a = capture(&options, NULL);
		b = capture(&options, NULL);
		first = text_of(a);
		second = text_of(b);
		cr_assert_str_eq(first, second);
		fs_image_free(a);
		fs_image_free(b);
		g_free(first);
		g_free(second);
	}
}

Test(image_capture, has_no_byte_of_a_name_unless_told)
{
	static const char *const names[] = {"Xylo", "Wombat", "Quokka", "Zsym"};
	struct fs_image_options options = {.sync = true};

	for (int keep = 0; keep <= 1; keep++) {
		struct fs_image *image;
		char *text;

		options.keep_names = keep;
		image = capture(&options, NULL);
		text = text_of(image);
		for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
			cr_assert_eq(!strstr(text, names[i]), !keep, "%s", names[i]);
		cr_assert_null(strstr(text, "extentsim-capture"), "nor the top's own");
		fs_image_free(image);
		g_free(text);
	}
}

Test(image_capture, knows_by_size_what_is_sparse)
{
	struct fs_image_options options = {.no_tree_search = true, .no_fiemap = true};
	struct fs_image_report r;
	struct fs_image *image;
	int fd = openat(top_fd, "sparse", O_WRONLY | O_CREAT, 0644);

	cr_assert_eq(ftruncate(fd, 1 << 30), 0);
	close(fd);
	image = capture(&options, &r);
	cr_assert_eq(r.by_tree_search + r.by_fiemap, 0);
	cr_assert_eq(image->extent_count, 0);
	for (size_t i = 0; i < image->inode_count; i++)
		if (image->inodes[i].size_bytes == 1 << 30) {
			cr_assert_eq(image->inodes[i].method, FS_IMAGE_BY_SIZE);
			cr_assert_lt(image->inodes[i].allocated_bytes, 1 << 20);
		}
	fs_image_free(image);
}

Test(image_capture, goes_deeper_than_any_path_and_any_limit_of_descriptors)
{
	enum { DEPTH = 1200 };
	struct fs_image_options options = {.no_fiemap = true, .no_tree_search = true};
	struct fs_image_report r;
	struct fs_image *image;
	int fd = dup(top_fd), next;
	struct rlimit limit;

	for (int i = 0; i < DEPTH; i++) {
		cr_assert_eq(mkdirat(fd, "deep", 0755), 0);
		cr_assert_eq(mkdirat(fd, "side", 0755), 0);
		next = openat(fd, "deep", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &limit);
	image = capture(&options, &r);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r.directories, 2 + 2 * DEPTH, "got %lu", (unsigned long)r.directories);
	cr_assert_eq(r.vanished + r.failed + r.denied_directories, 0);
	fs_image_free(image);
}

Test(image_capture, says_when_it_is_no_directory_or_interrupted)
{
	volatile sig_atomic_t interrupted = 1;
	struct fs_image_options options = {.interrupted = &interrupted};
	GError *error = NULL;
	char *file = g_build_filename(top, "Xylophone", NULL);

	cr_assert_null(fs_image_capture(top, &options, NULL, &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_INTERRUPTED));
	g_clear_error(&error);
	interrupted = 0;
	cr_assert_null(fs_image_capture(file, &options, NULL, &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD));
	g_clear_error(&error);
	cr_assert_null(fs_image_capture("/nowhere", &options, NULL, &error));
	cr_assert(g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD));
	g_clear_error(&error);
	g_free(file);
}
