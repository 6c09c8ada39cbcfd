/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a case through the loader and a world, as `extentsim run` would; then everything is put away,
 * and what is left is a finding. */
#include "tests/fuzz/fuzz.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "models/kernel/machine.h"
#include "models/world.h"

enum { ENDLESS_AFTER_S = 20 };

static void finding_free(gpointer arg)
{
	struct fuzz_finding *finding = arg;

	g_free(finding->kind);
	g_free(finding->text);
	g_free(finding);
}

static void add(struct fuzz_verdict *verdict, const char *kind, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void add(struct fuzz_verdict *verdict, const char *kind, const char *format, ...)
{
	struct fuzz_finding *finding = g_new(struct fuzz_finding, 1);
	va_list args;

	va_start(args, format);
	*finding = (struct fuzz_finding){g_strdup(kind), g_strdup_vprintf(format, args)};
	va_end(args);
	g_ptr_array_add(verdict->findings, finding);
}

static struct fuzz_verdict verdict_new(void)
{
	return (struct fuzz_verdict){.findings = g_ptr_array_new_with_free_func(finding_free)};
}

void fuzz_verdict_clear(struct fuzz_verdict *verdict)
{
	g_ptr_array_free(verdict->findings, true);
	g_free(verdict->refused);
}

/* ---- what stays behind ---- */

/* Memory that is not given back by putting everything away. */
static const struct {
	const char *site, *why;
} permanent[] = {
	{"extent_buffer", "tree blocks are always in memory"},
	{"crypto_skcipher", "a pool of the mount, and the template of at-io.clone, stay"},
	{"bounce_page", "a mempool's reserve stays"},
	{"bio_crypt_ctx", "the same"},
	{"bio_fallback_crypt_ctx", "the same"},
	{"blk_crypto_bounce_page", "the same"},
	{"blk_crypto_keyslot", "the keyslots of a profile stay"},
	{"blk_crypto_fallback_keyslot", "the same"},
};

static bool stays(const char *site)
{
	for (size_t i = 0; i < G_N_ELEMENTS(permanent); i++)
		if (!strcmp(permanent[i].site, site))
			return true;
	return false;
}

static void look_at_keys(const struct world_parts *parts, struct fuzz_verdict *verdict)
{
	for (uint32_t key = 1; key <= parts->crypt->keys->len; key++)
		if (fscrypt_key_status(parts->crypt, key) != KEY_ABSENT)
			add(verdict, "key stays",
			    "key %u is not absent though it was removed and nothing uses it", key);
}

static void look_for_rest(const struct world_parts *parts, struct fuzz_verdict *verdict)
{
	const struct fscrypt *fc = parts->crypt;

	for (guint i = 0; i < parts->machine->sites->len; i++) {
		const struct alloc_site *site = parts->machine->sites->pdata[i];

		if (site->bytes && !stays(site->name))
			add(verdict, "memory left", "%" G_GUINT64_FORMAT " bytes of %s are left",
			    site->bytes, site->name);
	}
	if (parts->fs->inodes.length)
		add(verdict, "inodes left", "%u inodes cannot be evicted",
		    parts->fs->inodes.length);
	if (fc->count.infos_created != fc->count.infos_freed)
		add(verdict, "infos left",
		    "%" G_GUINT64_FORMAT " extent infos were made, %" G_GUINT64_FORMAT " freed",
		    fc->count.infos_created, fc->count.infos_freed);
	look_at_keys(parts, verdict);
	store_check(parts->fs->store);
}

static struct scenario_actor *cleaner(void)
{
	static const char *const script = "dropcaches\nrmkey k0\nrmkey k1\ndropcaches\nrmkey k0\n"
					  "rmkey k1\n";
	struct scenario_actor *actor = g_new0(struct scenario_actor, 1);

	for (size_t i = 0; actor_kinds[i]; i++)
		if (!strcmp(actor_kinds[i]->name, "script"))
			actor->kind = actor_kinds[i];
	actor->config = g_malloc0(actor->kind->config_bytes);
	sim_param_defaults(actor->kind->params, actor->config);
	sim_param_set(sim_param_find(actor->kind->params, "script"), actor->config, script, NULL);
	actor->kind->check(actor->config, NULL);
	return actor;
}

struct watch {
	struct fuzz_verdict *verdict;
	struct scenario_actor *cleaner;
};

static void put_away(void *arg, const struct world_parts *parts)
{
	struct watch *watch = arg;

	if (parts->workload->running)
		return; /* stuck, which the world tells */
	watch->cleaner->kind->start(parts->workload, "cleaner", watch->cleaner->config);
	sim_run(parts->sim, SIM_NEVER);
	if (parts->workload->running)
		add(watch->verdict, "stuck", "cleaning up never ends");
	else
		look_for_rest(parts, watch->verdict);
}

/* ---- a run ---- */

static struct scenario *load(const struct fuzz_case *c, GError **error)
{
	g_autofree char *text = fuzz_scenario_json(c), *path = NULL;
	g_autofree char *variant = g_strdup_printf("fuzzed: %s", c->variant);
	const char *const variants[] = {variant, NULL};
	const struct scenario_options options = {.variants = variants};
	struct scenario *scenario;
	int fd = g_file_open_tmp("fuzz-XXXXXX.json", &path, error);
	FILE *to;

	if (fd < 0)
		return NULL;
	to = fdopen(fd, "w"); /* g_file_set_contents() waits for the disk */
	fputs(text, to);
	fclose(to);
	scenario = scenario_load(path, &options, &world_registry, error);
	g_unlink(path);
	return scenario;
}

static void run_scenario(const struct scenario *scenario, struct fuzz_verdict *verdict)
{
	struct watch watch = {verdict, cleaner()};
	struct world_options options = {
		.scenario = scenario,
		.variant = scenario->variants->pdata[0],
		.ended = put_away,
		.ended_arg = &watch,
	};
	struct world_outcome outcome;
	GError *error = NULL;

	if (!world_run(&options, &outcome, &error))
		g_error("%s", error->message);
	for (guint i = 0; i < outcome.findings->len; i++) {
		const struct world_finding *finding = outcome.findings->pdata[i];

		add(verdict, finding->kind, "%s", finding->text);
	}
	world_outcome_clear(&outcome);
	if (watch.cleaner->kind->clear)
		watch.cleaner->kind->clear(watch.cleaner->config);
	sim_param_clear(watch.cleaner->kind->params, watch.cleaner->config);
	g_free(watch.cleaner->config);
	g_free(watch.cleaner);
}

struct fuzz_verdict fuzz_run(const struct fuzz_case *c)
{
	struct fuzz_verdict verdict = verdict_new();
	g_autoptr(GError) error = NULL;
	struct scenario *scenario = load(c, &error);

	if (!scenario) {
		verdict.refused = g_strdup(error->message);
		return verdict;
	}
	run_scenario(scenario, &verdict);
	scenario_free(scenario);
	return verdict;
}

/* ---- in a process of its own ---- */

static void send_verdict(const struct fuzz_verdict *verdict, FILE *to)
{
	if (verdict->refused)
		fprintf(to, "%s%c%s%c", "", 0, verdict->refused, 0);
	for (guint i = 0; i < verdict->findings->len; i++) {
		const struct fuzz_finding *finding = verdict->findings->pdata[i];

		fprintf(to, "%s%c%s%c", finding->kind, 0, finding->text, 0);
	}
	fflush(to);
}

static G_GNUC_NORETURN void child(const struct fuzz_case *c, int fd, int log)
{
	struct fuzz_verdict verdict;
	FILE *to = fdopen(fd, "w");

	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	alarm(ENDLESS_AFTER_S);
	verdict = fuzz_run(c);
	send_verdict(&verdict, to);
	_exit(0);
}

static GString *read_all(int fd)
{
	GString *out = g_string_new(NULL);
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(out, buffer, n);
	close(fd);
	return out;
}

static void receive(struct fuzz_verdict *verdict, const GString *sent)
{
	const char *at = sent->str, *end = sent->str + sent->len;

	while (at < end) {
		const char *kind = at, *text = at + strlen(at) + 1;

		at = text + strlen(text) + 1;
		if (*kind)
			add(verdict, kind, "%s", text);
		else
			verdict->refused = g_strdup(text);
	}
}

struct fuzz_verdict fuzz_run_apart(const struct fuzz_case *c)
{
	struct fuzz_verdict verdict = verdict_new();
	FILE *log = tmpfile();
	GString *sent;
	int ends[2], status;
	pid_t pid;

	if (!log || pipe(ends))
		g_error("no pipe: %s", g_strerror(errno));
	pid = fork();
	if (!pid) {
		close(ends[0]);
		child(c, ends[1], fileno(log));
	}
	close(ends[1]);
	sent = read_all(ends[0]);
	waitpid(pid, &status, 0);
	receive(&verdict, sent);
	g_string_free(sent, true);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		add(&verdict, "endless", "the run has not ended after %d s", ENDLESS_AFTER_S);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		lseek(fileno(log), 0, SEEK_SET);
		sent = read_all(dup(fileno(log)));
		add(&verdict, "crash", "%s", g_strchomp(sent->str));
		g_string_free(sent, true);
	}
	fclose(log);
	return verdict;
}

const struct fuzz_finding *fuzz_first(const struct fuzz_case *c, const struct fuzz_verdict *verdict,
				      const char *kind)
{
	for (guint i = 0; i < verdict->findings->len; i++) {
		const struct fuzz_finding *finding = verdict->findings->pdata[i];

		if (kind ? !strcmp(finding->kind, kind) : !fuzz_expected(c->variant, finding->kind))
			return finding;
	}
	return NULL;
}
