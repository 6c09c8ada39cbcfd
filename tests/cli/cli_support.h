/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running the program and looking at what came out. */
#ifndef CLI_SUPPORT_H
#define CLI_SUPPORT_H

#include <glib.h>

struct cli_result {
	int status; /* exit status; 128 + signal if it died of one */
	char *out, *err;
};
/** Runs extentsim with the words of `arguments` (quoted as for a shell) in `folder` (NULL: here).
 * `library` is its data folder, or NULL for the one built in. Free with cli_result_clear(). */
struct cli_result cli_run(const char *library, const char *folder, const char *arguments);
/** The same with `redirection` behind it, through sh: ">/dev/full". */
struct cli_result cli_run_sh(const char *folder, const char *command_tail);
/** Runs it with the library built in: it must come to this status, and say these, or "", on either stream. */
void cli_expect(const char *folder, const char *arguments, int status, const char *out,
		const char *err);
void cli_result_clear(struct cli_result *result);

#endif
