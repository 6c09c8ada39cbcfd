/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing images: the text, its digest, and putting it on disk whole or not at all. */
#include "scenarios/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/image_format.h"

G_DEFINE_QUARK(fs - image - error, fs_image_error)

void fs_image_free(struct fs_image *image)
{
	if (!image)
		return;
	g_free(image->inodes);
	g_free(image->extents);
	g_free(image->disk_extents);
	g_free(image->names);
	g_free(image);
}

/* The largest power of two in which every offset, length and address can be counted. */
static uint64_t common_unit(const struct fs_image *image)
{
	uint64_t bits = IMAGE_UNIT_MAX;

	for (size_t i = 0; i < image->extent_count; i++) {
		const struct fs_image_extent *e = &image->extents[i];

		if (e->type != FS_IMAGE_INLINE)
			bits |= e->file_offset | e->length_bytes | e->disk_offset;
	}
	for (size_t i = 0; i < image->disk_extent_count; i++) {
		const struct fs_image_disk_extent *d = &image->disk_extents[i];

		bits |= d->address | d->length_bytes | d->ram_bytes;
	}
	return bits & -bits;
}

static void put_u64(GString *out, const char *before, uint64_t value)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	g_string_append(out, before);
	g_string_append(out, p);
}

static void put_header(GString *out, const struct fs_image *image, uint64_t unit)
{
	put_u64(out, IMAGE_MAGIC, IMAGE_VERSION);
	g_string_append(out, image->names ? "\nnames yes" : "\nnames no");
	g_string_append_printf(out, "\nfilesystem %s", image->filesystem);
	put_u64(out, "\nunit ", unit);
	put_u64(out, "\ninodes ", image->inode_count);
	put_u64(out, "\nextents ", image->extent_count);
	put_u64(out, "\ndisk-extents ", image->disk_extent_count);
	put_u64(out, "\nothers ", image->others);
	put_u64(out, "\nunreadable ", image->unreadable);
	g_string_append_c(out, '\n');
}

static void put_name(GString *out, const char *name, size_t length)
{
	static const char hex[] = "0123456789ABCDEF";

	g_string_append(out, " /");
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c > ' ' && c < 0x7f && c != '%') {
			g_string_append_c(out, (char)c);
		} else {
			g_string_append_c(out, '%');
			g_string_append_c(out, hex[c >> 4]);
			g_string_append_c(out, hex[c & 15]);
		}
	}
}

struct writer {
	GString *out;
	const struct fs_image *image;
	uint64_t unit;
	uint32_t next_disk;
};

static void put_extent(struct writer *w, const struct fs_image_extent *e, uint64_t expected_offset)
{
	if (e->type == FS_IMAGE_INLINE) {
		put_u64(w->out, " i", e->length_bytes);
		if (e->compression)
			put_u64(w->out, "~", e->compression);
		return;
	}
	put_u64(w->out, e->type == FS_IMAGE_PREALLOC ? " p" : " r", e->length_bytes / w->unit);
	if (e->file_offset != expected_offset)
		put_u64(w->out, "@", e->file_offset / w->unit);
	if (e->disk != w->next_disk)
		put_u64(w->out, "#", e->disk);
	else
		w->next_disk++;
	if (e->disk_offset)
		put_u64(w->out, "+", e->disk_offset / w->unit);
}

static void put_inode(struct writer *w, const struct fs_image_inode *inode)
{
	uint64_t expected = 0;
	char type[2] = "f";

	if (inode->type == FS_IMAGE_DIRECTORY)
		type[0] = inode->flags & FS_IMAGE_SUBVOLUME ? 'v' : 'd';
	else if (inode->type == FS_IMAGE_SYMLINK)
		type[0] = 'l';
	g_string_append(w->out, type);
	put_u64(w->out, " ", inode->parent);
	put_u64(w->out, " ", inode->name_length);
	put_u64(w->out, " ", inode->size_bytes);
	if (inode->links != 1)
		put_u64(w->out, " x", inode->links);
	if (inode->flags & FS_IMAGE_NODATACOW)
		g_string_append(w->out, " c");
	if (inode->method == FS_IMAGE_BY_FIEMAP)
		g_string_append(w->out, " F");
	else if (inode->method == FS_IMAGE_BY_SIZE)
		put_u64(w->out, " =", inode->allocated_bytes);
	for (uint32_t i = 0; i < inode->extent_count; i++) {
		const struct fs_image_extent *e = &w->image->extents[inode->first_extent + i];

		put_extent(w, e, expected);
		expected = e->file_offset + e->length_bytes;
	}
	if (w->image->names && inode->name_length)
		put_name(w->out, w->image->names + inode->name, inode->name_length);
	g_string_append_c(w->out, '\n');
}

static void put_disk_extents(struct writer *w)
{
	uint64_t expected = 0;

	for (size_t i = 0; i < w->image->disk_extent_count; i++) {
		const struct fs_image_disk_extent *d = &w->image->disk_extents[i];

		put_u64(w->out, "", d->length_bytes / w->unit);
		if (d->compression) {
			put_u64(w->out, "~", d->compression);
			put_u64(w->out, ":", d->ram_bytes / w->unit);
		}
		if (d->address != expected)
			put_u64(w->out, "@", d->address / w->unit);
		g_string_append_c(w->out, '\n');
		expected = d->address + d->length_bytes;
	}
}

/* The image's text, without its trailer. */
static GString *image_text(const struct fs_image *image)
{
	struct writer w = {.out = g_string_new(NULL), .image = image, .unit = common_unit(image)};

	put_header(w.out, image, w.unit);
	for (size_t i = 0; i < image->inode_count; i++)
		put_inode(&w, &image->inodes[i]);
	put_disk_extents(&w);
	return w.out;
}

char *fs_image_digest(const struct fs_image *image)
{
	GString *text = image_text(image);
	char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text->str,
						   text->len);

	g_string_free(text, TRUE);
	return digest;
}

static bool fail_io(const char *path, const char *doing, int err, GError **error)
{
	g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO, "%s: %s: %s", path, doing,
		    g_strerror(err));
	return false;
}

static bool write_all(int fd, const GString *text, const char *path, GError **error)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->str + done, text->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_io(path, "could not write the image", n ? errno : EIO, error);
		done += (size_t)n;
	}
	return true;
}

static bool write_beside(const char *path, const GString *text, GError **error)
{
	char *beside = g_strdup_printf("%s.XXXXXX", path);
	int fd = g_mkstemp_full(beside, O_WRONLY | O_CLOEXEC, 0666);
	bool ok;

	if (fd < 0) {
		ok = fail_io(path, "could not write beside it", errno, error);
		g_free(beside);
		return ok;
	}
	ok = write_all(fd, text, path, error);
	if (ok && fsync(fd))
		ok = fail_io(path, "could not write the image", errno, error);
	if (close(fd) && ok)
		ok = fail_io(path, "could not write the image", errno, error);
	if (ok && rename(beside, path))
		ok = fail_io(path, "could not put the image in place", errno, error);
	if (!ok)
		unlink(beside);
	g_free(beside);
	return ok;
}

static bool write_into(const char *path, const GString *text, GError **error)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return fail_io(path, "could not open it", errno, error);
	ok = write_all(fd, text, path, error);
	if (close(fd) && ok)
		ok = fail_io(path, "could not write the image", errno, error);
	return ok;
}

/* A symlink keeps its place, the file it leads to is replaced; a device is written to. */
static bool write_to(const char *path, const GString *text, GError **error)
{
	struct stat st;
	char *target;
	bool ok;

	if (stat(path, &st))
		return write_beside(path, text, error);
	if (S_ISDIR(st.st_mode))
		return fail_io(path, "could not write the image", EISDIR, error);
	if (!S_ISREG(st.st_mode))
		return write_into(path, text, error);
	target = realpath(path, NULL);
	ok = write_beside(target ? target : path, text, error);
	free(target);
	return ok;
}

bool fs_image_write(const struct fs_image *image, const char *path, GError **error)
{
	GString *text = image_text(image);
	char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text->str,
						   text->len);
	bool ok;

	g_string_append_printf(text, IMAGE_TRAILER "%s\n", digest);
	if (strcmp(path, "-"))
		ok = write_to(path, text, error);
	else
		ok = write_all(STDOUT_FILENO, text, "standard output", error);
	g_free(digest);
	g_string_free(text, TRUE);
	return ok;
}
