/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading images: nothing that the file says is believed before it is checked. */
#include "scenarios/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/image_check.h"
#include "scenarios/image_format.h"

enum {
	/* The shortest lines and tokens there are: they bound every count by the file's length. */
	INODE_LINE_MIN = sizeof("d 0 0 0\n") - 1,
	EXTENT_TOKEN_MIN = sizeof(" i0") - 1,
	DISK_LINE_MIN = sizeof("1\n") - 1,
};

struct reader {
	const char *path, *p, *end;
	size_t line;
	uint64_t unit;
	struct fs_image *image;
	size_t extents_read, names_read;
	uint32_t next_disk;
	GError **error;
};

static bool damaged(struct reader *r, const char *what)
{
	if (!*r->error)
		g_set_error(r->error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD,
			    "%s:%zu: image is damaged: %s", r->path, r->line, what);
	return false;
}

static bool take(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n))
		return false;
	r->p += n;
	return true;
}

static bool take_u64(struct reader *r, uint64_t max, uint64_t *value)
{
	const char *start = r->p;
	uint64_t v = 0;

	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
		unsigned int digit = (unsigned int)(*r->p - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return damaged(r, "a number does not fit");
		v = v * 10 + digit;
	}
	if (r->p == start)
		return damaged(r, "a number is missing");
	if (v > max)
		return damaged(r, "a number is too large");
	*value = v;
	return true;
}

static bool take_units(struct reader *r, uint64_t *bytes)
{
	uint64_t v;

	if (!take_u64(r, IMAGE_OFFSET_MAX / r->unit - 1, &v))
		return false;
	*bytes = v * r->unit;
	return true;
}

static bool take_end_of_line(struct reader *r)
{
	if (!take(r, "\n"))
		return damaged(r, "the line goes on after its end");
	r->line++;
	return true;
}

static bool header_u64(struct reader *r, const char *key, uint64_t max, uint64_t *value)
{
	if (!take(r, key))
		return damaged(r, "a line of the header is missing");
	return take_u64(r, max, value) && take_end_of_line(r);
}

static bool header_count(struct reader *r, const char *key, size_t bytes_each, size_t *count)
{
	uint64_t v, most = (uint64_t)(r->end - r->p) / bytes_each;

	if (!header_u64(r, key, UINT64_MAX, &v))
		return false;
	if (v > most || v > G_MAXINT)
		return damaged(r, "a count is larger than the file has room for");
	*count = (size_t)v;
	return true;
}

static bool read_filesystem(struct reader *r)
{
	size_t n = 0;

	if (!take(r, "filesystem "))
		return damaged(r, "a line of the header is missing");
	for (; r->p < r->end && g_ascii_isalnum(*r->p); r->p++) {
		if (n == sizeof(r->image->filesystem) - 1)
			return damaged(r, "the filesystem's name is too long");
		r->image->filesystem[n++] = *r->p;
	}
	return take_end_of_line(r);
}

static bool read_header(struct reader *r)
{
	struct fs_image *image = r->image;
	uint64_t version;

	if (!take(r, IMAGE_MAGIC) || !take_u64(r, UINT64_MAX, &version) || !take_end_of_line(r))
		return damaged(r, "its first line");
	if (take(r, "names yes\n"))
		image->names = g_malloc(1);
	else if (!take(r, "names no\n"))
		return damaged(r, "a line of the header is missing");
	r->line++;
	if (!read_filesystem(r) || !header_u64(r, "unit ", IMAGE_UNIT_MAX, &r->unit))
		return false;
	if (!r->unit || (r->unit & (r->unit - 1)))
		return damaged(r, "the unit is no power of two");
	return header_count(r, "inodes ", INODE_LINE_MIN, &image->inode_count) &&
	       header_count(r, "extents ", EXTENT_TOKEN_MIN, &image->extent_count) &&
	       header_count(r, "disk-extents ", DISK_LINE_MIN, &image->disk_extent_count) &&
	       header_u64(r, "others ", UINT64_MAX, &image->others) &&
	       header_u64(r, "unreadable ", UINT64_MAX, &image->unreadable);
}

static bool allocate(struct reader *r)
{
	struct fs_image *image = r->image;
	size_t names_bytes = image->names ? (size_t)(r->end - r->p) : 0;

	image->inodes = g_try_new0(struct fs_image_inode, image->inode_count);
	image->extents = g_try_new0(struct fs_image_extent, image->extent_count);
	image->disk_extents = g_try_new0(struct fs_image_disk_extent, image->disk_extent_count);
	if (image->names) {
		g_free(image->names);
		image->names = g_try_malloc(names_bytes + 1);
	}
	if ((!image->inodes && image->inode_count) || (!image->extents && image->extent_count) ||
	    (!image->disk_extents && image->disk_extent_count) || (names_bytes && !image->names)) {
		g_set_error(r->error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO,
			    "%s: not enough memory for the image", r->path);
		return false;
	}
	return true;
}

static bool read_inline(struct reader *r, struct fs_image_extent *e)
{
	uint64_t compression = 0;

	e->type = FS_IMAGE_INLINE;
	e->disk = UINT32_MAX;
	if (!take_u64(r, IMAGE_UNIT_MAX, &e->length_bytes))
		return false;
	if (take(r, "~") && !take_u64(r, UINT8_MAX, &compression))
		return false;
	e->compression = (uint8_t)compression;
	return true;
}

static bool read_extent(struct reader *r, enum fs_image_extent_type type, uint64_t *expected)
{
	uint64_t disk = r->next_disk;
	struct fs_image_extent *e;

	if (r->extents_read == r->image->extent_count)
		return damaged(r, "more extents than the header says");
	e = &r->image->extents[r->extents_read++];
	if (type == FS_IMAGE_INLINE)
		return read_inline(r, e);
	e->type = (uint8_t)type;
	e->file_offset = *expected;
	if (!take_units(r, &e->length_bytes))
		return false;
	if (take(r, "@") && !take_units(r, &e->file_offset))
		return false;
	if (!take(r, "#"))
		r->next_disk++;
	else if (!take_u64(r, UINT32_MAX, &disk))
		return false;
	if (take(r, "+") && !take_units(r, &e->disk_offset))
		return false;
	if (disk >= r->image->disk_extent_count)
		return damaged(r, "an extent points to a disk extent that is not there");
	e->disk = (uint32_t)disk;
	*expected = e->file_offset + e->length_bytes;
	if (*expected >= IMAGE_OFFSET_MAX)
		return damaged(r, "an extent lies beyond the end of any file");
	return true;
}

static int name_byte(struct reader *r)
{
	unsigned char c = (unsigned char)*r->p;
	int hi, lo;

	if (c <= ' ' || c >= 0x7f)
		return -1;
	r->p++;
	if (c != '%')
		return c;
	if (r->end - r->p < 2)
		return -1;
	hi = g_ascii_xdigit_value(r->p[0]);
	lo = g_ascii_xdigit_value(r->p[1]);
	r->p += 2;
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

static bool read_name(struct reader *r, struct fs_image_inode *inode)
{
	size_t length = 0;

	if (!r->image->names)
		return damaged(r, "a name in an image without names");
	inode->name = (uint32_t)r->names_read;
	while (r->p < r->end && *r->p != '\n') {
		int c = name_byte(r);

		if (c <= 0 || c == '/')
			return damaged(r, "a name with a byte that no name has");
		r->image->names[r->names_read++] = (char)c;
		length++;
	}
	if (length != inode->name_length)
		return damaged(r, "a name is not as long as it says");
	return true;
}

static bool read_attribute(struct reader *r, struct fs_image_inode *inode, uint64_t *expected)
{
	uint64_t v;

	switch (*r->p++) {
	case 'x':
		if (!take_u64(r, UINT32_MAX, &v))
			return false;
		inode->links = (uint32_t)v;
		return true;
	case 'c':
		inode->flags |= FS_IMAGE_NODATACOW;
		return true;
	case 'F':
		inode->method = FS_IMAGE_BY_FIEMAP;
		return true;
	case '=':
		inode->method = FS_IMAGE_BY_SIZE;
		return take_u64(r, IMAGE_OFFSET_MAX, &inode->allocated_bytes);
	case 'i':
		inode->extent_count++;
		return read_extent(r, FS_IMAGE_INLINE, expected);
	case 'r':
		inode->extent_count++;
		return read_extent(r, FS_IMAGE_REGULAR, expected);
	case 'p':
		inode->extent_count++;
		return read_extent(r, FS_IMAGE_PREALLOC, expected);
	case '/':
		return read_name(r, inode);
	default:
		return damaged(r, "an inode with an attribute of unknown kind");
	}
}

static bool read_inode_type(struct reader *r, struct fs_image_inode *inode)
{
	if (r->p == r->end)
		return damaged(r, "fewer inodes than the header says");
	switch (*r->p++) {
	case 'f':
		inode->type = FS_IMAGE_FILE;
		return true;
	case 'v':
		inode->flags |= FS_IMAGE_SUBVOLUME;
		inode->type = FS_IMAGE_DIRECTORY;
		return true;
	case 'd':
		inode->type = FS_IMAGE_DIRECTORY;
		return true;
	case 'l':
		inode->type = FS_IMAGE_SYMLINK;
		return true;
	default:
		return damaged(r, "an inode of unknown type");
	}
}

static bool read_inode(struct reader *r, struct fs_image_inode *inode)
{
	uint64_t parent, name_length, expected = 0;

	inode->links = 1;
	inode->first_extent = r->extents_read;
	if (!read_inode_type(r, inode) || !take(r, " ") || !take_u64(r, UINT32_MAX, &parent) ||
	    !take(r, " ") || !take_u64(r, UINT8_MAX, &name_length) || !take(r, " ") ||
	    !take_u64(r, INT64_MAX, &inode->size_bytes))
		return damaged(r, "an inode's line");
	inode->parent = (uint32_t)parent;
	inode->name_length = (uint8_t)name_length;
	while (take(r, " "))
		if (r->p == r->end || !read_attribute(r, inode, &expected))
			return damaged(r, "an inode's line");
	return take_end_of_line(r);
}

static bool read_disk_extent(struct reader *r, uint64_t *expected)
{
	struct fs_image_disk_extent *d = &r->image->disk_extents[expected[1]++];
	uint64_t compression = 0;

	d->address = expected[0];
	if (!take_units(r, &d->length_bytes))
		return false;
	d->ram_bytes = d->length_bytes;
	if (take(r, "~") && (!take_u64(r, UINT8_MAX, &compression) || !take(r, ":") ||
			     !take_units(r, &d->ram_bytes)))
		return damaged(r, "a disk extent's line");
	d->compression = (uint8_t)compression;
	if (take(r, "@") && !take_units(r, &d->address))
		return false;
	expected[0] = d->address + d->length_bytes;
	if (expected[0] >= IMAGE_OFFSET_MAX)
		return damaged(r, "a disk extent lies beyond the end of any disk");
	return take_end_of_line(r);
}

static bool read_body(struct reader *r)
{
	uint64_t expected[2] = {0, 0};

	if (!read_header(r) || !allocate(r))
		return false;
	for (size_t i = 0; i < r->image->inode_count; i++)
		if (!read_inode(r, &r->image->inodes[i]))
			return false;
	if (r->extents_read != r->image->extent_count)
		return damaged(r, "fewer extents than the header says");
	for (size_t i = 0; i < r->image->disk_extent_count; i++)
		if (!read_disk_extent(r, expected))
			return false;
	if (r->p != r->end)
		return damaged(r, "lines after the last disk extent");
	r->image->names_bytes = r->names_read;
	return fs_image_check(r->image, r->path, r->error);
}

static bool bad(const char *path, GError **error, const char *what)
{
	g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD, "%s: %s", path, what);
	return false;
}

/* What can be said before a single line is read: is it an image, and is it all there? */
static bool check_envelope(const char *path, const char *text, size_t length, GError **error)
{
	size_t magic = strlen(IMAGE_MAGIC);
	const char *trailer = text + length - MIN(length, IMAGE_TRAILER_BYTES);
	char *digest;
	bool same;

	if (!length)
		return bad(path, error, "the file is empty, not an image");
	if (memcmp(text, IMAGE_MAGIC, MIN(length, magic)))
		return bad(path, error, "not an image: it does not begin with '" IMAGE_MAGIC "'");
	if (length > magic + 1 && (text[magic] != '0' + IMAGE_VERSION || text[magic + 1] != '\n'))
		return bad(
			path, error,
			"an image of another version; this program reads version 1: take it anew");
	if (length < magic + IMAGE_TRAILER_BYTES || text[length - 1] != '\n' ||
	    memcmp(trailer, "sha256 ", strlen(IMAGE_TRAILER)) || trailer[-1] != '\n')
		return bad(path, error,
			   "image is cut short: it does not end with its SHA-256; take it anew or "
			   "fetch it whole");
	digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text,
					     length - IMAGE_TRAILER_BYTES);
	same = !memcmp(trailer + strlen(IMAGE_TRAILER), digest, IMAGE_SHA256_HEX);
	g_free(digest);
	return same ||
	       bad(path, error, "image is damaged: its SHA-256 is not the one it ends with");
}

static char *slurp(const char *path, size_t *length, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t n = 0;
	int err;

	*length = 0;
	if (fd < 0 || fstat(fd, &st)) {
		err = errno;
		g_set_error(error, FS_IMAGE_ERROR,
			    err == ENOENT || err == ENOTDIR ? FS_IMAGE_ERROR_BAD
							    : FS_IMAGE_ERROR_IO,
			    "%s: could not open the image: %s", path, g_strerror(err));
	} else if (!S_ISREG(st.st_mode)) {
		bad(path, error,
		    S_ISDIR(st.st_mode) ? "is a directory, not an image; take one with "
					  "'extentsim image'"
					: "is not a regular file");
	} else if (st.st_size > IMAGE_FILE_BYTES_MAX) {
		bad(path, error, "too large for an image");
	} else if (!(text = g_try_malloc((size_t)st.st_size + 1))) {
		g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO, "%s: not enough memory",
			    path);
	} else {
		while (*length < (size_t)st.st_size &&
		       ((n = read(fd, text + *length, (size_t)st.st_size - *length)) > 0 ||
			(n < 0 && errno == EINTR)))
			*length += n > 0 ? (size_t)n : 0;
		if (n < 0) {
			g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_IO,
				    "%s: could not read the image: %s", path, g_strerror(errno));
			g_clear_pointer(&text, g_free);
		}
	}
	if (fd >= 0)
		close(fd);
	return text;
}

struct fs_image *fs_image_read(const char *path, GError **error)
{
	GError *own = NULL;
	size_t length;
	char *text = slurp(path, &length, error);
	struct reader r = {.path = path, .line = 1, .error = &own};

	if (!text)
		return NULL;
	if (!check_envelope(path, text, length, error)) {
		g_free(text);
		return NULL;
	}
	r.p = text;
	r.end = text + length - IMAGE_TRAILER_BYTES;
	r.image = g_new0(struct fs_image, 1);
	if (!read_body(&r)) {
		g_clear_pointer(&r.image, fs_image_free);
		g_propagate_error(error, own);
	}
	g_free(text);
	return r.image;
}
