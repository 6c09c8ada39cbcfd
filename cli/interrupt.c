/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals. The one place with state of the whole process, since signals are of the process. */
#include "cli/cli.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static volatile int interrupted;
enum { REMOVED_MOST = 2 }; /* a result and a timeline */
static struct {
	char path[PATH_MAX];
	volatile sig_atomic_t set;
} removed[REMOVED_MOST];

static void on_signal(int number)
{
	if (!interrupted) {
		interrupted = number;
		return;
	}
	for (int i = 0; i < REMOVED_MOST; i++)
		if (removed[i].set)
			unlink(removed[i].path);
	_exit(CLI_INTERRUPTED);
}

void interrupt_install(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

const volatile int *interrupt_flag(void)
{
	return &interrupted;
}

void interrupt_remove_on_kill(const char *path)
{
	for (int i = 0; i < REMOVED_MOST; i++)
		if (!removed[i].set) {
			removed[i].set = g_strlcpy(removed[i].path, path, PATH_MAX) < PATH_MAX;
			return;
		}
}

void interrupt_keep_on_kill(const char *path)
{
	for (int i = 0; i < REMOVED_MOST; i++)
		if (removed[i].set && !strcmp(removed[i].path, path))
			removed[i].set = 0;
}
