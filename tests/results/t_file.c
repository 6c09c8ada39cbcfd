/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: written whole or not at all, and never trusted. */
#include "results/internal.h"
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *temporary_directory(void)
{
	char *dir = g_dir_make_tmp("results-XXXXXX", NULL);

	cr_assert_not_null(dir);
	return dir;
}

static guint files_in(const char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	guint n = 0;

	while (g_dir_read_name(d))
		n++;
	g_dir_close(d);
	return n;
}

static void remove_directory(char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		unlink(path);
	}
	g_dir_close(d);
	rmdir(dir);
	g_free(dir);
}

Test(results_file, is_written_whole_or_not_at_all)
{
	struct results_doc *doc = fabricate_first_run();
	char *dir = temporary_directory();
	g_autofree char *path = g_build_filename(dir, "r.json", NULL),
			*link = g_build_filename(dir, "link.json", NULL),
			*nowhere = g_build_filename(dir, "no", "r.json", NULL),
			*json = fabricate_json(doc);
	g_autofree char *text = NULL, *through_link = NULL;
	GError *error = NULL;
	struct stat st;

	cr_assert(fabricate_file(doc, path, &error));
	cr_assert(g_file_get_contents(path, &text, NULL, NULL));
	cr_assert_str_eq(text, json);
	cr_assert_eq(symlink("r.json", link), 0);
	cr_assert_eq(chmod(path, 0640), 0);
	cr_assert(results_write_text(link, "new", 3, &error));
	cr_assert(g_file_get_contents(path, &through_link, NULL, NULL));
	cr_assert_str_eq(through_link, "new");
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
	cr_assert(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	cr_assert_eq(files_in(dir), 2, "%u", files_in(dir));

	cr_assert_not(fabricate_file(doc, nowhere, &error));
	cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_IO));
	cr_assert_not_null(strstr(error->message, nowhere), "%s", error->message);
	g_clear_error(&error);
	cr_assert_not(fabricate_file(doc, dir, &error));
	cr_assert_not_null(strstr(error->message, "Is a directory"), "%s", error->message);
	g_clear_error(&error);
	remove_directory(dir);
	results_doc_free(doc);
}

/* Never the machine's own /dev/null or /dev/full: were the code broken, and the user root, it would
 * put a file in their place. */
Test(results_file, goes_into_a_pipe_in_place)
{
	char *dir = temporary_directory();
	g_autofree char *path = g_build_filename(dir, "pipe", NULL);
	char got[8] = "";
	struct stat st;
	int fd;

	cr_assert_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	cr_assert_geq(fd, 0);
	cr_assert(results_write_text(path, "abc", 3, NULL));
	cr_assert(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
	cr_assert_eq(read(fd, got, sizeof(got) - 1), 3);
	cr_assert_str_eq(got, "abc");
	cr_assert_eq(files_in(dir), 1);
	close(fd);
	remove_directory(dir);
}

Test(results_file, that_does_not_fit_leaves_the_old_file_and_nothing_else)
{
	const struct rlimit small = {100, RLIM_INFINITY};
	struct results_doc *doc = fabricate_first_run();
	char *dir = temporary_directory();
	g_autofree char *path = g_build_filename(dir, "r.json", NULL), *kept = NULL,
			*expected =
				g_strdup_printf("%s: error: cannot write: File too large", path);
	GError *error = NULL;
	bool ok;

	cr_assert(results_write_text(path, "old", 3, NULL));
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ok = fabricate_file(doc, path, &error);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
	cr_assert_not(ok);
	cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_IO));
	cr_assert_str_eq(error->message, expected);
	cr_assert(g_file_get_contents(path, &kept, NULL, NULL));
	cr_assert_str_eq(kept, "old");
	cr_assert_eq(files_in(dir), 1, "%u", files_in(dir));
	g_clear_error(&error);
	remove_directory(dir);
	results_doc_free(doc);
}

Test(results_file, hostile_files_are_refused_in_bounded_memory)
{
	enum { DEEP_BYTES = 1 << 22 };
	char *dir = temporary_directory();
	g_autofree char *deep = g_strnfill(DEEP_BYTES, '['),
			*absent = g_build_filename(dir, "absent", NULL),
			*empty = g_build_filename(dir, "empty", NULL),
			*huge = g_build_filename(dir, "huge", NULL);
	GError *error = NULL;
	FILE *f;

	cr_assert_null(results_parse("deep", deep, DEEP_BYTES, &error));
	cr_assert_not_null(strstr(error->message, "maximum parsing depth"), "%s", error->message);
	g_clear_error(&error);

	cr_assert(g_file_set_contents(empty, "", 0, NULL));
	cr_assert_null(results_read(empty, &error));
	cr_assert_not_null(strstr(error->message, ":1:1: error: the file is empty"));
	g_clear_error(&error);

	cr_assert_null(results_read(dir, &error));
	cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_INPUT));
	cr_assert_not_null(strstr(error->message, "a directory"), "%s", error->message);
	g_clear_error(&error);

	cr_assert_null(results_read(absent, &error));
	cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_INPUT));
	cr_assert_not_null(strstr(error->message, "No such file"), "%s", error->message);
	g_clear_error(&error);

	f = fopen(huge, "w");
	cr_assert_eq(ftruncate(fileno(f), ((off_t)RESULTS_READ_MAX_MIB << 20) + 1), 0);
	fclose(f);
	cr_assert_null(results_read(huge, &error));
	cr_assert_not_null(strstr(error->message, "larger than 64 MiB"), "%s", error->message);
	g_clear_error(&error);
	remove_directory(dir);
}
