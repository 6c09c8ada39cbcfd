/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, policies and keys, by scripts that say what each of their operations comes to. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define LIGHT "x: design=lightweight setup=pool"
#define HEAVY "x: design=heavyweight setup=pool"

static struct world_outcome run_under(const char *text, const char *variant)
{
	const char *const variants[] = {variant, NULL};
	struct script_run run = {.text = text, .variants = variants};

	return script_run(&run, 0);
}

static void expect_clean(const struct world_outcome *outcome)
{
	static const char *const zero[] = {"truth.garbage_blocks", "truth.iv_reuses",
					   "truth.keys_after_removal", "truth.lost_writes",
					   "lock.possible_cycles"};

	for (guint i = 0; i < outcome->findings->len; i++) {
		const struct world_finding *finding = outcome->findings->pdata[i];

		cr_expect(false, "%s: %s", finding->kind, finding->text);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(zero); i++)
		cr_expect_eq(metric_of(outcome, zero[i]), 0, "%s", zero[i]);
}

/* Every operation comes to what the script expects, under both designs. */
static void expect_script(const char *text)
{
	static const char *const variants[] = {LIGHT, HEAVY};

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		struct world_outcome outcome = run_under(text, variants[i]);

		expect_clean(&outcome);
		world_outcome_clear(&outcome);
	}
}

Test(names, an_outcome_that_a_script_does_not_expect_is_a_finding_that_says_where)
{
	struct world_outcome o = run_under("write a 0 4k -> ok\n\nread b 0 4k -> ok|EIO\n", LIGHT);
	const struct world_finding *finding;

	cr_assert_eq(o.findings->len, 1);
	finding = o.findings->pdata[0];
	cr_expect(g_str_has_suffix(finding->text,
				   "line 3 `read b 0 4k`: expected ok|EIO, got ENOENT"),
		  "%s", finding->text);
	cr_expect_eq(metric_of(&o, "script.unexpected"), 1);
	world_outcome_clear(&o);
}

Test(names, a_name_moves_with_its_file_and_takes_the_place_of_another)
{
	expect_script("write a 0 64k\nwrite b 0 4k\nmkdir d\nmkdir e\nwrite d/x 0 4k\n"
		      "rename a d/a -> ok\nstat a -> ENOENT\nread d/a 0 64k -> ok\n"
		      "open b\nrename d/a b -> ok\nls d -> 1\nread b 0 64k -> ok\nclose b\n"
		      "rename d e/d -> ok\nread e/d/x 0 4k -> ok\nstat d -> ENOENT\n"
		      "rename e e/d/e -> EINVAL\nrename b e -> EISDIR\nrename e b -> ENOTDIR\n"
		      "mkdir g\nrename g e -> ENOTEMPTY\nrename e/d g -> ok\nls g -> 1\n"
		      "rename nothing g/x -> ENOENT\nrename g/x g/x -> ok\n"
		      "sync\ndropcaches\nread g/x 0 4k -> ok\nread b 0 64k -> ok\n");
}

Test(names, a_file_lives_as_long_as_one_of_its_names)
{
	expect_script(
		"write a 0 64k\nmkdir d\nlink a b -> ok\nlink a d/c -> ok\nlink a b -> EEXIST\n"
		"link d e -> EPERM\nunlink a -> ok\nread b 0 64k -> ok\nrename b d/c -> ok\n"
		"stat b -> ok\nunlink b -> ok\nsync\ndropcaches\nread d/c 0 64k -> ok\n"
		"link d/c d/e -> ok\nlink d/c d/f -> ok\nunlink d/e -> ok\nls d -> 2\n"
		"unlink d/f -> ok\nunlink d/c -> ok\nls d -> 0\nrmdir d -> ok\n");
}

Test(names, an_exchange_swaps_two_names_whatever_they_stand_for)
{
	expect_script("write a 0 64k\nmkdir d\nmkdir d/e\nwrite d/x 0 4k\n"
		      "exchange a d/x -> ok\nread d/x 0 64k -> ok\nexchange a d -> ok\n"
		      "read a/x 0 64k -> ok\nstat d/x -> ENOTDIR\nexchange a a/e -> EINVAL\n"
		      "open a -> EISDIR\nread a 0 4k -> EISDIR\n"
		      "exchange a nothing -> ENOENT\nexchange a/x a/e -> ok\nls a/x -> 0\n"
		      "exchange a/x a/e -> ok\nsync\ndropcaches\nread a/x 0 64k -> ok\n");
}

Test(names, a_file_that_takes_the_place_of_one_with_data_is_written_back_at_once)
{
	struct world_outcome over = run_under("write a 0 64k\nwrite b 0 64k\nsync\nwrite a 0 64k\n"
					      "rename a b\n",
					      LIGHT);
	struct world_outcome beside = run_under("write a 0 64k\nwrite b 0 64k\nsync\n"
						"write a 0 64k\nrename a c\n",
						LIGHT);

	cr_expect_eq(metric_of(&over, "io.ordered_extents"), 3);
	cr_expect_eq(metric_of(&beside, "io.ordered_extents"), 2);
	world_outcome_clear(&over);
	world_outcome_clear(&beside);
}

Test(names, removal_tells_files_from_directories)
{
	expect_script("write a 0 4k\nmkdir d\nwrite d/x 0 4k\nunlink d -> EISDIR\n"
		      "rmdir a -> ENOTDIR\nrmdir d -> ENOTEMPTY\nunlink d/x -> ok\nrmdir d -> ok\n"
		      "rmdir d -> ENOENT\nmkdir a -> EEXIST\ncreate a -> EEXIST\ncreate b -> ok\n");
}

Test(names, files_do_not_move_between_subvolumes_but_a_subvolume_does)
{
	expect_script("subvol s\nsubvol t\nwrite s/a 0 4k\nwrite t/b 0 4k\n"
		      "rename s/a t/a -> EXDEV\nlink s/a t/a -> EXDEV\nexchange s/a t/b -> EXDEV\n"
		      "exchange s t/b -> EXDEV\nrename s t/s -> ok\nread t/s/a 0 4k -> ok\n"
		      "exchange t/s t/b -> ok\nread t/b/a 0 4k -> ok\nexchange t/b t/s -> ok\n"
		      "sync\ndropcaches\nread t/s/a 0 4k -> ok\nsubdel t/s -> ok\nls t -> 1\n");
}

Test(names, one_policy_holds_in_a_tree)
{
	expect_script("addkey K\naddkey L\nmkdir e\nmkdir f\nmkdir p\npolicy e K\npolicy f L\n"
		      "write e/a 0 4k\nwrite f/b 0 4k\nwrite p/c 0 4k\nmkdir e/d\n"
		      "rename e/a f/a -> EXDEV\nlink e/a f/a -> EXDEV\nexchange e/a f/b -> EXDEV\n"
		      "rename p/c e/c -> EXDEV\nlink p/c e/c -> EXDEV\nexchange e/a p/c -> EXDEV\n"
		      "rename e/a e/d/a -> ok\nrename e/d/a p/a -> ok\ngetpolicy p/a -> K\n"
		      "rename p/a e/a -> ok\nlink e/a p/a -> ok\npolicy p K -> ENOTEMPTY\n"
		      "policy e L -> EEXIST\npolicy e K -> ok\npolicy e/a K -> ENOTDIR\n");
}

Test(names, without_the_key_names_are_found_by_their_no_key_form_and_none_is_entered)
{
	expect_script(
		"addkey K\nmkdir e\npolicy e K\nwrite e/a 0 64k\nmkdir e/d\nwrite e/d/b 0 4k\n"
		"write out 0 4k\nrmkey K -> ok\nls e -> 2\nstat e/a -> ENOENT\n"
		"stat e/~a -> ok\nread e/~a 0 4k -> ENOKEY\nls e/~d -> 1\n"
		"stat e/~d/~b -> ok\nstat e/~d/b -> ENOENT\nopen e/a -> ENOKEY\n"
		"create e/n -> ENOKEY\nmkdir e/n -> ENOKEY\nrename e/~a e/n -> ENOKEY\n"
		"rename out e/n -> ENOKEY\nlink out e/n -> ENOKEY\nrename e/~a out -> ENOKEY\n"
		"unlink e/a -> ENOENT\nrmdir e/~d -> ENOTEMPTY\nunlink e/~d/~b -> ok\n"
		"rmdir e/~d -> ok\nls e -> 1\naddkey K\nstat e/~a -> ENOENT\n"
		"read e/a 0 64k -> ok\ncreate e/n -> ok\n");
}

Test(names, a_refusal_to_create_leaves_nothing_behind)
{
	/* A directory in use keeps its names, and yet nothing new is made below it. */
	expect_script("addkey K\nmkdir e\npolicy e K\nwrite e/a 0 4k\nwrite e/b 0 4k\nopen e/a\n"
		      "rmkey K -> busy 2\ncreate e/n -> ENOKEY\nmkdir e/n -> ENOKEY\n"
		      "write e/n 0 4k -> ENOKEY\nread e/b 0 4k -> ENOKEY\nread e/a 0 4k -> ok\n"
		      "ls e -> 2\n");
}

Test(names, refused_look_ups_are_counted_as_refusals)
{
	struct world_outcome o =
		run_under("addkey K\nmkdir e\npolicy e K\nwrite e/a 0 4k\nrmkey K\n"
			  "read e/a 0 4k\nread e/x 0 4k\nread x 0 4k\n",
			  LIGHT);

	cr_expect_eq(metric_of(&o, "ops.read.refused"), 2);
	cr_expect_eq(metric_of(&o, "ops.read.failed"), 1);
	world_outcome_clear(&o);
}

Test(names, a_subvolume_is_deleted_under_open_files_and_goes_with_the_last_of_them)
{
	static const char text[] =
		"subvol s\nmkdir s/d\nwrite s/d/a 0 1m\nwrite s/d/b 0 1m\nsync\nopen s/d/a\n"
		"write s/d/a 1m 64k\nsubdel s -> ok\nls . -> 0\nstat s -> ENOENT\n"
		"read s/d/a 0 1088k -> ok\nwrite s/d/a 0 64k -> ok\nfsync s/d/a -> ok\n"
		"read s/d/b 0 4k -> ENOENT\nbalance\ndropcaches\nread s/d/a 0 1088k -> ok\n"
		"subvol s -> ok\nwrite s/x 0 4k\nsubdel s -> ok\n";
	char *closed = g_strconcat(text, "close s/d/a -> ok\nsleep 1s\nsync\n", NULL);
	struct world_outcome open = run_under(text, LIGHT), gone = run_under(closed, LIGHT);

	expect_clean(&open);
	expect_clean(&gone);
	cr_expect_eq(metric_of(&gone, "disk.extents"), 0);
	cr_expect_eq(metric_of(&gone, "disk.leaves"), 1);
	world_outcome_clear(&open);
	world_outcome_clear(&gone);
	g_free(closed);
}

Test(names, a_directory_removed_under_a_file_of_two_names_goes_with_the_file)
{
	expect_script("mkdir d\nwrite d/a 0 4k\nlink d/a b -> ok\nopen d/a\nunlink d/a -> ok\n"
		      "rmdir d -> ok\nread b 0 4k -> ok\nclose d/a\ndropcaches\nsync\nls . -> 1\n"
		      "read b 0 4k -> ok\n");
}

/* ---- keys ---- */

static void lines(GString *text, const char *before, const char *after, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		g_string_append_printf(text, "%s%u%s\n", before, i, after);
}

Test(keyring, a_key_added_again_is_present_at_once_and_removed_with_its_next_removal)
{
	expect_script("addkey K\nmkdir e\npolicy e K\nwrite e/a 0 4k\nopen e/a\nrmkey K -> busy 2\n"
		      "addkey K -> ok\nkeystatus K -> present\ncreate e/b -> ok\n"
		      "rmkey K -> busy 2\nclose e/a\nrmkey K -> ok\nkeystatus K -> absent\n");
}

Test(keyring, a_key_stays_while_another_user_has_a_claim_to_it)
{
	expect_script("addkey K alice\naddkey K bob\naddkey K bob\nrmkey K -> ENOKEY\n"
		      "rmkey K carol -> ENOKEY\nrmkey K alice -> other-users\n"
		      "keystatus K -> present\nrmkey K alice -> ENOKEY\nrmkey K bob -> ok\n"
		      "keystatus K -> absent\naddkey K alice\naddkey K bob\nrmkey K all -> ok\n"
		      "keystatus K -> absent\nrmkey K all -> ENOKEY\n");
}

Test(keyring, a_user_may_add_200_keys_and_root_more)
{
	GString *text = g_string_new(NULL);

	lines(text, "addkey k", " alice -> ok", 0, 200);
	g_string_append(text, "addkey k200 alice -> EDQUOT\nkeystatus k200 -> absent\n"
			      "addkey k200 -> ok\naddkey k200 alice -> EDQUOT\n"
			      "addkey k0 alice -> ok\nrmkey k0 alice -> ok\n"
			      "addkey k200 alice -> ok\n");
	lines(text, "addkey r", " -> ok", 0, 201);
	expect_script(text->str);
	g_string_free(text, true);
}

Test(keyring, a_provisioned_key_is_added_if_it_is_there_and_of_the_right_type)
{
	expect_script("addkey K provisioned -> ENOKEY\nprovision K descriptor\n"
		      "addkey K provisioned -> EKEYREJECTED\nprovision K\n"
		      "addkey K provisioned -> ok\nkeystatus K -> present\n");
}

/* ---- mixed trees ---- */

#define BASE                                                                                       \
	"subvol base\nwrite base/a 0 64k\nwrite base/b 0 64k\nmkdir base/d\n"                      \
	"write base/d/c 0 64k\nwrite base/inline 0 100\nsync\nsnapshot base c\naddkey K\n"         \
	"policy c K -> ok\ngetpolicy c -> K\ngetpolicy c/a -> none\ngetpolicy c/d -> none\n"

Test(mixed, a_file_of_a_plain_tree_gets_the_policy_at_its_first_write)
{
	static const char text[] =
		BASE "write c/a 4k 4k -> ok\ngetpolicy c/a -> K\nread c/a 0 64k -> ok\n"
		     "write c/d/c 0 4k -> ok\ngetpolicy c/d/c -> K\ngetpolicy c/d -> none\n"
		     "write c/inline 100 8k -> ok\nwrite c/a 32k 4k\ngetpolicy base/a -> none\n"
		     "sync\ndropcaches\nread c/a 0 64k -> ok\nread c/d/c 0 64k -> ok\n"
		     "read c/inline 0 9k -> ok\nread base/a 0 64k -> ok\n";
	struct world_outcome o = run_under(text, LIGHT);

	expect_clean(&o);
	cr_expect_eq(metric_of(&o, "policy.set_at_first_write"), 3);
	/* 4 KiB twice and once, and three blocks of what was inline. */
	cr_expect_eq(metric_of(&o, "crypt.blocks_encrypted"), 6);
	cr_expect_eq(metric_of(&o, "crypt.blocks_decrypted"), 6);
	world_outcome_clear(&o);
	expect_script(text);
}

Test(mixed, what_is_made_below_a_keyed_top_inherits_and_what_is_old_reads_without_the_key)
{
	expect_script(BASE
		      "create c/d/n -> ok\nmkdir c/d/e -> ok\ngetpolicy c/d/n -> K\n"
		      "getpolicy c/d/e -> K\ncreate c/n -> ok\nwrite c/a 0 4k\nrmkey K -> ok\n"
		      "dropcaches\nread c/b 0 64k -> ok\nread c/a 0 4k -> ENOKEY\n"
		      "write c/b 0 4k -> ENOKEY\ntruncate c/b 5k -> ENOKEY\n"
		      "punch c/b 0 8k -> ENOKEY\nfalloc c/b 64k 8k -> ENOKEY\n"
		      "reflink base/a c/b -> ENOKEY\ndefrag c/b -> ENOKEY\nstat c/n -> ENOENT\n"
		      "stat c/~n -> ok\ncreate c/m -> ENOKEY\ncreate c/d/m -> ENOKEY\n"
		      "stat c/d/n -> ok\nread c/d/n 0 4k -> ENOKEY\nunlink c/b -> ok\n"
		      "ls c -> 4\n");
}

Test(mixed, nothing_is_written_in_place_into_plain_extents_of_an_encrypted_file)
{
	static const char text[] = "subvol s\nfalloc s/p 0 64k\nnocow s/n\nwrite s/n 0 64k\nsync\n"
				   "addkey K\npolicy s K\nwrite s/p 0 8k\nwrite s/n 0 8k\n"
				   "dio s/p 16k 8k 4k\nsync\ndropcaches\nread s/p 0 64k -> ok\n"
				   "read s/n 0 64k -> ok\n";
	struct world_outcome o = run_under(text, LIGHT);

	expect_clean(&o);
	cr_expect_eq(metric_of(&o, "crypt.blocks_encrypted"), 6);
	cr_expect_eq(metric_of(&o, "truth.in_place_blocks"), 0);
	world_outcome_clear(&o);
}

Test(mixed, plain_files_move_within_their_tree_and_not_into_it)
{
	expect_script(BASE "rename c/d/c c/x -> ok\ngetpolicy c/x -> none\nrename c/a c/d/a -> ok\n"
			   "mkdir c/d/e\nrename c/x c/d/e/x -> ok\nmkdir f\nmkdir p\n"
			   "addkey L\npolicy f L\nwrite p/y 0 4k\nrename p/y f/y -> EXDEV\n"
			   "rename p/y c/y -> EXDEV\n");
}

Test(mixed, an_old_directory_takes_no_other_policy_than_the_one_above_it)
{
	expect_script("subvol s\nmkdir s/d\nmkdir s/e\nwrite s/e/f 0 4k\naddkey K\naddkey L\n"
		      "policy s K -> ok\npolicy s/d L -> EEXIST\npolicy s/d K -> ok\n"
		      "policy s/e K -> ENOTEMPTY\nsubvol s/n\npolicy s/n L -> ok\n");
}

Test(mixed, a_nested_subvolume_has_a_policy_of_its_own)
{
	expect_script(BASE
		      "addkey L\nsubvol c/n\npolicy c/n L -> ok\nwrite c/n/f 0 8k\n"
		      "getpolicy c/n/f -> L\nwrite c/g 0 8k\ngetpolicy c/g -> K\n"
		      "rename c/n/f c/f -> EXDEV\nsync\nrmkey L -> ok\nread c/g 0 8k -> ok\n"
		      "stat c/n/f -> ENOENT\nopen c/n/f -> ENOKEY\nread c/n/~f 0 8k -> ENOKEY\n");
}

Test(mixed, a_plain_extent_shared_into_a_keyed_tree_stays_plain)
{
	static const char text[] =
		BASE "reflink base/a c/new -> ok\ngetpolicy c/new -> K\n"
		     "reflink base/a c/b -> ok\ngetpolicy c/b -> K\nsync\n"
		     "dropcaches\nread c/new 0 64k -> ok\nread c/b 0 64k -> ok\n";
	struct world_outcome o = run_under(text, HEAVY);

	expect_clean(&o);
	cr_expect_eq(metric_of(&o, "crypt.blocks_decrypted"), 0);
	cr_expect_eq(metric_of(&o, "policy.set_at_first_write"), 1);
	world_outcome_clear(&o);
}
