/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What long work shows of itself on standard error: one line that is rewritten, on a terminal only. */
#include "cli/cli.h"

#include <unistd.h>

enum {
	REDRAW_EVERY_US = 100000,
	SHOW_AFTER_US = 1000000, /* short work is not worth a line */
};

struct progress {
	bool line, verbose;
	uint32_t done, total;
	double simulated_s;
	gint64 start_us, drawn_us;
	bool drawn;
};

struct progress *progress_new(const struct run_options *options, uint32_t total)
{
	struct progress *p = g_new0(struct progress, 1);

	p->line = !options->quiet && !options->verbose && isatty(STDERR_FILENO);
	p->verbose = options->verbose;
	p->total = total;
	p->start_us = g_get_monotonic_time();
	return p;
}

static void draw(struct progress *p, gint64 now)
{
	double elapsed_s = (double)(now - p->start_us) / G_USEC_PER_SEC;
	double left_s = p->done ? elapsed_s / p->done * (p->total - p->done) : 0;

	fprintf(stderr,
		"\r%u of %u runs, %.0f s, about %.0f s left, %.3g s simulated a second \033[K",
		p->done, p->total, elapsed_s, left_s, p->simulated_s / elapsed_s);
	p->drawn_us = now;
	p->drawn = true;
}

void progress_step(struct progress *p, const char *what, uint64_t simulated_ns, uint64_t wall_ns,
		   uint64_t events)
{
	gint64 now = g_get_monotonic_time();

	p->done++;
	p->simulated_s += (double)simulated_ns / 1e9;
	if (p->verbose)
		cli_message("run", "%s: %.3g s simulated in %.3g s, %" G_GUINT64_FORMAT " events",
			    what, (double)simulated_ns / 1e9, (double)wall_ns / 1e9, events);
	if (p->line && now - p->start_us > SHOW_AFTER_US && now - p->drawn_us > REDRAW_EVERY_US)
		draw(p, now);
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	g_free(p);
}
