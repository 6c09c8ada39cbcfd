// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyslots: every short history of keys that are taken, put back and freed, played on the model's
 * blk-crypto and, beside it, on a reference that keeps no list: it knows of each slot its key, its users
 * and when the last of them went, and takes the idle slot that has been so for longest.
 */
#include "models/fscrypt/blk_crypto.h"
#include "validate/internal.h"

enum { SLOTS_MOST = 3, KEYS_MOST = 4, LENGTH_MOST = 12, NOBODY = -1, SETTLE_NS = 1000 };

enum op_code { OP_GET, OP_PUT, OP_FREE, OP_CODES };
struct op {
	enum op_code code;
	int key;
};

/* ---- the reference ------------------------------------------------------------------------ */

struct reference {
	int slots, keys;
	int key[SLOTS_MOST], users[SLOTS_MOST];
	uint64_t left[SLOTS_MOST]; /* when the last user went */
	uint64_t now;
	int held[KEYS_MOST]; /* how often each key is taken */
	int waits; /* the key that somebody waits for a slot with; NOBODY */
	bool alive[KEYS_MOST]; /* taken since it was freed last */
	uint64_t hits, misses, evictions, sleeps;
};

static void reference_init(struct reference *r, int slots, int keys)
{
	*r = (struct reference){.slots = slots, .keys = keys, .waits = NOBODY};
	for (int i = 0; i < slots; i++) {
		r->key[i] = NOBODY;
		r->left[i] = r->now++;
	}
}

static int slot_of(const struct reference *r, int key)
{
	for (int i = 0; i < r->slots; i++)
		if (r->key[i] == key)
			return i;
	return NOBODY;
}

static int idle_for_longest(const struct reference *r)
{
	int found = NOBODY;

	for (int i = 0; i < r->slots; i++)
		if (!r->users[i] && (found == NOBODY || r->left[i] < r->left[found]))
			found = i;
	return found;
}

static bool may(const struct reference *r, struct op op)
{
	switch (op.code) {
	case OP_GET: /* one at a time may wait: who of two would be next is not said */
		return slot_of(r, op.key) != NOBODY || idle_for_longest(r) != NOBODY ||
		       r->waits == NOBODY;
	case OP_PUT:
		return r->held[op.key];
	default: /* a key in use is not freed */
		return r->alive[op.key] && !r->held[op.key] && r->waits != op.key;
	}
}

/* Takes a slot for the key; the slot, or NOBODY if none is idle. */
static int take(struct reference *r, int key)
{
	int slot = slot_of(r, key);

	if (slot == NOBODY) {
		slot = idle_for_longest(r);
		if (slot == NOBODY)
			return NOBODY;
		r->key[slot] = key;
		r->misses++;
	} else {
		r->hits++;
	}
	r->users[slot]++;
	r->held[key]++;
	return slot;
}

/* The slot of a key that is taken, also by who waited; NOBODY. */
static int play(struct reference *r, struct op op)
{
	int slot = slot_of(r, op.key);

	r->now++;
	switch (op.code) {
	case OP_GET:
		r->alive[op.key] = true;
		slot = take(r, op.key);
		if (slot == NOBODY) {
			r->waits = op.key;
			r->sleeps++;
		}
		return slot;
	case OP_PUT:
		r->held[op.key]--;
		if (--r->users[slot])
			return NOBODY;
		r->left[slot] = r->now;
		if (r->waits == NOBODY)
			return NOBODY;
		slot = take(r, r->waits);
		r->waits = NOBODY;
		return slot;
	default:
		r->alive[op.key] = false;
		if (slot != NOBODY) {
			r->key[slot] = NOBODY;
			r->evictions++;
		}
		return NOBODY;
	}
}

/* ---- the model ---------------------------------------------------------------------------- */

struct rig {
	struct sim *sim;
	struct cost_profile *profile;
	struct fscrypt_variant variant;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	struct blk_crypto *crypto;
	struct fscrypt_extent_info info[KEYS_MOST];
	struct keyed_cipher cipher[KEYS_MOST][LENGTH_MOST]; /* of each time that a key is taken */
	int held[KEYS_MOST];
	bool prepared[KEYS_MOST];
	int wanted; /* by the task that is to wait */
	const struct blk_keyslot *slot[SLOTS_MOST]; /* by the reference's number */
	uint64_t programmed, wiped;

	struct reference reference;
	struct op history[LENGTH_MOST];
	int length;
	uint64_t histories, differ;
	char *first; /* that differs, in words */
	const struct validate_options *options;
};

static int count_program(struct kernel_task *task, void *owner)
{
	struct rig *rig = owner;

	(void)task;
	rig->programmed++;
	return 0;
}

static int count_wipe(struct kernel_task *task, void *owner)
{
	struct rig *rig = owner;

	(void)task;
	rig->wiped++;
	return 0;
}

static const struct blk_crypto_ops ops = {
	.lock_class = "blk_crypto_profile.lock",
	.program = count_program,
	.evict = count_wipe,
	.held_by_task = false,
};

static void get(struct kernel_task *task, struct rig *rig, int key)
{
	struct keyed_cipher cipher = {0};
	int err = blk_crypto_get_keyslot(task, rig->crypto, &rig->info[key], &cipher);

	g_assert(!err);
	rig->cipher[key][rig->held[key]++] = cipher;
}

static void get_after_a_wait(struct kernel_task *task, void *arg)
{
	struct rig *rig = arg;

	get(task, rig, rig->wanted);
}

static void play_on_model(struct kernel_task *task, struct rig *rig, struct op op, bool sleeps)
{
	switch (op.code) {
	case OP_GET:
		if (!rig->prepared[op.key])
			blk_crypto_prepare_key(task, rig->crypto, &rig->info[op.key]);
		rig->prepared[op.key] = true;
		rig->wanted = op.key;
		if (sleeps)
			kernel_spawn(rig->machine, "waiter", get_after_a_wait, rig);
		else
			get(task, rig, op.key);
		break;
	case OP_PUT:
		blk_crypto_put_keyslot(task, &rig->cipher[op.key][--rig->held[op.key]]);
		break;
	default:
		blk_crypto_destroy_key(task, rig->crypto, &rig->info[op.key]);
		rig->prepared[op.key] = false;
		break;
	}
}

/* ---- side by side ------------------------------------------------------------------------- */

static char *in_words(const struct rig *rig)
{
	static const char *const names[OP_CODES] = {"get", "put", "free"};
	GString *text = g_string_new("first in:");

	for (int i = 0; i < rig->length; i++)
		g_string_append_printf(text, " %s %c", names[rig->history[i].code],
				       'a' + rig->history[i].key);
	return g_string_free(text, FALSE);
}

/* Slots are known by the order in which they are first met. */
static bool same_slot(struct rig *rig, int expected, const struct keyed_cipher *cipher)
{
	if (!rig->slot[expected])
		rig->slot[expected] = cipher->at;
	return rig->slot[expected] == cipher->at;
}

/* One operation on both; whether they came to the same. */
static bool step(struct kernel_task *task, struct rig *rig, struct op op)
{
	struct reference *r = &rig->reference;
	int waiting = r->waits, slot = play(r, op), key = op.code == OP_GET ? op.key : waiting;

	play_on_model(task, rig, op, op.code == OP_GET && slot == NOBODY);
	if (waiting != NOBODY || r->waits != NOBODY)
		kernel_sleep(task, SETTLE_NS, PART_SLEEP);
	for (int i = 0; i < r->keys; i++)
		if (rig->held[i] != r->held[i])
			return false;
	if (rig->programmed != r->misses || rig->wiped != r->evictions)
		return false;
	return slot == NOBODY || same_slot(rig, slot, &rig->cipher[key][rig->held[key] - 1]);
}

/* Puts back and frees everything, so that the next history begins with empty slots. */
static bool clean_up(struct kernel_task *task, struct rig *rig)
{
	bool same = true;

	for (bool any = true; same && any;) {
		any = false;
		for (int code = OP_PUT; code < OP_CODES; code++)
			for (int key = 0; same && key < rig->reference.keys; key++) {
				struct op op = {(enum op_code)code, key};

				if (may(&rig->reference, op)) {
					same = step(task, rig, op);
					any = true;
				}
			}
	}
	return same;
}

static void play_history(struct kernel_task *task, struct rig *rig)
{
	bool same = true;

	for (int i = 0; same && i < rig->length; i++)
		same = step(task, rig, rig->history[i]);
	same = same && clean_up(task, rig);
	rig->histories++;
	if (!same) {
		rig->differ++;
		rig->first = in_words(rig);
	}
}

/* Every history that goes on from `r`. Keys are alike: one that is new is the next in order. One
 * difference is enough, for after it the two stand differently. */
static void enumerate(struct kernel_task *task, struct rig *rig, const struct reference *r,
		      int depth, int known)
{
	if (rig->differ || validate_interrupted(rig->options, NULL))
		return;
	if (depth == rig->length) {
		play_history(task, rig);
		return;
	}
	for (int code = 0; code < OP_CODES; code++)
		for (int key = 0; key < MIN(known + 1, r->keys); key++) {
			struct op op = {(enum op_code)code, key};
			struct reference next = *r;

			if (!may(r, op))
				continue;
			play(&next, op);
			rig->history[depth] = op;
			enumerate(task, rig, &next, depth + 1, MAX(known, key + 1));
		}
}

static void drive(struct kernel_task *task, void *arg)
{
	struct rig *rig = arg;
	struct reference empty = rig->reference;

	fscrypt_add_key(task, rig->fc, fscrypt_key_number(rig->fc, "K"), FSCRYPT_ROOT);
	for (uint32_t i = 0; i < KEYS_MOST; i++)
		rig->info[i] = (struct fscrypt_extent_info){.fc = rig->fc,
							    .key = rig->fc->keys->pdata[0],
							    .nonce = i + 1,
							    .address = i + 1};
	enumerate(task, rig, &empty, 0, 0);
}

/* ---- the group ---------------------------------------------------------------------------- */

static int64_t figure(const struct rig *rig, const char *name)
{
	struct sim_metrics *metrics = sim_metrics_new();
	const struct sim_metric_def *def;
	int64_t value, found = -1;

	blk_crypto_report(rig->crypto, metrics);
	for (size_t i = 0; i < sim_metrics_count(metrics); i++)
		if (g_str_has_suffix(sim_metrics_at(metrics, i, &def, &value), name))
			found = value;
	sim_metrics_free(metrics);
	return found;
}

static void report_counts(const struct rig *rig, const char *name, struct validate_report *report)
{
	const struct reference *r = &rig->reference;
	const struct {
		const char *what, *metric;
		uint64_t expected;
	} rows[] = {
		{"hits", ".slot_hits", r->hits},
		{"misses", ".slot_misses", r->misses},
		{"sleeps", ".slot_waits", r->sleeps},
		{"evictions", ".evictions", r->evictions},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *what = g_strdup_printf("%s: %s", name, rows[i].what);

		validate_equal(report, what, (int64_t)rows[i].expected, figure(rig, rows[i].metric),
			       "", "the reference: idle for longest, found by its key");
	}
}

/* Everything is free: only the order matters. */
static bool build(struct rig *rig, GError **error)
{
	const struct sim_options run = {.seed = rig->options->seed,
					.interrupted = rig->options->interrupted};
	struct machine_config machine = {
		.cpus = 2, .memory_bytes = 64 << 20, .devices = 1, .device_channels = 1};
	struct btrfs_config config = {.context_bytes = 16};

	rig->profile = cost_profile_load("aes-ni-6.12", error);
	if (!rig->profile)
		return false;
	for (int i = 0; i < SPAN_SCHED_SLICE; i++)
		rig->profile->cost[i].dist = (struct sim_dist){.kind = SIM_DIST_CONSTANT};
	machine.profile = rig->profile;
	sim_param_defaults(fscrypt_variant_params, &rig->variant);
	rig->sim = sim_new(&run);
	rig->machine = machine_new(rig->sim, &machine);
	rig->fs = btrfs_mount(rig->machine, &config, error);
	rig->fc = rig->fs ? fscrypt_new(rig->fs, &rig->variant) : NULL;
	if (rig->fc)
		rig->crypto = blk_crypto_new(rig->fc, 1, (uint32_t)rig->reference.slots, &ops, rig);
	return rig->fc;
}

static void take_apart(struct rig *rig)
{
	if (rig->sim)
		sim_free(rig->sim);
	if (rig->fs)
		btrfs_free(rig->fs);
	if (rig->crypto)
		blk_crypto_free(rig->crypto);
	if (rig->fc)
		fscrypt_free(rig->fc);
	if (rig->machine)
		machine_free(rig->machine);
	cost_profile_free(rig->profile);
	g_free(rig->first);
}

static bool check_histories(int slots, int keys, int length, const struct validate_options *options,
			    struct validate_report *report, GError **error)
{
	struct rig rig = {.length = length, .options = options};
	g_autofree char *name = NULL, *what = NULL;
	bool fine;

	reference_init(&rig.reference, slots, keys);
	fine = build(&rig, error);
	if (fine) {
		struct validate_check *same;

		kernel_spawn(rig.machine, "driver", drive, &rig);
		sim_run(rig.sim, SIM_NEVER);
		name = g_strdup_printf("%d slot%s, %d keys", slots, slots == 1 ? "" : "s", keys);
		what = g_strdup_printf("%s: of %" G_GUINT64_FORMAT " histories of %d, that differ",
				       name, rig.histories, length);
		fine = !validate_interrupted(options, error);
		if (fine) {
			same = validate_equal(
				report, what, 0, (int64_t)rig.differ, "",
				"block/blk-crypto-profile.c of 6.12, as the reference has it");
			if (rig.first)
				validate_note(same, "%s", rig.first);
			report_counts(&rig, name, report);
		}
	}
	take_apart(&rig);
	return fine;
}

bool validate_blk_crypto(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	int less = options->shrink > 1;

	return check_histories(1, 2, 10 - less, options, report, error) &&
	       check_histories(2, 3, 10 - less, options, report, error) &&
	       check_histories(3, 4, 9 - less, options, report, error) &&
	       validate_keyslots_in_use(options, report, error);
}
