/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "models/workload/access.h"

/* What is drawn of an operation, by purpose; calls follow the last. */
enum draw { DRAW_FILE, DRAW_CALL = 3 };

const char *access_pattern_name(size_t i)
{
	static const char *const names[ACCESS_PATTERNS] = {
		"sequential", "uniform", "zipf", "hot-cold", "append", "overwrite-in-middle"};

	return i < ACCESS_PATTERNS ? names[i] : NULL;
}

const char *access_files_name(size_t i)
{
	static const char *const names[] = {"round", "uniform", "zipf"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

bool access_check(const struct access_config *config, uint64_t file_bytes, uint64_t extent_bytes,
		  GError **error)
{
	const uint64_t io = (uint64_t)config->io_bytes;
	const char *wrong = NULL;

	if (config->pattern == ACCESS_ZIPF && !file_bytes)
		wrong = "'access' zipf needs files of one size: set 'files'";
	else if (config->pattern == ACCESS_MIDDLE && extent_bytes && extent_bytes <= io)
		wrong = "'access' overwrite-in-middle needs 'io_bytes' below 'extent_bytes'";
	else if (config->pattern == ACCESS_MIDDLE && file_bytes && file_bytes <= io)
		wrong = "'access' overwrite-in-middle needs 'io_bytes' below 'file_bytes'";
	if (wrong)
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s", wrong);
	return !wrong;
}

static uint64_t calls_in(uint64_t bytes, uint64_t io)
{
	return MAX((bytes + io - 1) / io, 1);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Near the golden section of n and prime to it: neighbours in rank lie far apart in the file. */
static uint64_t scatter_step(uint64_t n)
{
	uint64_t step = MAX(n * 618 / 1000, 1);

	while (gcd(step, n) != 1)
		step++;
	return step;
}

struct access *access_new(struct sim *sim, const struct access_config *config, uint32_t files,
			  uint64_t file_bytes, uint64_t extent_bytes)
{
	struct access *a = g_new0(struct access, 1);

	a->sim = sim;
	a->config = config;
	a->files = files;
	a->extent_bytes = extent_bytes;
	if (config->files == FILES_ZIPF)
		a->file_zipf = sim_zipf_new(files, (uint32_t)config->file_zipf_milli);
	if (config->pattern == ACCESS_ZIPF) {
		a->calls = calls_in(file_bytes, (uint64_t)config->io_bytes);
		a->step = scatter_step(a->calls);
		a->zipf = sim_zipf_new(a->calls, (uint32_t)config->zipf_milli);
	}
	return a;
}

void access_free(gpointer arg)
{
	struct access *a = arg;

	if (a->zipf)
		sim_zipf_free(a->zipf);
	if (a->file_zipf)
		sim_zipf_free(a->file_zipf);
	g_free(a);
}

static uint64_t purpose_of_places(void)
{
	return sim_purpose("files");
}

uint32_t access_file(const struct access *a, uint64_t request, uint64_t task, uint64_t stride,
		     uint64_t n)
{
	switch ((enum access_files)a->config->files) {
	case FILES_ROUND:
		return (uint32_t)((task + n * stride) % a->files);
	case FILES_UNIFORM:
		return (uint32_t)sim_keyed_below(a->sim, purpose_of_places(), request, DRAW_FILE,
						 a->files);
	case FILES_ZIPF:
		return (uint32_t)sim_keyed_zipf(a->sim, purpose_of_places(), request, DRAW_FILE,
						a->file_zipf);
	}
	g_assert_not_reached();
}

static uint64_t draw_call(const struct access *a, uint64_t request, uint64_t k, uint64_t bound)
{
	return sim_keyed_below(a->sim, purpose_of_places(), request, DRAW_CALL + k, bound);
}

static uint64_t zipf_call(const struct access *a, uint64_t request, uint64_t k)
{
	uint64_t rank =
		sim_keyed_zipf(a->sim, purpose_of_places(), request, DRAW_CALL + k, a->zipf);

	return rank * a->step % a->calls;
}

static uint64_t hot_cold_call(const struct access *a, uint64_t request, uint64_t k, uint64_t calls)
{
	uint64_t hot = MAX(calls * (uint64_t)a->config->hot_percent / 100, 1);
	uint64_t share = sim_keyed_below(a->sim, sim_purpose("files.hot"), request, k, 100);

	if (hot == calls || share < (uint64_t)a->config->hot_share)
		return draw_call(a, request, k, hot);
	return hot + draw_call(a, request, k, calls - hot);
}

static uint64_t middle_place(const struct access *a, uint64_t request, uint64_t k, uint64_t size)
{
	uint64_t io = (uint64_t)a->config->io_bytes;
	uint64_t extent = a->extent_bytes ? MIN(a->extent_bytes, MAX(size, 1)) : size;
	uint64_t first = draw_call(a, request, k, MAX(size / MAX(extent, 1), 1)) * extent;
	uint64_t before = extent > io ? (extent - io) / 2 : 0;

	return first + before - before % KERNEL_BLOCK_BYTES;
}

uint64_t access_place(const struct access *a, uint64_t request, uint64_t k, uint64_t size,
		      uint64_t position)
{
	uint64_t io = (uint64_t)a->config->io_bytes;
	uint64_t calls = calls_in(size, io);

	switch ((enum access_pattern)a->config->pattern) {
	case ACCESS_SEQUENTIAL:
		return position / io % calls * io;
	case ACCESS_UNIFORM:
	case ACCESS_APPEND:
		return draw_call(a, request, k, calls) * io;
	case ACCESS_ZIPF:
		return zipf_call(a, request, k) * io;
	case ACCESS_HOT_COLD:
		return hot_cold_call(a, request, k, calls) * io;
	case ACCESS_MIDDLE:
		return middle_place(a, request, k, size);
	case ACCESS_PATTERNS:
		break;
	}
	g_assert_not_reached();
}
