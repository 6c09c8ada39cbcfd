// SPDX-License-Identifier: GPL-2.0-or-later
/* A key that is removed while files are open: what each step comes to, as one live kernel had it. */
#include <string.h>

#include "validate/internal.h"

/* 200 files, 20 held open, one of them dirty, the second block of each not in the page cache. */
static const char before[] = "addkey K\nmkdir d\npolicy d K\nrepeat 200 write d/f{} 0 8k\nsync\n"
			     "dropcaches\nrepeat 20 open d/f{}\nrepeat 20 read d/f{} 0 4k\n"
			     "write d/f0 0 4k\n";

struct step {
	const char *what, *op; /* one line of a script, which may say repeat */
	const char *outcome; /* of each, as scripts expect it */
};

static const struct step steps[] = {
	{"Before: status 2, present", "keystatus K", "present"},
	{"Remove the key: FILES_BUSY, 20 inodes and the directory", "rmkey K", "busy 21"},
	{"Status 3, incompletely removed", "keystatus K", "incompletely-removed"},
	{"Held files: read of a cached page", "repeat 20 read d/f{} 0 4k", "ok"},
	{"Held files: read of an uncached page", "repeat 20 read d/f{} 4k 4k", "ok"},
	{"Held files: write", "repeat 20 write d/f{} 4k 4k", "ok"},
	{"Held files: fdatasync", "repeat 20 fsync d/f{}", "ok"},
	{"Held files: read once more by name", "repeat 20 read d/f{} 0 8k", "ok"},
	{"Evicted files: open by name", "repeat 3 open d/f19{}", "ENOKEY"},
	{"Create", "create d/new", "ENOKEY"},
	{"Remove again: still busy", "rmkey K", "busy 21"},
	{"Close all", "repeat 20 close d/f{}", "ok"},
	{"Status still 3: closing does not end it", "keystatus K", "incompletely-removed"},
	{"Remove again: no flags", "rmkey K", "ok"},
	{"Status 1, absent", "keystatus K", "absent"},
	{"Remove once more", "rmkey K", "ENOKEY"},
	{"Without the key: names are listed, encoded", "ls d", "200"},
	{"Without the key: open by an encoded name", "open d/~f0", "ENOKEY"},
	{"Add again: present", "addkey K", "ok"},
	{"What was written while the key went away", "repeat 20 read d/f{} 0 8k", "ok"},
};

/* Every step on a line of its own, behind `before`; `line` gets the number of the first. */
static char *script_of(unsigned int *line)
{
	GString *text = g_string_new(before);

	*line = 1;
	for (const char *p = before; *p; p++)
		*line += *p == '\n';
	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		g_string_append_printf(text, "%s -> %s\n", steps[i].op, steps[i].outcome);
	return g_string_free(text, FALSE);
}

/* What was found of a line of the script; NULL: it came as expected. */
static const char *finding_of(const struct world_outcome *outcome, unsigned int line)
{
	g_autofree char *place = g_strdup_printf(": line %u `", line);

	for (guint i = 0; i < outcome->findings->len; i++) {
		const struct world_finding *finding = outcome->findings->pdata[i];

		if (strstr(finding->text, place))
			return finding->text;
	}
	return NULL;
}

static bool run(const char *text, const char *variant, const struct validate_options *options,
		struct world_outcome *outcome, GError **error)
{
	const struct validate_world world = {
		.name = "removal.ops", .text = text, .variant = variant};

	return validate_world_run(&world, options, outcome, error);
}

static const char *got(const char *finding)
{
	const char *word = finding ? strstr(finding, ", got ") : NULL;

	return word ? word + strlen(", got ") : "?";
}

bool validate_fscrypt_removal(const struct validate_options *options,
			      struct validate_report *report, GError **error)
{
	static const char recorded[] = "Linux 6.18, ext4: 200 files, 20 held open, 1 dirty";
	static const char *const others[] = {"x: design=lightweight setup=pool",
					     "x: design=enforced setup=fallback",
					     "x: design=heavyweight setup=library"};
	struct world_outcome outcome;
	unsigned int first;
	g_autofree char *text = script_of(&first);

	if (!run(text, "x: design=inode setup=at-open", options, &outcome, error))
		return false;
	for (unsigned int i = 0; i < G_N_ELEMENTS(steps); i++) {
		const char *finding = finding_of(&outcome, first + i);
		struct validate_check *check =
			validate_same(report, steps[i].what, steps[i].outcome,
				      finding ? got(finding) : steps[i].outcome, recorded);

		if (finding)
			validate_note(check, "%s", finding);
	}
	validate_equal(report, "Blocks lost, or read as garbage, in all of this", 0,
		       validate_metric(&outcome, "truth.lost_writes") +
			       validate_metric(&outcome, "truth.garbage_blocks"),
		       "", recorded);
	world_outcome_clear(&outcome);
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		g_autofree char *what =
			g_strdup_printf("The same steps, %s: other outcomes", others[i] + 3);

		if (!run(text, others[i], options, &outcome, error))
			return false;
		validate_equal(report, what, 0, validate_metric(&outcome, "script.unexpected"), "",
			       "the keyring is the same: fs/crypto/keyring.c of 6.12");
		world_outcome_clear(&outcome);
	}
	return true;
}
