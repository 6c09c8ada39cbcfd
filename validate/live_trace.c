/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this thread does in the kernel, as tracepoints tell: an instance of tracefs of its own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "validate/live.h"

enum { READ_BYTES = 64 << 10 };

struct live_trace {
	int tracefs, instance; /* directories */
	char *name; /* of the instance */
};

static bool put(const struct live_trace *trace, const char *file, const char *text, GError **error)
{
	int fd = openat(trace->instance, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) >= 0;

	if (!ok)
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "tracefs: %s: %s", file,
			    g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool watch(const struct live_trace *trace, const char *event, const char *filter,
		  GError **error)
{
	g_autofree char *filter_file = g_strdup_printf("events/%s/filter", event);
	g_autofree char *enable_file = g_strdup_printf("events/%s/enable", event);

	return put(trace, filter_file, filter, error) && put(trace, enable_file, "1", error);
}

/* What this thread does. */
static bool watch_own(const struct live_trace *trace, const char *event, GError **error)
{
	g_autofree char *own = g_strdup_printf("common_pid == %ld", syscall(SYS_gettid));

	return watch(trace, event, own, error);
}

/* Pages come by the thousand: only the stacks of this thread's are of use. */
static bool watch_pages(const struct live_trace *trace, GError **error)
{
	g_autofree char *text =
		g_strdup_printf("stacktrace if common_pid == %ld", syscall(SYS_gettid));

	return put(trace, "events/kmem/mm_page_alloc/trigger", text, error);
}

static bool set_up(struct live_trace *trace, GError **error)
{
	int context = fsopen("tracefs", FSOPEN_CLOEXEC);
	g_autofree char *path = g_strdup_printf("instances/%s", trace->name);

	if (context >= 0 && !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		trace->tracefs = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (context >= 0)
		close(context);
	if (trace->tracefs >= 0 && !mkdirat(trace->tracefs, path, S_IRWXU))
		trace->instance = openat(trace->tracefs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (trace->instance < 0) {
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "tracefs: %s",
			    g_strerror(errno));
		return false;
	}
	return put(trace, "buffer_size_kb", "8192", error) &&
	       watch_own(trace, "kmem/kmem_cache_alloc", error) &&
	       watch_own(trace, "kmem/kmalloc", error) && watch_pages(trace, error) &&
	       /* by whoever ends the read */
	       watch(trace, "workqueue/workqueue_queue_work", "workqueue == \"fscrypt_read_queue\"",
		     error);
}

struct live_trace *live_trace_new(GError **error)
{
	struct live_trace *trace = g_new0(struct live_trace, 1);

	trace->tracefs = trace->instance = -1;
	trace->name = g_strdup_printf("extentsim-%ld", (long)getpid());
	if (set_up(trace, error))
		return trace;
	live_trace_free(trace);
	return NULL;
}

void live_trace_free(struct live_trace *trace)
{
	g_autofree char *path = g_strdup_printf("instances/%s", trace->name);

	if (trace->instance >= 0) {
		close(trace->instance);
		unlinkat(trace->tracefs, path, AT_REMOVEDIR);
	}
	if (trace->tracefs >= 0)
		close(trace->tracefs);
	g_free(trace->name);
	g_free(trace);
}

bool live_trace_begin(const struct live_trace *trace, GError **error)
{
	return put(trace, "trace", "", error);
}

char *live_trace_take(const struct live_trace *trace, GError **error)
{
	int fd = openat(trace->instance, "trace", O_RDONLY | O_CLOEXEC);
	GString *text = g_string_new(NULL);
	char part[READ_BYTES];
	ssize_t bytes = -1;

	while (fd >= 0 && (bytes = read(fd, part, sizeof(part))) > 0)
		g_string_append_len(text, part, bytes);
	if (bytes < 0)
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "tracefs: trace: %s",
			    g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return g_string_free(text, bytes < 0);
}
