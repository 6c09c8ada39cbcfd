/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a list of lines smaller as long as what is sought stays: delta debugging (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input", 2002, ddmin).
 */
#ifndef VALIDATE_SHRINK_H
#define VALIDATE_SHRINK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/** The list, by what can be done to it. Those that try something do it if what is sought stays, and say
 * whether it did. */
struct shrink_lines {
	guint (*count)(const void *arg);
	const char *(*text)(const void *arg, guint line);
	bool (*without)(void *arg, guint from, guint count);
	bool (*without_two)(void *arg, guint i, guint j); /* i < j */
	bool (*with_text)(void *arg, guint line, const char *text);
	bool (*go_on)(const void *arg); /* false: no more tries */
};
/** The complements of ever smaller parts; a single line is the smallest. Returns whether any was of use. */
bool shrink_parts(const struct shrink_lines *lines, void *arg);
/** Two lines of no use but undo each other: a key that goes and comes back. Of a short list only. */
bool shrink_pairs(const struct shrink_lines *lines, void *arg);
/** Smaller and rounder numbers. */
bool shrink_numbers(const struct shrink_lines *lines, void *arg);

#endif
