/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operation scripts: one operation a line, '#' starts a comment, sizes take k, m or g (binary);
 * behind "->" the outcome expected. Each operation's arguments are a row of syntax letters:
 *   f  a name; N a number or size; T a time; [..] an optional one; s "fsync" or "none"; k optional
 *   "keep"; * any number of names
 */
#include "models/workload/workload.h"

#include <errno.h>
#include <string.h>

G_DEFINE_QUARK(extentsim - script - error, script_error)

enum { LAST_ERRNO = EHWPOISON }; /* include/uapi/asm-generic/errno.h */

static const struct {
	const char *name, *args, *usage;
} syntax[SCRIPT_CODES] = {
	[SCRIPT_WRITE] = {"write", "fNN[N]", "write F OFF LEN [CHUNK]"},
	[SCRIPT_DIO] = {"dio", "fNNN", "dio F OFF LEN CHUNK"},
	[SCRIPT_RANDWRITE] = {"randwrite", "fNNNNs", "randwrite F SIZE BS COUNT SEED fsync|none"},
	[SCRIPT_APPEND] = {"append", "fNNs", "append F LEN COUNT fsync|none"},
	[SCRIPT_TRUNCWRITE] = {"truncwrite", "fN", "truncwrite F LEN"},
	[SCRIPT_READ] = {"read", "fNN[N]", "read F OFF LEN [CHUNK]"},
	[SCRIPT_DREAD] = {"dread", "fNN[N]", "dread F OFF LEN [CHUNK]"},
	[SCRIPT_TRUNCATE] = {"truncate", "fN", "truncate F LEN"},
	[SCRIPT_PUNCH] = {"punch", "fNN", "punch F OFF LEN"},
	[SCRIPT_ZERO] = {"zero", "fNN", "zero F OFF LEN"},
	[SCRIPT_FALLOC] = {"falloc", "fNNk", "falloc F OFF LEN [keep]"},
	[SCRIPT_REFLINK] = {"reflink", "ff", "reflink SRC DST"},
	[SCRIPT_CLONE] = {"clone", "fNNfN", "clone SRC SOFF LEN DST DOFF"},
	[SCRIPT_DEDUPE] = {"dedupe", "fNNfN", "dedupe SRC SOFF LEN DST DOFF"},
	[SCRIPT_DEFRAG] = {"defrag", "f[N]", "defrag F [THRESHOLD]"},
	[SCRIPT_NOCOW] = {"nocow", "f", "nocow F"},
	[SCRIPT_CREATE] = {"create", "f", "create F"},
	[SCRIPT_FSYNC] = {"fsync", "f", "fsync F"},
	[SCRIPT_STAT] = {"stat", "f", "stat PATH"},
	[SCRIPT_LS] = {"ls", "f", "ls DIR"},
	[SCRIPT_RENAME] = {"rename", "ff", "rename FROM TO"},
	[SCRIPT_EXCHANGE] = {"exchange", "ff", "exchange A B"},
	[SCRIPT_LINK] = {"link", "ff", "link F NAME"},
	[SCRIPT_UNLINK] = {"unlink", "f", "unlink F"},
	[SCRIPT_RMDIR] = {"rmdir", "f", "rmdir DIR"},
	[SCRIPT_OPEN] = {"open", "f", "open F"},
	[SCRIPT_CLOSE] = {"close", "f", "close F"},
	[SCRIPT_MKDIR] = {"mkdir", "f", "mkdir DIR"},
	[SCRIPT_SUBVOL] = {"subvol", "f", "subvol NAME"},
	[SCRIPT_SNAPSHOT] = {"snapshot", "ff*", "snapshot SUBVOL NAME [FILE ...]"},
	[SCRIPT_SUBDEL] = {"subdel", "f", "subdel NAME"},
	[SCRIPT_BALANCE] = {"balance", "", "balance"},
	[SCRIPT_PATTERN] = {"pattern", "N", "pattern BYTE"},
	[SCRIPT_ADDKEY] = {"addkey", "f[f]", "addkey KEY [USER|provisioned]"},
	[SCRIPT_RMKEY] = {"rmkey", "f[f]", "rmkey KEY [USER|all]"},
	[SCRIPT_KEYSTATUS] = {"keystatus", "f", "keystatus KEY"},
	[SCRIPT_PROVISION] = {"provision", "f[f]", "provision KEY [TYPE]"},
	[SCRIPT_POLICY] = {"policy", "ff", "policy DIR KEY"},
	[SCRIPT_GETPOLICY] = {"getpolicy", "f", "getpolicy PATH"},
	[SCRIPT_SLEEP] = {"sleep", "T", "sleep TIME"},
	[SCRIPT_DROPCACHES] = {"dropcaches", "", "dropcaches"},
	[SCRIPT_SYNC] = {"sync", "", "sync"},
	[SCRIPT_DUMP] = {"dump", "", "dump"},
	[SCRIPT_REKEY] = {"rekey", "ff", "rekey F KEY"},
	[SCRIPT_REKEYTREE] = {"rekeytree", "ff", "rekeytree DIR KEY"},
	[SCRIPT_SCRUB] = {"scrub", "", "scrub"},
	[SCRIPT_CORRUPT] = {"corrupt", "fNN", "corrupt F OFF LEN"},
};

/* Beside "ok" and the names of errors: '#' stands for a number, '*' for any word. */
static const char *const outcomes_of[SCRIPT_CODES][3] = {
	[SCRIPT_DEDUPE] = {"differs"},
	[SCRIPT_LS] = {"#"},
	[SCRIPT_RMKEY] = {"busy #", "busy", "other-users"},
	[SCRIPT_KEYSTATUS] = {"present", "incompletely-removed", "absent"},
	[SCRIPT_GETPOLICY] = {"*"},
};

const char *script_op_name(size_t code)
{
	return code < SCRIPT_CODES ? syntax[code].name : NULL;
}

const char *script_op_usage(size_t code)
{
	return code < SCRIPT_CODES ? syntax[code].usage : NULL;
}

/* A repetition beyond this is a typing error. */
enum { REPEAT_MAX = 1000000 };

/** Where the parser stands. */
struct cursor {
	const char *source, *line_start, *at, *end; /* of the present line, comment cut off */
	unsigned int line;
};

static bool fail(const struct cursor *c, const char *word, GError **error, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

static bool fail(const struct cursor *c, const char *word, GError **error, const char *format, ...)
{
	va_list args;
	char *what;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SCRIPT_ERROR, 0, "%s:%u:%zu: error: %s", c->source, c->line,
		    (size_t)(word - c->line_start) + 1, what);
	g_free(what);
	return false;
}

/* The next word of the line, or NULL; `*start` says where it stands (or the line ends). */
static char *next_word(struct cursor *c, const char **start)
{
	const char *from;

	while (c->at < c->end && g_ascii_isspace(*c->at))
		c->at++;
	*start = from = c->at;
	while (c->at < c->end && !g_ascii_isspace(*c->at))
		c->at++;
	return c->at > from ? g_strndup(from, (gsize)(c->at - from)) : NULL;
}

static bool parse_number(const char *word, uint64_t *number)
{
	char *end;
	unsigned int shift = 0;
	guint64 value;

	if (!g_ascii_isdigit(*word))
		return false;
	errno = 0;
	value = g_ascii_strtoull(word, &end, 10);
	if (errno)
		return false;
	if (*end) {
		static const char suffixes[] = "kmg";
		const char *suffix = strchr(suffixes, g_ascii_tolower(*end));

		if (!suffix || end[1])
			return false;
		shift = 10u * (unsigned int)(suffix - suffixes + 1);
	}
	*number = value << shift;
	return *number >> shift == value && *number <= INT64_MAX;
}

static bool parse_time(const char *word, uint64_t *ns)
{
	const struct sim_param time = {.name = "TIME", .type = SIM_PARAM_TIME};
	int64_t value = 0;
	bool ok = sim_param_set(&time, &value, word, NULL);

	*ns = ok ? (uint64_t)value : 0;
	return ok;
}

static int find_code(const char *word)
{
	for (int code = 0; code < SCRIPT_CODES; code++)
		if (!strcmp(word, syntax[code].name))
			return code;
	return -1;
}

static bool unknown_op(const struct cursor *c, const char *start, const char *word, GError **error)
{
	struct sim_param names[SCRIPT_CODES + 1] = {0};
	const char *nearest;

	for (int code = 0; code < SCRIPT_CODES; code++)
		names[code].name = syntax[code].name;
	nearest = sim_param_nearest(names, word);
	if (nearest)
		return fail(c, start, error, "unknown operation '%s'; did you mean '%s'?", word,
			    syntax[find_code(nearest)].usage);
	return fail(c, start, error, "unknown operation '%s'", word);
}

/* One argument of the kind `letter`. */
static bool take_argument(struct cursor *c, struct script_op *op, char letter, bool optional,
			  unsigned int *names, GError **error)
{
	const char *start, *usage = syntax[op->code].usage;
	char *word = next_word(c, &start);
	bool ok = true;

	if (!word)
		return optional ? true
				: fail(c, start, error, "'%s' wants more: %s",
				       syntax[op->code].name, usage);
	if (letter == 'f') {
		op->name[(*names)++] = word;
		return true;
	}
	if (letter == 'N' && !parse_number(word, &op->number[op->numbers++]))
		ok = fail(c, start, error,
			  "expected a number such as 4096, 64k or 1m, got '%s': %s", word, usage);
	if (letter == 'T' && !parse_time(word, &op->number[op->numbers++]))
		ok = fail(c, start, error, "expected a time such as 5ms, got '%s': %s", word,
			  usage);
	if (letter == 's' && strcmp(word, "fsync") && strcmp(word, "none"))
		ok = fail(c, start, error, "expected 'fsync' or 'none', got '%s': %s", word, usage);
	if (letter == 'k' && strcmp(word, "keep"))
		ok = fail(c, start, error, "expected 'keep' or nothing, got '%s': %s", word, usage);
	op->flag = letter == 's' ? !strcmp(word, "fsync") : op->flag || letter == 'k';
	g_free(word);
	return ok;
}

static void take_files(struct cursor *c, struct script_op *op)
{
	GPtrArray *files = g_ptr_array_new();
	const char *start;
	char *word;

	while ((word = next_word(c, &start)))
		g_ptr_array_add(files, word);
	g_ptr_array_add(files, NULL);
	op->files = (char **)g_ptr_array_free(files, false);
}

static bool take_arguments(struct cursor *c, struct script_op *op, GError **error)
{
	unsigned int names = 0;
	const char *start;
	char *word;

	for (const char *arg = syntax[op->code].args; *arg; arg++) {
		bool optional = *arg == '[' || *arg == 'k';

		if (*arg == '*') {
			take_files(c, op);
			continue;
		}
		if (*arg == ']')
			continue;
		arg += *arg == '[';
		if (!take_argument(c, op, *arg, optional, &names, error))
			return false;
	}
	word = next_word(c, &start);
	if (!word)
		return true;
	fail(c, start, error, "'%s' is one word too many: %s", word, syntax[op->code].usage);
	g_free(word);
	return false;
}

static char *folded(const char *from, const char *to)
{
	char *text = g_strndup(from, (gsize)(to - from));
	char **words = g_strsplit_set(g_strstrip(text), " \t\r", -1);
	GString *out = g_string_new(NULL);

	for (char **w = words; *w; w++)
		if (**w)
			g_string_append_printf(out, "%s%s", out->len ? " " : "", *w);
	g_strfreev(words);
	g_free(text);
	return g_string_free(out, false);
}

static void op_clear(struct script_op *op)
{
	g_free(op->text);
	g_free(op->name[0]);
	g_free(op->name[1]);
	g_strfreev(op->files);
	g_free(op->expect);
}

static bool is_errno(const char *word)
{
	for (int err = 1; err <= LAST_ERRNO; err++)
		if (!g_strcmp0(strerrorname_np(err), word))
			return true;
	return false;
}

static bool word_fits(const char *word, const char *form)
{
	uint64_t number;

	if (!strcmp(form, "*"))
		return true;
	return !strcmp(form, "#") ? parse_number(word, &number) : !strcmp(form, word);
}

static bool outcome_fits(const char *outcome, const char *form)
{
	char **words = g_strsplit(outcome, " ", -1), **forms = g_strsplit(form, " ", -1);
	size_t n = g_strv_length(words);
	bool fits = n == g_strv_length(forms);

	for (size_t i = 0; fits && i < n; i++)
		fits = word_fits(words[i], forms[i]);
	g_strfreev(words);
	g_strfreev(forms);
	return fits;
}

static bool outcome_known(enum script_code code, const char *outcome)
{
	const char *const *forms = outcomes_of[code];

	if (!strcmp(outcome, "ok") || is_errno(outcome))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(outcomes_of[code]) && forms[i]; i++)
		if (outcome_fits(outcome, forms[i]))
			return true;
	return false;
}

/* What stands behind "->": outcomes, any of which will do, with '|' between them. */
static bool take_expectation(struct cursor *c, struct script_op *op, const char *from,
			     const char *end, GError **error)
{
	char **outcomes;
	bool ok = true;

	op->expect = folded(from, end);
	if (!*op->expect)
		return fail(c, from, error, "an outcome is missing behind '->'");
	outcomes = g_strsplit(op->expect, "|", -1);
	for (char **o = outcomes; ok && *o; o++)
		if (!outcome_known(op->code, g_strstrip(*o)))
			ok = fail(c, from, error,
				  "'%s' is no outcome of '%s': expected 'ok', the name of an error "
				  "such as ENOKEY%s%s",
				  *o, syntax[op->code].name,
				  outcomes_of[op->code][0] ? ", or one of its own such as " : "",
				  outcomes_of[op->code][0] ? outcomes_of[op->code][0] : "");
	g_strfreev(outcomes);
	return ok;
}

static bool parse_repeat(struct script *script, struct cursor *c, GError **error);

static bool parse_line(struct script *script, struct cursor *c, GError **error)
{
	struct script_op op = {.line = c->line};
	const char *start, *end = c->end;
	const char *arrow = g_strstr_len(c->at, c->end - c->at, "->");
	char *word;
	int code;

	c->end = arrow ? arrow : end;
	word = next_word(c, &start);

	if (!word)
		return !arrow || fail(c, arrow, error, "an outcome of no operation");
	if (!strcmp(word, "repeat")) {
		g_free(word);
		c->end = end;
		return parse_repeat(script, c, error);
	}
	code = find_code(word);
	if (code < 0) {
		unknown_op(c, start, word, error);
		g_free(word);
		return false;
	}
	g_free(word);
	op.code = (enum script_code)code;
	op.text = folded(start, c->end);
	if (!take_arguments(c, &op, error) ||
	    (arrow && !take_expectation(c, &op, arrow + strlen("->"), end, error))) {
		op_clear(&op);
		return false;
	}
	g_array_append_val(script->ops, op);
	return true;
}

/* `repeat N OP …`: the operation N times, with {} for 0 to N - 1. `c` stands behind the word. */
static bool parse_repeat(struct script *script, struct cursor *c, GError **error)
{
	const char *start;
	char *count = next_word(c, &start), *rest;
	char **parts;
	uint64_t times;
	bool ok = true;

	if (!count || !parse_number(count, &times) || !times || times > REPEAT_MAX)
		ok = fail(c, start, error, "expected a count from 1 to %d: repeat N OP ARGS",
			  REPEAT_MAX);
	g_free(count);
	if (!ok)
		return false;
	/* Each keeps its column, for messages. */
	rest = g_strdup_printf("%*s%.*s", (int)(c->at - c->line_start), "", (int)(c->end - c->at),
			       c->at);
	parts = g_strsplit(rest, "{}", -1);
	for (uint64_t i = 0; ok && i < times; i++) {
		char *number = g_strdup_printf("%" G_GUINT64_FORMAT, i);
		char *text = g_strjoinv(number, parts);
		struct cursor one = {
			.source = c->source, .line_start = text, .at = text, .line = c->line};

		one.end = text + strlen(text);
		ok = parse_line(script, &one, error);
		g_free(text);
		g_free(number);
	}
	g_strfreev(parts);
	g_free(rest);
	return ok;
}

/* What the syntax can't say: a chunk of 0 bytes never ends. */
static bool check_op(const struct script *script, const struct script_op *op, GError **error)
{
	unsigned int i = op->code == SCRIPT_RANDWRITE ? 1 : 2;
	bool chunked = op->code == SCRIPT_WRITE || op->code == SCRIPT_READ ||
		       op->code == SCRIPT_DREAD || op->code == SCRIPT_DIO ||
		       op->code == SCRIPT_RANDWRITE;

	if (chunked && op->numbers > i && !op->number[i]) {
		g_set_error(error, SCRIPT_ERROR, 0, "%s:%u: error: a chunk of 0 bytes in '%s'",
			    script->source, op->line, op->text);
		return false;
	}
	if (op->code == SCRIPT_RANDWRITE && op->number[0] < op->number[1]) {
		g_set_error(error, SCRIPT_ERROR, 0, "%s:%u: error: SIZE is smaller than BS in '%s'",
			    script->source, op->line, op->text);
		return false;
	}
	if (op->code == SCRIPT_PATTERN && op->number[0] > 255) {
		g_set_error(error, SCRIPT_ERROR, 0,
			    "%s:%u: error: expected a byte, 0 to 255, in '%s'", script->source,
			    op->line, op->text);
		return false;
	}
	return true;
}

struct script *script_parse(const char *source, const char *text, GError **error)
{
	struct script *script = g_new0(struct script, 1);
	struct cursor c = {.source = source};
	bool ok = true;

	script->source = g_strdup(source);
	script->ops = g_array_new(false, false, sizeof(struct script_op));
	g_array_set_clear_func(script->ops, (GDestroyNotify)op_clear);
	while (ok && *text) {
		const char *newline = strchrnul(text, '\n');
		const char *comment = memchr(text, '#', (size_t)(newline - text));

		c.line++;
		c.line_start = c.at = text;
		c.end = comment ? comment : newline;
		ok = parse_line(script, &c, error);
		text = newline + (*newline == '\n');
	}
	for (guint i = 0; ok && i < script->ops->len; i++)
		ok = check_op(script, &g_array_index(script->ops, struct script_op, i), error);
	if (ok)
		return script;
	script_free(script);
	return NULL;
}

void script_free(struct script *script)
{
	if (!script)
		return;
	g_free(script->source);
	g_array_free(script->ops, true);
	g_free(script);
}

uint64_t script_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}
