/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim compare --first-difference`: where do two runs part? */
#include "cli/first_difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Events shown before and after the runs part; and of a run that stands alone. */
enum { EVENTS_BEFORE = 4, EVENTS_AFTER = 3, EVENTS_ALONE = 8 };

/* ---- which runs ----------------------------------------------------------------------------- */

/* The two points that are looked at. */
struct pair {
	const struct results_point *a, *b;
	const char *place;
};

static void follow(struct first_difference *fd, const struct pair *pair,
		   const struct results_variant *a, const struct results_variant *b,
		   uint32_t replication)
{
	fd->part = true;
	fd->a.point = pair->a;
	fd->b.point = pair->b;
	fd->a.variant = a;
	fd->b.variant = b;
	fd->replication = replication;
	results_part(&a->replication[replication], &b->replication[replication], &fd->parting);
}

static void compare_runs(struct first_difference *fd, const struct pair *pair,
			 const struct results_variant *a, const struct results_variant *b,
			 uint32_t only)
{
	uint32_t of_a = pair->a->doc->replications, of_b = pair->b->doc->replications;
	struct tally tally = {.variant = a->name};

	for (uint32_t r = 0; r < MAX(of_a, of_b); r++) {
		struct results_parting parting;
		bool in_a = r < of_a && a->replication[r].done;
		bool in_b = r < of_b && b->replication[r].done;

		if (only != UINT32_MAX && r != only)
			continue;
		fd->unpaired += in_a != in_b;
		if (!in_a || !in_b)
			continue;
		results_part(&a->replication[r], &b->replication[r], &parting);
		if (parting.part && !fd->part)
			follow(fd, pair, a, b, r);
		tally.part += parting.part;
		tally.runs++;
	}
	if (!tally.runs)
		return;
	tally.place = g_strdup(pair->place);
	g_array_append_val(fd->tallies, tally);
}

static const struct results_variant *variant_named(const struct side *side,
						   const struct results_doc *doc, const char *name,
						   GError **error)
{
	const struct results_variant *variant = results_doc_variant(doc, name);

	if (!variant)
		cli_set_error(error, CLI_BAD_INPUT, "--variant %s: %s has no such variant", name,
			      side->path);
	return variant;
}

static bool compare_points(struct first_difference *fd, const struct pair *pair,
			   const struct first_difference_options *options, GError **error)
{
	char **names = options->variants;
	const struct results_variant *a, *b;

	for (guint i = 0; !names && i < pair->a->doc->variants->len; i++) {
		a = pair->a->doc->variants->pdata[i];
		b = results_doc_variant(pair->b->doc, a->name);
		if (b)
			compare_runs(fd, pair, a, b, options->replication);
	}
	if (!names)
		return true;
	a = variant_named(&fd->a, pair->a->doc, names[0], error);
	b = a ? variant_named(&fd->b, pair->b->doc, names[1] ? names[1] : names[0], error) : NULL;
	if (b)
		compare_runs(fd, pair, a, b, options->replication);
	return b;
}

/* Two results of a point each are compared whatever it is, else points of one place. */
static bool compare_all(struct first_difference *fd, const struct first_difference_options *options,
			GError **error)
{
	const GPtrArray *of_a = fd->a.curve->points, *of_b = fd->b.curve->points;
	bool single = of_a->len == 1 && of_b->len == 1;

	for (guint i = 0; i < of_a->len; i++) {
		struct pair pair = {.a = of_a->pdata[i], .place = ""};
		g_autofree char *place = results_point_place(fd->a.curve, pair.a);

		pair.b = single ? of_b->pdata[0]
				: results_point_in(fd->b.curve, fd->a.curve, pair.a);
		if (!single)
			pair.place = place;
		if (pair.b && !compare_points(fd, &pair, options, error))
			return false;
	}
	if (fd->tallies->len)
		return true;
	cli_set_error(error, CLI_NOT_COMPARABLE,
		      "%s and %s have no run of one variant and replication in common\n"
		      "--variant A --variant B takes two variants of different names",
		      fd->a.path, fd->b.path);
	return false;
}

/* ---- making them again ---------------------------------------------------------------------- */

/* What keeps this program from doing what the result says is no error of the comparison's, unless it
 * keeps it from doing anything. */
static bool is_fatal(const GError *error)
{
	enum cli_exit status = cli_exit_status(error);

	return status == CLI_CANT_WORK || status == CLI_INTERRUPTED;
}

static FILE *temporary(GError **error)
{
	FILE *file = tmpfile();

	if (!file)
		cli_set_error(error, CLI_CANT_WORK, "can't make a temporary file: %s",
			      g_strerror(errno));
	return file;
}

/* The events of a side by one program; NULL without an error: it does otherwise than the result. */
static FILE *events_by(const char *program, const struct rerun *rerun, char **why, GError **error)
{
	FILE *file = temporary(error);
	GError *cause = NULL;
	bool same = false, fine;

	if (!file)
		return NULL;
	fine = program ? rerun_by(program, rerun, file, &same, &cause)
		       : rerun_here(rerun, file, &same, &cause);
	if (fine && same) {
		rewind(file);
		return file;
	}
	fclose(file);
	g_free(*why);
	if (!fine && is_fatal(cause)) {
		*why = NULL;
		g_propagate_error(error, cause);
		return NULL;
	}
	*why = fine ? NULL : g_strdup(cause->message);
	g_clear_error(&cause);
	return NULL;
}

static bool make_again(struct first_difference *fd, struct side *side, const char *against,
		       uint64_t first, uint64_t last, FILE **events, GError **error)
{
	g_autofree char *place = results_point_place(side->curve, side->point);
	struct rerun rerun = {
		.path = side->path,
		.place = side->curve->points->len > 1 ? place : NULL,
		.doc = side->point->doc,
		.variant = side->variant,
		.replication = fd->replication,
		.first = first,
		.last = last,
	};
	GError *cause = NULL;

	*events = NULL;
	if (side->made != MADE_BY_OTHER) {
		*events = events_by(NULL, &rerun, &side->why, &cause);
		side->made = *events ? MADE_HERE : MADE_NOT;
	}
	if (!*events && !cause && against) {
		*events = events_by(against, &rerun, &side->why, &cause);
		side->made = *events ? MADE_BY_OTHER : MADE_NOT;
	}
	if (!cause)
		return true;
	g_propagate_error(error, cause);
	return false;
}

/* ---- following them ------------------------------------------------------------------------- */

struct stream {
	FILE *file;
	char *line;
	size_t allocated;
	json_t *state, *event; /* NULL: there are no more */
};

static void next(struct stream *stream)
{
	json_t *json = NULL;

	g_clear_pointer(&stream->event, json_decref);
	while (!stream->event && getline(&stream->line, &stream->allocated, stream->file) > 0) {
		json = json_loads(stream->line, 0, NULL);
		if (json_object_get(json, "event"))
			stream->event = json_incref(json);
		else if (json_object_get(json, "state_ns") && !stream->state)
			stream->state = json_incref(json);
		json_decref(json);
	}
}

static void stream_close(struct stream *stream)
{
	json_decref(stream->event);
	json_decref(stream->state);
	free(stream->line);
	if (stream->file)
		fclose(stream->file);
}

static bool member_is_same(const json_t *a, const json_t *b, const char *key)
{
	const json_t *of_a = json_object_get(a, key), *of_b = json_object_get(b, key);

	return (!of_a && !of_b) || json_equal(of_a, of_b);
}

/* As the digest has it: when, who, and what came out. */
static bool is_same(const json_t *a, const json_t *b)
{
	return member_is_same(a, b, "ns") && member_is_same(a, b, "task") &&
	       member_is_same(a, b, "facts");
}

static void take_then(struct stream *stream, struct side *side, size_t count)
{
	side->then = json_array();
	side->ended = !stream->event;
	for (size_t i = 0; i < count && stream->event; i++) {
		json_array_append(side->then, stream->event);
		next(stream);
	}
}

static bool is_among(const json_t *array, const json_t *item)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_array_get(array, i) == item)
			return true;
	return false;
}

static void find_event(struct first_difference *fd, struct stream *a, struct stream *b)
{
	fd->before = json_array();
	fd->event = fd->parting.first;
	next(a);
	next(b);
	for (; a->event && b->event && is_same(a->event, b->event); fd->event++) {
		json_t *pair = json_pack("[O, O]", a->event, b->event);

		if (!fd->did_otherwise && !member_is_same(a->event, b->event, "did"))
			fd->did_otherwise = json_incref(pair);
		json_array_append_new(fd->before, pair);
		if (json_array_size(fd->before) > EVENTS_BEFORE)
			json_array_remove(fd->before, 0);
		next(a);
		next(b);
	}
	/* Once is enough. */
	if (fd->did_otherwise && is_among(fd->before, fd->did_otherwise))
		g_clear_pointer(&fd->did_otherwise, json_decref);
	fd->found = a->event || b->event;
	take_then(a, &fd->a, EVENTS_AFTER);
	take_then(b, &fd->b, EVENTS_AFTER);
}

/* The state at an event: the log begins with it. */
static bool take_state(struct first_difference *fd, struct side *side, const char *against,
		       uint64_t event, GError **error)
{
	struct stream stream = {.line = NULL};

	if (!make_again(fd, side, against, event, event, &stream.file, error))
		return false;
	if (stream.file)
		next(&stream);
	side->state = json_incref(stream.state);
	stream_close(&stream);
	return true;
}

/* One of the runs cannot be made here: the interval is all there is, with what the other does in it. */
static void show_alone(struct stream *stream, struct side *side)
{
	next(stream);
	take_then(stream, side, EVENTS_ALONE);
	side->state = json_incref(stream->state);
}

static bool follow_streams(struct first_difference *fd, const char *against, struct stream *a,
			   struct stream *b, GError **error)
{
	if (!a->file || !b->file) {
		if (a->file)
			show_alone(a, &fd->a);
		if (b->file)
			show_alone(b, &fd->b);
		return true;
	}
	find_event(fd, a, b);
	if (!fd->found) {
		cli_set_error(error, CLI_CANT_WORK,
			      "the digests of %s and %s differ, but the events do not", fd->a.path,
			      fd->b.path);
		return false;
	}
	return take_state(fd, &fd->a, against, fd->event, error) &&
	       take_state(fd, &fd->b, against, fd->event, error);
}

static bool search(struct first_difference *fd, const char *against, GError **error)
{
	uint64_t first = fd->parting.first, last = fd->parting.last;
	struct stream a = {.line = NULL}, b = {.line = NULL};
	bool fine;

	fd->given = results_given(fd->a.point->doc, fd->a.variant, fd->b.point->doc, fd->b.variant,
				  fd->replication);
	fine = make_again(fd, &fd->a, against, first, last, &a.file, error) &&
	       make_again(fd, &fd->b, against, first, last, &b.file, error) &&
	       follow_streams(fd, against, &a, &b, error);
	stream_close(&a);
	stream_close(&b);
	return fine;
}

/* ---- the command ---------------------------------------------------------------------------- */

static void side_clear(struct side *side)
{
	if (side->curve)
		results_curve_free(side->curve);
	json_decref(side->state);
	json_decref(side->then);
	g_free(side->why);
}

static bool read_side(struct side *side, const char *path, GError **error)
{
	side->path = path;
	side->curve = results_gate_read(path, error);
	return side->curve;
}

static bool read_sides(struct first_difference *fd, char **paths, GError **error)
{
	return read_side(&fd->a, paths[0], error) &&
	       read_side(&fd->b, paths[1] ? paths[1] : paths[0], error) &&
	       results_same_scenario(results_curve_doc(fd->a.curve), results_curve_doc(fd->b.curve),
				     error);
}

static void tally_clear(gpointer arg)
{
	g_free(((struct tally *)arg)->place);
}

static bool answer(struct first_difference *fd, const struct first_difference_options *options,
		   GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!read_sides(fd, options->paths, error) || !compare_all(fd, options, error) ||
	    (fd->part && !search(fd, options->against, error)))
		return false;
	if (options->format == RUN_JSON)
		first_difference_json(fd, out);
	else
		first_difference_text(fd, out);
	return output_text(options->output, out->str, error);
}

int first_difference(const struct first_difference_options *options)
{
	struct first_difference fd = {
		.tallies = g_array_new(FALSE, FALSE, sizeof(struct tally)),
	};
	GError *error = NULL;
	int status;

	g_array_set_clear_func(fd.tallies, tally_clear);
	if (answer(&fd, options, &error))
		status = fd.part ? CLI_NO : CLI_YES;
	else
		status = cli_fail(error);
	side_clear(&fd.a);
	side_clear(&fd.b);
	g_array_unref(fd.tallies);
	g_clear_pointer(&fd.given, g_ptr_array_unref);
	json_decref(fd.before);
	json_decref(fd.did_otherwise);
	return status;
}
