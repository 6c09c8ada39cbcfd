/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random cases: machines from tight to roomy, one to four actors that meet on a few files. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "models/workload/workload.h"

uint32_t fuzz_draw(uint64_t *state, uint32_t below)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return (uint32_t)((z ^ z >> 31) % below);
}

/*
 * Arguments: F a file; D a directory or subvolume; V a subvolume; S a snapshot's name; N the name of
 * a nested subvolume; K a key; R an offset and a length of any kind, A aligned ones; O an aligned
 * offset; L an aligned length; Z a size; C a chunk; B a byte; M a move's target; other words as
 * they are.
 */
static const struct form {
	const char *op;
	uint32_t weight;
	const char *args;
} forms[] = {
	{"write", 90, "F R"},
	{"write", 30, "F R C"},
	{"read", 70, "F R"},
	{"dread", 14, "F R"},
	{"dio", 30, "F A 65536"},
	{"append", 20, "F 5000 3 fsync"},
	{"append", 10, "F Z 2 none"},
	{"truncwrite", 8, "F Z"},
	{"randwrite", 6, "F 1m 4k 8 1 none"},
	{"randwrite", 6, "F 512k 8k 4 2 fsync"},
	{"truncate", 35, "F Z"},
	{"punch", 30, "F R"},
	{"zero", 15, "F R"},
	{"falloc", 18, "F R"},
	{"falloc", 8, "F R keep"},
	{"reflink", 35, "F F"},
	{"clone", 35, "F O L F O"},
	{"dedupe", 12, "F O L F O"},
	{"defrag", 12, "F"},
	{"nocow", 10, "F"},
	{"pattern", 8, "B"},
	{"unlink", 18, "F"},
	{"rename", 12, "F M"},
	{"exchange", 5, "F F"},
	{"link", 8, "F M"},
	{"create", 4, "F"},
	{"fsync", 10, "F"},
	{"stat", 3, "F"},
	{"rmdir", 2, "D"},
	{"ls", 3, "D"},
	{"open", 30, "F"},
	{"close", 30, "F"},
	{"mkdir", 4, "D"},
	{"subvol", 5, "N"},
	{"snapshot", 16, "V S"},
	{"subdel", 10, "S"},
	{"subdel", 4, "N"},
	{"balance", 8, ""},
	{"policy", 8, "D K"},
	{"rekey", 6, "F K"},
	{"rekeytree", 4, "D K"},
	{"corrupt", 8, "F R"},
	{"scrub", 4, ""},
	{"addkey", 14, "K"},
	{"rmkey", 14, "K"},
	{"dropcaches", 10, ""},
	{"sync", 12, ""},
};

struct generator {
	uint64_t state;
	uint32_t files, blocks, span; /* files a directory; size of files and of ranges */
	struct fuzz_case *c;
};

static bool known(const char *op)
{
	for (size_t code = 0; script_op_name(code); code++)
		if (!strcmp(script_op_name(code), op))
			return true;
	return false;
}

static const struct form *draw_form(struct generator *g)
{
	uint32_t all = 0, at;

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
		all += known(forms[i].op) ? forms[i].weight : 0;
	at = fuzz_draw(&g->state, all);
	for (size_t i = 0;; i++) {
		uint32_t weight = known(forms[i].op) ? forms[i].weight : 0;

		if (at < weight)
			return &forms[i];
		at -= weight;
	}
}

/* d0 is plain, d1 under k0, d2 under k1; v0, v1, v2 the same as subvolumes; n0 and n1 are subvolumes
 * below directories of a policy; s0 to s3 are snapshots of any of them. */
static void put_directory(struct generator *g, GString *out)
{
	static const char *const dirs[] = {"d0", "d1",	  "d1",	   "d1", "d2", "d2", "v0",
					   "v1", "d1/n0", "d2/n1", "v2", "s",  "s",  "s"};
	static const char *const in_snapshot[] = {"", "/d1", "/d2", "/d0"};
	const char *dir = dirs[fuzz_draw(&g->state, G_N_ELEMENTS(dirs))];

	g_string_append(out, dir);
	if (strcmp(dir, "s"))
		return;
	g_string_append_printf(out, "%u", fuzz_draw(&g->state, 4));
	g_string_append(out, in_snapshot[fuzz_draw(&g->state, G_N_ELEMENTS(in_snapshot))]);
}

static void put_file(struct generator *g, GString *out)
{
	put_directory(g, out);
	g_string_append_printf(out, "/f%u", fuzz_draw(&g->state, g->files));
}

static void put_word(struct generator *g, GString *out, const char *const *words, uint32_t n)
{
	g_string_append(out, words[fuzz_draw(&g->state, n)]);
}

static void put_range(struct generator *g, GString *out, bool aligned)
{
	uint32_t unit = aligned || fuzz_draw(&g->state, 3) ? 4096 : 1000;
	uint32_t at = fuzz_draw(&g->state, g->blocks);
	uint32_t count = fuzz_draw(&g->state, g->span) + 1;

	g_string_append_printf(out, "%u %u", at * unit, count * unit);
}

static void put_argument(struct generator *g, GString *out, char letter)
{
	static const char *const subvolumes[] = {".", "v0", "v1", "v2", "d1/n0", "s0", "s1"};
	static const char *const nested[] = {"d1/n0", "d2/n1"};

	switch (letter) {
	case 'F':
	case 'M':
		put_file(g, out);
		break;
	case 'D':
		put_directory(g, out);
		break;
	case 'V':
		put_word(g, out, subvolumes, G_N_ELEMENTS(subvolumes));
		break;
	case 'N':
		put_word(g, out, nested, G_N_ELEMENTS(nested));
		break;
	case 'S':
		g_string_append_printf(out, "s%u", fuzz_draw(&g->state, 4));
		break;
	case 'K':
		g_string_append_printf(out, "k%u", fuzz_draw(&g->state, 2));
		break;
	case 'R':
	case 'A':
		put_range(g, out, letter == 'A');
		break;
	case 'O':
		g_string_append_printf(out, "%u", fuzz_draw(&g->state, g->blocks) * 4096);
		break;
	case 'L':
		g_string_append_printf(out, "%u", (fuzz_draw(&g->state, g->span) + 1) * 4096);
		break;
	case 'Z':
		g_string_append_printf(out, "%u", fuzz_draw(&g->state, g->blocks) * 1000);
		break;
	case 'C':
		g_string_append_printf(out, "%u", (fuzz_draw(&g->state, 8) + 1) * 4096);
		break;
	case 'B':
		g_string_append_printf(out, "%u", fuzz_draw(&g->state, 3));
		break;
	}
}

static void add_operation(struct generator *g, uint32_t actor)
{
	const struct form *form = draw_form(g);
	g_auto(GStrv) words = g_strsplit(form->args, " ", -1);
	GString *out = g_string_new(form->op);

	for (char **word = words; *word; word++) {
		g_string_append_c(out, ' ');
		if (g_ascii_isupper(**word))
			put_argument(g, out, **word);
		else
			g_string_append(out, *word);
	}
	fuzz_case_add(g->c, actor, "%s", g_strchomp(out->str));
	g_string_free(out, true);
}

/* Every actor makes the trees; whoever comes second gets EEXIST. */
static void add_trees(struct fuzz_case *c, uint32_t actor)
{
	static const char *const lines[] = {
		"addkey k0",	"addkey k1",	"mkdir d0",	   "mkdir d1",
		"mkdir d2",	"policy d1 k0", "policy d2 k1",	   "subvol v0",
		"subvol v1",	"subvol v2",	"policy v1 k0",	   "policy v2 k1",
		"subvol d1/n0", "subvol d2/n1", "policy d1/n0 k0", "policy d2/n1 k1"};

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		fuzz_case_add(c, actor, "%s", lines[i]);
}

static void draw_machine(struct fuzz_case *c, uint64_t *state)
{
	static const uint64_t sizes[] = {48, 64, 128, 512, 1024};

	c->cpus = 1 + fuzz_draw(state, 5);
	c->mirrors = fuzz_draw(state, 4) ? 1 : 2;
	c->memory_mib = sizes[fuzz_draw(state, G_N_ELEMENTS(sizes))];
	c->flushers = fuzz_draw(state, 4);
	c->spread = fuzz_draw(state, 4);
	c->compress = !fuzz_draw(state, 4);
	c->buffer_direct_writes = fuzz_draw(state, 2);
}

struct fuzz_case *fuzz_generate(uint64_t seed, const struct fuzz_options *options)
{
	static const uint32_t sizes[][2] = {{8, 4}, {40, 12}, {400, 60}, {4000, 400}};
	struct generator g = {.state = seed, .c = fuzz_case_new()};
	uint32_t actors, size;

	g.c->seed = 1 + seed % 1000;
	draw_machine(g.c, &g.state);
	g.c->variant = options->variant ? g_strdup(options->variant)
					: fuzz_draw_variant(&g.state, options->sound_only);
	actors = 1 + fuzz_draw(&g.state, FUZZ_ACTORS_MAX);
	size = fuzz_draw(&g.state, G_N_ELEMENTS(sizes));
	g.blocks = sizes[size][0];
	g.span = sizes[size][1];
	g.files = 1 + fuzz_draw(&g.state, 4);
	for (uint32_t actor = 0; actor < actors; actor++) {
		add_trees(g.c, actor);
		for (uint32_t i = 0; i < options->operations / actors; i++)
			add_operation(&g, actor);
	}
	return g.c;
}
