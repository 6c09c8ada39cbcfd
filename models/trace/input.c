/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of a trace, as lines or records, from a buffer of fixed size. */
#include "models/trace/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool trace_input_open(struct trace_input *input, const char *path)
{
	struct stat st;

	*input = (struct trace_input){.fd = STDIN_FILENO};
	if (strcmp(path, "-"))
		input->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (input->fd < 0)
		return false;
	if (!fstat(input->fd, &st) && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	input->buffer = g_malloc(TRACE_LINE_MAX);
	return true;
}

void trace_input_close(struct trace_input *input)
{
	if (input->fd > STDIN_FILENO)
		close(input->fd);
	g_free(input->buffer);
}

/* Reads more behind what is there, moving that to the front; false with errno. */
static bool fill(struct trace_input *input)
{
	ssize_t got;

	memmove(input->buffer, input->buffer + input->start, input->end - input->start);
	input->end -= input->start;
	input->start = 0;
	do
		got = read(input->fd, input->buffer + input->end, TRACE_LINE_MAX - input->end);
	while (got < 0 && errno == EINTR && !(input->interrupted && *input->interrupted));
	if (got < 0)
		return false;
	input->ended = !got;
	input->end += (size_t)got;
	return true;
}

static enum trace_got pass_over_line(struct trace_input *input)
{
	const char *newline;

	do {
		input->start = input->end = 0;
		if (!fill(input))
			return TRACE_GOT_ERRNO;
		newline = memchr(input->buffer, '\n', input->end);
	} while (!newline && !input->ended);
	input->start = newline ? (size_t)(newline + 1 - input->buffer) : input->end;
	return TRACE_GOT_TOO_LONG;
}

enum trace_got trace_input_line(struct trace_input *input, const char **line, size_t *length)
{
	size_t searched = 0;

	for (;;) {
		const char *from = input->buffer + input->start;
		size_t have = input->end - input->start;
		const char *newline = memchr(from + searched, '\n', have - searched);

		*line = from;
		*length = newline ? (size_t)(newline - from) : have;
		input->start += newline ? *length + 1 : 0;
		if (newline)
			return TRACE_GOT;
		if (input->ended) {
			input->start = input->end;
			return have ? TRACE_GOT : TRACE_GOT_END;
		}
		if (have == TRACE_LINE_MAX)
			return pass_over_line(input);
		searched = have;
		if (!fill(input))
			return TRACE_GOT_ERRNO;
	}
}

enum trace_got trace_input_record(struct trace_input *input, size_t wanted, const char **record,
				  size_t *length)
{
	while (input->end - input->start < wanted && !input->ended)
		if (!fill(input))
			return TRACE_GOT_ERRNO;
	*record = input->buffer + input->start;
	*length = MIN(wanted, input->end - input->start);
	input->start += *length;
	return *length ? TRACE_GOT : TRACE_GOT_END;
}
