/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the machine is called, and what takes no library: calls, locks, allocations. */
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "calibrate/internal.h"

/* The value of the first line of /proc/cpuinfo's form that begins with the key, or NULL. */
static char *line_value(const char *text, const char *key)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *colon, *end;

		line += *line == '\n';
		colon = strchr(line, ':');
		if (!g_str_has_prefix(line, key) || !colon ||
		    strspn(line + strlen(key), " \t") != (size_t)(colon - line) - strlen(key))
			continue;
		end = strchr(colon, '\n');
		return g_strstrip(end ? g_strndup(colon + 1, (gsize)(end - colon - 1))
				      : g_strdup(colon + 1));
	}
	return NULL;
}

static char *cpu_name(const char *cpuinfo, const char *machine)
{
	g_autofree char *name = line_value(cpuinfo, "model name");
	g_autofree char *family = line_value(cpuinfo, "cpu family");
	g_autofree char *model = line_value(cpuinfo, "model");

	if (!name)
		return g_strdup_printf("%s, unnamed", machine);
	if (!family || !model)
		return g_steal_pointer(&name);
	return g_strdup_printf("%s (family %s, model %s)", name, family, model);
}

/* Bits of OPENSSL_ia32cap(3): in the first word leaf 1's EDX and ECX, in the second leaf 7's EBX and ECX. */
static const struct {
	const char *name;
	unsigned word, bit;
} flags[] = {
	{"aes", 0, 57}, {"avx2", 1, 5}, {"avx512f", 1, 16}, {"sha_ni", 1, 29}, {"vaes", 1, 41},
};

static char *cpu_flags(const char *cpuinfo)
{
	g_autofree char *line = line_value(cpuinfo, "flags");
	g_auto(GStrv) words = g_strsplit(line ? line : "", " ", -1);
	const char *setting = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
	const char *at = setting ? strstr(setting, "ia32cap=") : NULL;
	uint64_t word[2] = {0, 0};
	GString *has = g_string_new(NULL), *used = g_string_new(NULL);
	char *text, *end;

	if (at) {
		word[0] = g_ascii_strtoull(at + strlen("ia32cap="), &end, 16);
		word[1] = *end == ':' ? g_ascii_strtoull(end + 1, NULL, 16) : 0;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
		if (g_strv_contains((const char *const *)words, flags[i].name))
			g_string_append_printf(has, " %s", flags[i].name);
		if (word[flags[i].word] >> flags[i].bit & 1)
			g_string_append_printf(used, " %s", flags[i].name);
	}
	text = g_strdup_printf("the CPU has%s; libcrypto may use%s", has->len ? has->str : " none",
			       used->len ? used->str
			       : at	 ? " none"
					 : " what it finds");
	g_string_free(has, TRUE);
	g_string_free(used, TRUE);
	return text;
}

char *host_xts_driver(const char *proc_crypto)
{
	g_auto(GStrv) entries = g_strsplit(proc_crypto, "\n\n", -1);
	char *best = NULL;
	gint64 most = -1;

	for (char **entry = entries; *entry; entry++) {
		g_autofree char *name = line_value(*entry, "name");
		g_autofree char *priority = line_value(*entry, "priority");
		gint64 value = priority ? g_ascii_strtoll(priority, NULL, 10) : 0;

		if (g_strcmp0(name, "xts(aes)") || value <= most)
			continue;
		most = value;
		g_free(best);
		best = line_value(*entry, "driver");
	}
	return best;
}

void host_describe(struct calibration *calibration)
{
	g_autofree char *cpuinfo = NULL, *crypto = NULL;
	struct utsname uts;
	const char *dot;
	cpu_set_t set;

	uname(&uts);
	if (!g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, NULL))
		cpuinfo = g_strdup("");
	if (g_file_get_contents("/proc/crypto", &crypto, NULL, NULL))
		calibration->kernel_cipher = host_xts_driver(crypto);
	calibration->cpu = cpu_name(cpuinfo, uts.machine);
	calibration->flags = cpu_flags(cpuinfo);
	calibration->library = g_strdup(OpenSSL_version(OPENSSL_VERSION));
	calibration->release = g_strdup(uts.release);
	dot = strchr(uts.release, '.');
	calibration->kernel = g_strndup(uts.release, dot ? (gsize)(dot - uts.release) + 1 +
								     strspn(dot + 1, "0123456789")
							 : strlen(uts.release));
	calibration->cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint32_t)CPU_COUNT(&set);
}

static void run_syscall(void *arg, uint64_t times)
{
	(void)arg;
	while (times--)
		syscall(SYS_getppid);
}

static void run_lock(void *arg, uint64_t times)
{
	while (times--) {
		pthread_mutex_lock(arg);
		pthread_mutex_unlock(arg);
	}
}

static void run_line(void *arg, uint64_t times)
{
	while (times--)
		__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_SEQ_CST);
}

/* The objects of a cipher; the compiler must not see that nobody uses them. */
struct objects {
	size_t count;
	size_t bytes[5];
};

static void run_malloc(void *arg, uint64_t times)
{
	const struct objects *objects = arg;
	void *object[G_N_ELEMENTS(objects->bytes)];

	while (times--) {
		for (size_t i = 0; i < objects->count; i++) {
			object[i] = calloc(1, objects->bytes[i]);
			__asm__ volatile("" : : "r"(object[i]) : "memory");
		}
		for (size_t i = 0; i < objects->count; i++)
			free(object[i]);
	}
}

bool measure_host(struct bench *bench)
{
	struct objects one = {1, {2048}}, five = {5, {64, 64, 64, 1024, 1024}};
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	uint64_t line __attribute__((aligned(128))) = 0;
	const struct op call = {.run = run_syscall}, lock = {.run = run_lock, .arg = &mutex},
			add = {.run = run_line, .arg = &line},
			alloc_one = {.run = run_malloc, .arg = &one},
			alloc_five = {.run = run_malloc, .arg = &five};

	return bench_measure(bench, "syscall", "getppid()", &call, NULL) &&
	       bench_measure(bench, "lock", "mutex locked and unlocked, uncontended", &lock,
			     NULL) &&
	       bench_measure(bench, "line-local", "atomic add, line at hand", &add, NULL) &&
	       bench_measure(bench, "alloc-1", "calloc, free: 2048 bytes", &alloc_one, NULL) &&
	       bench_measure(bench, "alloc-5", "calloc, free: the 5 objects of a generic XTS tfm",
			     &alloc_five, NULL);
}
