/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random scripts on keys that come and go under files in use: each operation must come to the same outcome
 * on a real ext4 and in the model. */
#include <string.h>

#include "validate/live.h"

enum {
	OPERATIONS = 60,
	SCRIPTS = 16, /* unless another number is asked for */
	SHRINK_RUNS = 300,
	BLOCK = 4096,
	BLOCKS = 16, /* of a file */
};

static const char *const begin[] = {"mkdir d",	"mkdir e",    "mkdir p",    "addkey K",
				    "addkey L", "policy d K", "policy e L", NULL};
static const char *const files[] = {"d/a", "d/b", "d/c", "e/a", "e/b", "p/a"};
static const char *const directories[] = {"d", "e", "p"};
static const char *const keys[] = {"K", "K", "L"};

/* F a file, D a directory, K a key, O an offset, L a length. */
static const struct {
	const char *form;
	unsigned int weight;
} forms[] = {
	{"write F O L", 20}, {"read F O L", 15},  {"create F", 5},   {"open F", 12},
	{"close F", 10},     {"stat F", 6},	  {"ls D", 3},	     {"rmkey K", 12},
	{"addkey K", 6},     {"keystatus K", 8},  {"dropcaches", 5}, {"sync", 3},
	{"fsync F", 4},	     {"truncate F O", 3}, {"unlink F", 4},   {"rename F F", 4},
	{"link F F", 2},     {"dread F O L", 3},  {"policy D K", 1}, {"punch F O L", 2},
};

static uint64_t below(uint64_t *state, uint64_t n)
{
	return script_random(state) % n;
}

static void append_word(GString *line, const char *word, uint64_t *state)
{
	g_string_append(line, line->len ? " " : "");
	if (!strcmp(word, "F"))
		g_string_append(line, files[below(state, G_N_ELEMENTS(files))]);
	else if (!strcmp(word, "D"))
		g_string_append(line, directories[below(state, G_N_ELEMENTS(directories))]);
	else if (!strcmp(word, "K"))
		g_string_append(line, keys[below(state, G_N_ELEMENTS(keys))]);
	else if (!strcmp(word, "O"))
		g_string_append_printf(line, "%" G_GUINT64_FORMAT, below(state, BLOCKS) * BLOCK);
	else if (!strcmp(word, "L"))
		g_string_append_printf(line, "%" G_GUINT64_FORMAT,
				       (1 + below(state, BLOCKS)) * BLOCK);
	else
		g_string_append(line, word);
}

static char *draw_line(uint64_t *state)
{
	g_auto(GStrv) words = NULL;
	GString *line = g_string_new(NULL);
	uint64_t sum = 0, at;
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(forms); i++)
		sum += forms[i].weight;
	at = below(state, sum);
	for (i = 0; at >= forms[i].weight; i++)
		at -= forms[i].weight;
	words = g_strsplit(forms[i].form, " ", -1);
	for (char **word = words; *word; word++)
		append_word(line, *word, state);
	return g_string_free(line, false);
}

struct live_script *live_draw_keys(uint64_t seed)
{
	g_autofree char *name = g_strdup_printf("keys-%" G_GUINT64_FORMAT, seed);
	struct live_script *script = live_script_new(name, false);
	uint64_t state = seed;

	for (size_t i = 0; begin[i]; i++)
		g_ptr_array_add(script->lines, g_strdup(begin[i]));
	for (int i = 0; i < OPERATIONS; i++)
		g_ptr_array_add(script->lines, draw_line(&state));
	return script;
}

/* ---- held against a real one ---- */

struct live_keys {
	const struct validate_options *options;
	GError *error; /* the first that ended it */
};

static char *difference_of(void *arg, const struct live_script *script)
{
	struct live_keys *live = arg;
	struct live_script *outcomes = live->error ? NULL : live_outcomes(script, &live->error);
	GPtrArray *unexpected =
		outcomes ? live_unexpected(outcomes, live->options, &live->error) : NULL;
	char *text = NULL;

	if (unexpected && unexpected->len)
		text = g_strdup(((const struct live_unexpected *)unexpected->pdata[0])->text);
	if (unexpected)
		g_ptr_array_unref(unexpected);
	if (outcomes)
		live_script_free(outcomes);
	return text;
}

/* Takes the script over. */
static void tell_difference(struct live_keys *live, GString *note, struct live_script *script)
{
	g_autofree char *difference = NULL, *text = NULL;

	script = live_shrink(script, difference_of, live, SHRINK_RUNS);
	difference = difference_of(live, script);
	text = live_script_text(script);
	g_string_append_printf(note, "%s%s: %s\n%s", note->len ? "\n" : "", script->name,
			       difference ? difference : "no more when done once again", text);
	live_script_free(script);
}

bool live_check_random_keys(const struct validate_options *options, struct validate_report *report,
			    const char *source, GError **error)
{
	uint64_t scripts = options->scripts ? options->scripts : SCRIPTS, done = 0, differing = 0;
	struct live_keys live = {.options = options};
	g_autoptr(GString) note = g_string_new(NULL);

	for (; done < scripts && !validate_interrupted(options, &live.error); done++) {
		struct live_script *script = live_draw_keys(options->seed + done);
		g_autofree char *difference = difference_of(&live, script);

		if (difference) {
			differing++;
			tell_difference(&live, note, script);
			continue;
		}
		live_script_free(script);
		if (live.error)
			break;
	}
	if (done)
		validate_note(validate_equal(report, "random scripts with equal outcomes",
					     (int64_t)done, (int64_t)(done - differing), "",
					     source),
			      "%s", note->str);
	if (live.error)
		g_propagate_error(error, live.error);
	return !live.error;
}
