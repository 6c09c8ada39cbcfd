// SPDX-License-Identifier: GPL-2.0-or-later
/* What queueing theory knows exactly. Times are in mean services, loads per server. */
#include <math.h>
#include <string.h>

#include "validate/internal.h"

double theory_erlang_b(uint32_t servers, double offered)
{
	double b = 1;

	for (uint32_t k = 1; k <= servers; k++)
		b = offered * b / (k + offered * b);
	return b;
}

double theory_erlang_c(uint32_t servers, double load)
{
	double b = theory_erlang_b(servers, load * servers);

	return b / (1 - load * (1 - b));
}

/* ---- M/D/c -------------------------------------------------------------------------------- */

enum { STATES = 600 }; /* the line is longer with a probability that no double holds */

/* One hold later: who was served is gone, and a Poisson number has come. Returns by how much that
 * changed the distribution. */
static double step(double *p, const double *poisson, uint32_t servers)
{
	double next[STATES] = {0}, change = 0;

	for (uint32_t n = 0; n < STATES; n++) {
		uint32_t left = n > servers ? n - servers : 0;

		for (uint32_t k = 0; left + k < STATES; k++)
			next[left + k] += p[n] * poisson[k];
	}
	for (uint32_t n = 0; n < STATES; n++) {
		change += fabs(next[n] - p[n]);
		p[n] = next[n];
	}
	return change;
}

void theory_mdc(uint32_t servers, double load, double *p_wait, double *length)
{
	double p[STATES] = {1}, poisson[STATES];

	poisson[0] = exp(-load * servers);
	for (uint32_t i = 1; i < STATES; i++)
		poisson[i] = poisson[i - 1] * load * servers / i;
	while (step(p, poisson, servers) > 1e-13)
		;
	*p_wait = *length = 0;
	for (uint32_t n = servers; n < STATES; n++) {
		*p_wait += p[n];
		*length += (n - servers) * p[n];
	}
}

/* ---- closed networks ---------------------------------------------------------------------- */

void theory_machine_repair(uint32_t machines, uint32_t servers, double think, double *throughput,
			   double *number)
{
	double weight = 1, sum = 1, busy = 0, weighted = 0;

	for (uint32_t n = 1; n <= machines; n++) {
		weight *= (machines - n + 1) / think / MIN(n, servers);
		sum += weight;
		weighted += n * weight;
		busy += MIN(n, servers) * weight;
	}
	*throughput = busy / sum;
	*number = weighted / sum;
}

double theory_engset(uint32_t callers, uint32_t servers, double think)
{
	double weight = 1, sum = 1;

	/* Seen by one caller, the others are in equilibrium without him. */
	for (uint32_t n = 1; n <= servers; n++) {
		weight *= (callers - n) / think / n;
		sum += weight;
	}
	return weight / sum;
}

double theory_mva(uint32_t customers, double think, const double *demand, double *number,
		  size_t stations)
{
	double throughput = 0;

	memset(number, 0, stations * sizeof(*number));
	for (uint32_t n = 1; n <= customers; n++) {
		double cycle = think;

		for (size_t s = 0; s < stations; s++)
			cycle += demand[s] * (1 + number[s]);
		throughput = n / cycle;
		for (size_t s = 0; s < stations; s++)
			number[s] = throughput * demand[s] * (1 + number[s]);
	}
	return throughput;
}
