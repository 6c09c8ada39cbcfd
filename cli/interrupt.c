/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals. The one place with state of the whole process, since signals are of the process. */
#include "cli/cli.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static volatile int interrupted;
static char remove_path[PATH_MAX];
static volatile sig_atomic_t remove_set;

static void on_signal(int number)
{
	if (!interrupted) {
		interrupted = number;
		return;
	}
	if (remove_set)
		unlink(remove_path);
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
	remove_set = 0;
	if (path && g_strlcpy(remove_path, path, sizeof(remove_path)) < sizeof(remove_path))
		remove_set = 1;
}
