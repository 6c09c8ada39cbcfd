/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extentsim image DIR [-o FILE]: take the image of a real directory tree. */
#include "cli/cmd_image.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "scenarios/image.h"

enum { EXIT_OK = 0, EXIT_BAD_INPUT = 2, EXIT_COULD_NOT = 5, EXIT_INTERRUPTED = 130 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void note(uint64_t count, const char *text)
{
	if (count)
		fprintf(stderr, "  %" PRIu64 " %s\n", count, text);
}

static void print_methods(const struct fs_image_report *r)
{
	note(r->by_tree_search, "files by tree search: extents as btrfs keeps them");
	note(r->by_fiemap, "files by FIEMAP: neighbouring extents may have been merged");
	note(r->by_size, "files by size alone: no extents known");
	note(r->empty, "empty files");
	if (r->tree_search_errno)
		fprintf(stderr,
			"  tree search was not permitted (%s): run as root to see btrfs's own "
			"extents\n",
			g_strerror(r->tree_search_errno));
}

static void print_omissions(const struct fs_image_report *r)
{
	note(r->others, "sockets, devices and pipes counted and left out");
	note(r->hard_links, "further names of files already met");
	note(r->mounts, "mount points not entered (--cross-mounts enters them)");
	note(r->subvolumes, "subvolumes entered");
	note(r->denied, "files could not be opened (permission denied): by size alone");
	note(r->denied_directories,
	     "directories or names could not be looked at (permission denied)");
	note(r->vanished, "names vanished or changed meanwhile");
	note(r->unwritten, "files have data not yet on disk (--sync writes it first)");
	if (r->failed)
		fprintf(stderr, "  %" PRIu64 " failed otherwise, the first: %s\n", r->failed,
			g_strerror(r->failed_errno));
}

static void print_report(const char *directory, const struct fs_image *image,
			 const struct fs_image_report *r)
{
	fprintf(stderr,
		"%s (%s): %zu inodes: %" PRIu64 " files of %" PRIu64 " bytes, %" PRIu64
		" directories, %" PRIu64 " symlinks\n",
		directory, image->filesystem, image->inode_count, r->files, r->data_bytes,
		r->directories, r->symlinks);
	fprintf(stderr,
		"  %zu file extents (%" PRIu64 " inline, %" PRIu64
		" compressed) on %zu disk extents (%" PRIu64 " shared by several files)\n",
		image->extent_count, r->inline_files, r->compressed_extents,
		image->disk_extent_count, r->shared_disk_extents);
	print_methods(r);
	print_omissions(r);
	fprintf(stderr, "  names: %s\n",
		image->names ? "kept" : "left out, their lengths kept (--names keeps them)");
}

static int fail(GError *error)
{
	int status = EXIT_COULD_NOT;

	if (g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD))
		status = EXIT_BAD_INPUT;
	else if (g_error_matches(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_INTERRUPTED))
		status = EXIT_INTERRUPTED;
	fprintf(stderr, "extentsim image: %s\n", error->message);
	g_error_free(error);
	return status;
}

static int take_image(const char *directory, const char *output, struct fs_image_options *options)
{
	struct sigaction on = {.sa_handler = on_interrupt}, was_int, was_term;
	struct fs_image_report report;
	struct fs_image *image;
	GError *error = NULL;

	sigemptyset(&on.sa_mask);
	sigaction(SIGINT, &on, &was_int);
	sigaction(SIGTERM, &on, &was_term);
	options->interrupted = &interrupted;
	image = fs_image_capture(directory, options, &report, &error);
	if (image && fs_image_write(image, output, &error))
		print_report(directory, image, &report);
	fs_image_free(image);
	sigaction(SIGINT, &was_int, NULL);
	sigaction(SIGTERM, &was_term, NULL);
	return error ? fail(error) : EXIT_OK;
}

int cmd_image(int argc, char **argv)
{
	gboolean names = FALSE, cross = FALSE, sync = FALSE, no_search = FALSE, no_fiemap = FALSE;
	char *output = NULL;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
		 "where to (default: standard output)", "FILE"},
		{"names", 0, 0, G_OPTION_ARG_NONE, &names, "keep names, not their lengths alone",
		 NULL},
		{"cross-mounts", 0, 0, G_OPTION_ARG_NONE, &cross, "enter mount points", NULL},
		{"sync", 0, 0, G_OPTION_ARG_NONE, &sync,
		 "have data written before asking where they are", NULL},
		{"no-tree-search", 0, 0, G_OPTION_ARG_NONE, &no_search, "use FIEMAP on btrfs too",
		 NULL},
		{"no-fiemap", 0, 0, G_OPTION_ARG_NONE, &no_fiemap, "use sizes instead of FIEMAP",
		 NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	GOptionContext *context = g_option_context_new("DIR");
	struct fs_image_options options = {0};
	GError *error = NULL;
	int status = EXIT_BAD_INPUT;

	g_option_context_set_summary(
		context, "Takes the image of a directory tree: inodes, sizes and extents, "
			 "never contents; names only if told to.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "extentsim image: %s\n", error->message);
		g_error_free(error);
	} else if (argc != 2) {
		fprintf(stderr, "usage: extentsim image DIR [-o FILE]\n");
	} else {
		options.keep_names = names;
		options.cross_mounts = cross;
		options.sync = sync;
		options.no_tree_search = no_search;
		options.no_fiemap = no_fiemap;
		status = take_image(argv[1], output ? output : "-", &options);
	}
	g_option_context_free(context);
	g_free(output);
	return status;
}
