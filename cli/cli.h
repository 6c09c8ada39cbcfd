/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli: main and one file per command. The only room that prints and sets an exit status; it has no
 * logic of its own. Standard output carries the result and nothing else; messages go to standard
 * error.
 */
#ifndef CLI_H
#define CLI_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "results/results.h"
#include "scenarios/scenarios.h"

/** Exit statuses; they mean the same for every command. */
enum cli_exit {
	CLI_YES = 0,
	CLI_NO = 1, /* expectation failed, regressed, undeclared deadlock, validation failed */
	CLI_BAD_INPUT = 2, /* usage, or a file that is not what it should be */
	CLI_NOT_COMPARABLE = 3,
	CLI_INCONCLUSIVE = 4, /* under --strict */
	CLI_CANT_WORK = 5, /* I/O, memory, a tool failed */
	CLI_INTERRUPTED = 130, /* 128 + SIGINT */
};

/* ---- commands ---------------------------------------------------------------------------- */

/** A command: gets its own name as argv[0], returns an exit status. */
int cmd_run(int argc, char **argv);
int cmd_layout(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_mrc(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_gate(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_list(int argc, char **argv);

/** What scenario files may name: actors, keys of variants. */
const struct scenario_registry *cli_registry(void);

/* ---- messages and exit statuses ---------------------------------------------------------- */

#define CLI_ERROR cli_error_quark()
GQuark cli_error_quark(void); /* its codes are enum cli_exit */
/** Sets a CLI_ERROR; a hint may follow on a second line. */
void cli_set_error(GError **error, enum cli_exit status, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/** The one place where a GError becomes an exit status. */
enum cli_exit cli_exit_status(const GError *error);
/** Writes "extentsim: error: …" to standard error, frees the error, returns its exit status.
 * Errors that begin with a place ("FILE:LINE:COL: error: …") are written as they are. */
enum cli_exit cli_fail(GError *error);
/** "extentsim: warning: …" and the like, on standard error. */
void cli_message(const char *severity, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- options ----------------------------------------------------------------------------- */

enum cli_parsed { CLI_PARSED_GO, CLI_PARSED_HELP, CLI_PARSED_ERROR };
/**
 * Parses a command's options: glued short values ("-j4", "-oFILE") are taken apart first; --help
 * prints the help on standard output and gives CLI_PARSED_HELP. What is left of argv are the
 * operands, from argv[1] on. `usage` is the line behind the command's name, `about` the text below.
 */
enum cli_parsed cli_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
			  const char *about, GError **error);
/** A decimal number from an option's text; `option` names it in the error. */
bool cli_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value,
		GError **error);
/** One of the words (NULL-terminated); its index. */
bool cli_word(const char *option, const char *text, const char *const *words, size_t *index,
	      GError **error);

/** What of a run goes into a timeline. */
struct timeline_choice {
	char *path; /* NULL: nothing */
	char *variant; /* NULL: the first that encrypts */
	uint32_t replication;
	bool window_given;
	sim_ns from_ns, to_ns;
};

/** Reads "10ms..50ms". */
bool timeline_window_parse(const char *text, struct timeline_choice *choice, GError **error);

enum run_format { RUN_TEXT, RUN_JSON, RUN_MARKDOWN, RUN_ANSWER };
/** Options of `run`, parsed. Strings are owned; run_options_clear() frees them. */
struct run_options {
	char *scenario; /* name or path */
	const char *from; /* the form of trace that it is; NULL: it is none */
	char **sets, **variants; /* NULL-terminated, or NULL */
	bool seed_given, replications_given;
	uint64_t seed;
	uint32_t replications, jobs; /* jobs 0: as many as CPUs */
	char *output; /* NULL: standard output */
	enum run_format format;
	bool format_given;
	bool all_metrics, quiet, verbose, include_host;
	struct timeline_choice timeline;
};
enum cli_parsed run_options_parse(int argc, char **argv, struct run_options *options,
				  GError **error);
void run_options_clear(struct run_options *options);
/** The part of them that the loader takes; points into `options`. */
struct scenario_options run_scenario_options(const struct run_options *options);

/* ---- running a scenario ------------------------------------------------------------------- */

/** Parses the options of `run`, loads the scenario they name, does the work, frees both; returns the
 * exit status. */
int with_scenario(int argc, char **argv,
		  int (*work)(const struct scenario *scenario, const struct run_options *options));

/** One run that somebody looks on. */
struct run_timeline;
struct run_trace {
	guint variant; /* its number */
	uint32_t replication;
	const struct sim_tracer *tracer; /* NULL: nobody does */
	void *tracer_arg;
	struct run_timeline *timeline;
};
/** Opens the timeline that the options ask for, if they do. */
bool run_timeline_open(const struct scenario *scenario, const struct run_options *options,
		       struct run_trace *trace, GError **error);
/** After the runs: puts it in its place if it is to be kept, and says where it ends early. */
bool run_timeline_close(struct run_trace *trace, bool keep, GError **error);

/** A scenario and the document that its runs are handed in to. */
struct run_point {
	const struct scenario *scenario;
	const struct run_trace *trace; /* NULL: nobody looks on */
	struct results_doc *doc;
	guint number; /* of the curve's point */
	uint32_t left; /* runs that have not ended; of run_points() */
};
/** An empty document for a scenario's runs; the caller's. */
struct results_doc *run_document(const struct scenario *scenario);
typedef bool (*run_ended_fn)(void *arg, struct run_point *point, GError **error);
/** Runs every variant and replication of every point, as many at a time as the options say, and shows
 * how far it is. `ended` (may be NULL) gets each point whose runs are all handed in, one at a time, from
 * any thread. After an interruption the documents have what was finished. False if a world can't be put
 * together or `ended` fails: then no more runs begin. */
bool run_points(struct run_point *point, size_t count, const struct run_options *options,
		run_ended_fn ended, void *arg, GError **error);
/** Shows how far `total` runs are, unless the options or the kind of standard error forbid it. */
struct progress;
struct progress *progress_new(const struct run_options *options, uint32_t total);
/** A run has ended; `what` names it. */
void progress_step(struct progress *p, const char *what, uint64_t simulated_ns, uint64_t wall_ns,
		   uint64_t events);
/** Takes the line away, and frees. */
void progress_end(struct progress *p);

/* ---- running a stored result again ---------------------------------------------------------- */

/** Where the library has a scenario of the name; NULL: it has none. The caller frees. */
char *library_scenario(const char *name);
/** Where the document's scenario would lie beside a file: paths in its text are relative to that. The caller
 * frees. */
char *scenario_beside(const struct results_doc *doc, const char *path);
/** Whether the library's scenario of that name is the very text that the document has. */
bool is_in_library(const struct results_doc *doc);
/** A variant as --variant takes it; the caller frees. */
char *variant_text(const struct results_variant *variant);

/** Which run of a document, and which of its events, counted from 1. */
struct rerun {
	const char *path; /* of the document, of a folder of points, or of a baseline */
	const char *place; /* which of several points; NULL: there is one */
	const struct results_doc *doc;
	const struct results_variant *variant;
	uint32_t replication;
	uint64_t first, last; /* INT64_MAX: to the end */
};
/**
 * Runs it by this program and writes its events into `file`: a line that says of what, those of the
 * event log, a line that says how it ended. `same` says whether it came to the digest that the document
 * has, or else these are the events of another run. False if it can't be run or written here.
 */
bool rerun_here(const struct rerun *rerun, FILE *file, bool *same, GError **error);
/** The same by another program, through its command `events`. */
bool rerun_by(const char *program, const struct rerun *rerun, FILE *file, bool *same,
	      GError **error);

/** How `compare --first-difference` was asked. */
struct first_difference_options {
	char **paths; /* one or two, NULL-terminated */
	char **variants; /* none; one of both; or one for each side */
	uint32_t replication; /* UINT32_MAX: the first that differs */
	char *against; /* another program; or NULL */
	char *output;
	enum run_format format; /* text or JSON */
};
/** Finds where two runs part, and says it; returns the exit status. */
int first_difference(const struct first_difference_options *options);

/** A scenario's curve, with every point and no document; the caller's. */
struct results_curve *curve_of(const struct scenario *scenario);
/** Runs the points of a scenario's axes, with -o into a folder from which the same command goes on. Points
 * that an interruption has left unfinished have no document. The caller's; NULL on error. */
struct results_curve *curve_run(const struct scenario *scenario, const struct run_options *options,
				GError **error);
/** The same, and shows the curve; returns the exit status. */
int run_curve(const struct scenario *scenario, const struct run_options *options);

/** Checks the scenario's expectations against the curve: appends a line for each to `out`, and
 * returns how many do not hold. */
uint32_t check_expectations(const struct scenario *scenario, const struct results_curve *curve,
			    GString *out);
/** Appends the scenario's answer, its figures filled in, and what it depends on. False if a figure is
 * not there, though neither variants nor axes were changed by an option. */
bool append_answer(const struct scenario *scenario, const struct results_curve *curve,
		   const struct run_options *options, GString *out, GError **error);
/** How tables are shown: as wide as the terminal, or as a mail. */
struct results_text_options show_options(bool to_terminal);

/** Appends them in a format of the table's. */
void show_comparison(const struct results_comparison *cmp, enum run_format format,
		     const struct results_text_options *text, GString *out);
void show_points(const struct results_curve *curve, enum run_format format,
		 const struct results_text_options *text, const struct results_write_options *write,
		 GString *out);

/** What a run came to. */
struct verdict {
	bool whole; /* every run was made */
	uint32_t failed; /* expectations that do not hold */
	bool no_answer; /* a figure of it is not there */
	bool wrong; /* a run stopped undeclared, or a script came to an outcome it did not expect */
};
/** The exit status that it makes. */
enum cli_exit verdict_status(const struct verdict *verdict);
/** Appends the curve as the format has it, with claims and answer (but not into JSON, which has no place for
 * one). What is wrong with them is told on standard error. */
bool show_curve(const struct scenario *scenario, const struct run_options *options,
		enum run_format format, bool to_terminal, const struct results_curve *curve,
		GString *out, struct verdict *verdict, GError **error);

/* ---- interruption ------------------------------------------------------------------------ */

/** Sets the handlers of SIGINT and SIGTERM: the first sets the flag, the second ends the program.
 * SIGPIPE is ignored, so that a closed pipe is a write error. */
void interrupt_install(void);
/** Non-zero once a signal came; suits struct sim_options.interrupted. */
const volatile int *interrupt_flag(void);
/** A file that the second signal must remove before it ends the program, and one that it need not any
 * more. A few at a time: of more, the last stay. */
void interrupt_remove_on_kill(const char *path);
void interrupt_keep_on_kill(const char *path);

/* ---- output ------------------------------------------------------------------------------ */

/** Where a result goes. A file is written beside its place and renamed into it by
 * output_commit(), so that it appears whole or not at all; devices and pipes are written to. */
struct output;
#define OUTPUT_TEMPORARY ".XXXXXX" /* behind the name meanwhile */
#define OUTPUT_ERROR output_error_quark()
GQuark output_error_quark(void);
/** `path` NULL or "-": standard output. */
struct output *output_open(const char *path, GError **error);
FILE *output_file(struct output *output);
/** Finishes and frees; false if anything could not be written, and then nothing is left behind. */
bool output_commit(struct output *output, GError **error);
/** Drops what was written, and frees; NULL is fine. */
void output_abort(struct output *output);
/** Opens, writes the text, commits. */
bool output_text(const char *path, const char *text, GError **error);

#endif
