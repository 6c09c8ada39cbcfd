/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy of a file with data is replaced and the old key removed, under each design, to the count. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/rekey_world.h"

/* ---- one file: the whole decision ---- */

#define AFTER                                                                                      \
	"rekey f NEW\nwrite f 1m 64k\nsync\ndropcaches\nread f 0 2m\nread f 1m 64k\n"              \
	"rmkey OLD\ndropcaches\nread f 0 2m\nread f 1m 64k\n"

Test(rekey, a_refused_replacement_leaves_the_file_under_its_key_and_lost_with_it)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool"},
		{.design = "lightweight", .setup = "at-io"},
		{.design = "heavyweight", .setup = "pool", .rekey = REKEY_REFUSE},
		{.design = "enforced", .setup = "library", .rekey = REKEY_REFUSE},
	};
	static const struct answer answers[] = {
		{"ops.rekey.count", 2},
		{"ops.rekey.refused", 1},
		{"rekey.refused", 1},
		{"rekey.files", 1},
		{"rekey.items_changed", 1},
		{"rekey.rewritten_bytes", 0},
		{"key.nonces_drawn", 2},
		{"ops.read.refused", 2},
		{"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 272},
		{"crypt.blocks_encrypted", 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		rekey_expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, a_rewritten_file_outlives_its_old_key)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "shared-mode-key", .rekey = REKEY_REWRITE},
		{.design = "enforced", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "heavyweight",
		 .setup = "pool",
		 .rekey = REKEY_REWRITE,
		 .pool_scope = POOL_SCOPE_FILE},
		{.design = "heavyweight", .setup = "at-open", .rekey = REKEY_REWRITE},
		{.design = "lightweight",
		 .setup = "pool",
		 .rekey = REKEY_REWRITE,
		 .pool_scope = POOL_SCOPE_MASTER_KEY},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.files", 2},
		{"rekey.items_changed", 2},
		{"rekey.transactions", 2},
		{"rekey.rewritten_bytes", MIB},
		{"key.nonces_drawn", 3}, /* as written, anew, and what was added */
		{"ops.read.refused", 0},
		{"crypt.blocks_encrypted", 256 + 256 + 16},
		{"crypt.blocks_decrypted", 256 + 272 + 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		rekey_expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, classic_keys_of_an_inode_are_rewritten_too)
{
	static const struct rekey_case cases[] = {
		{.design = "inode", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-open", .rekey = REKEY_REWRITE},
	};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", MIB},	 {"key.nonces_drawn", 0},
		{"ops.read.refused", 0},	 {"crypt.blocks_encrypted", 256 + 256 + 16},
		{"crypt.blocks_decrypted", 800}, {NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		rekey_expect(&cases[i], BEFORE AFTER, answers, true);
}

Test(rekey, a_forced_replacement_reads_garbage_where_the_key_is_the_inodes)
{
	static const struct rekey_case cases[] = {
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_ALLOW},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_ALLOW},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.rewritten_bytes", 0},
		{"ops.read.refused", 0},
		{"truth.garbage_blocks", 256 + 256},
		{"crypt.blocks_decrypted", 272 + 272},
		{NULL, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		rekey_expect(&cases[i], BEFORE AFTER, answers, false);
}

Test(rekey, an_enforced_context_refuses_the_old_extent_at_its_load_and_so_a_write_over_it)
{
	static const struct rekey_case c = {.design = "enforced", .setup = "pool"};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},	{"rekey.items_changed", 2},
		{"key.nonces_drawn", 2},	{"ops.read.count", 4},
		{"ops.read.refused", 2},	{"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 32}, {"ops.write.refused", 1},
		{"ops.write.failed", 0},	{NULL, 0},
	};

	rekey_expect(&c, BEFORE AFTER "write f 0 4k\nsync\n", answers, true);
}

Test(rekey, heavyweight_reads_old_extents_under_the_old_key_until_it_goes)
{
	static const struct rekey_case cases[] = {
		{.design = "heavyweight", .setup = "pool"},
		{.design = "heavyweight", .setup = "at-io"},
		{.design = "heavyweight", .setup = "at-open"},
		{.design = "heavyweight", .setup = "library"},
	};
	static const struct answer answers[] = {
		{"ops.rekey.refused", 0},
		{"rekey.rewritten_bytes", 0},
		{"key.nonces_drawn", 2},
		{"ops.rmkey.failed", 0},
		{NULL, 0},
	};
	/* The whole file before, its new part while the old key is away, the rest when it is back. */
	static const struct answer until[] = {{"ops.read.refused", 1},
					      {"rekey.stranded_loads", 1},
					      {"crypt.blocks_decrypted", 272 + 16 + 256},
					      {NULL, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		rekey_expect(&cases[i], BEFORE AFTER "addkey OLD\nread f 0 2m\n", answers, true);
		if (strcmp(cases[i].setup, "at-open")) /* which fails to open the file at all */
			rekey_expect(&cases[i], BEFORE AFTER "addkey OLD\nread f 0 2m\n", until,
				     true);
	}
}

Test(rekey, stranded_data_is_counted_to_the_byte_and_not_while_its_key_is_there)
{
	static const struct rekey_case heavy = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	/* Of the old MiB the middle is overwritten: what is left are two items of one extent. */
#define OVERWRITTEN BEFORE "rekey f NEW\nwrite f 512k 64k\nfalloc f 2m 64k\nsync\ndropcaches\n"
	static const struct answer old_key_there[] = {{"rekey.other_key_bytes", MIB - 65536},
						      {"rekey.stranded_bytes", 0},
						      {"rekey.stranded_extents", 0},
						      {NULL, 0}};
	static const struct answer gone[] = {{"rekey.other_key_bytes", MIB - 65536},
					     {"rekey.stranded_bytes", MIB - 65536},
					     {"rekey.stranded_extents", 2},
					     {NULL, 0}};
	static const struct answer none[] = {
		{"rekey.other_key_bytes", 0}, {"rekey.stranded_bytes", 0}, {NULL, 0}};

	rekey_expect(&heavy, OVERWRITTEN, old_key_there, true);
	rekey_expect(&light, OVERWRITTEN, none, true);
	rekey_expect(&heavy, OVERWRITTEN "rmkey OLD\n", gone, true);
}

Test(rekey, extents_in_memory_keep_the_old_key_from_becoming_absent)
{
	static const struct rekey_case heavy = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	/* With the maps of old extents in memory the key stays, and its removal can be repeated. */
	static const char text[] = BEFORE "rekey f NEW\nread f 0 1m\nrmkey OLD\nrmkey OLD\n"
					  "dropcaches\nrmkey OLD\n";
	static const struct answer stays[] = {{"ops.rmkey.failed", 1}, {NULL, 0}};
	static const struct answer goes[] = {{"ops.rmkey.failed", 2}, {NULL, 0}};

	rekey_expect(&heavy, text, stays, true);
	rekey_expect(&light, text, goes, true);
}

Test(rekey, a_write_over_an_old_extent_of_heavyweight_is_a_new_one_under_the_new_key)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"key.nonces_drawn", 2}, /* the old extent of 256 blocks and the new one of all of them */
		{"ops.read.refused", 0},	 {"rekey.stranded_loads", 0},
		{"crypt.blocks_decrypted", 256}, {NULL, 0},
	};

	rekey_expect(&c,
		     BEFORE "rekey f NEW\nwrite f 0 1m\nsync\nrmkey OLD\ndropcaches\nread f 0 1m\n",
		     answers, true);
}

Test(rekey, fragments_are_read_one_by_one_and_written_as_one)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", 4 * MIB},
		{"key.nonces_drawn", 1 + 100 + 1},
		{"crypt.blocks_encrypted", 1024 + 100 + 1024},
		{"crypt.blocks_decrypted", 1024 + 1024},
		{NULL, 0},
	};

	rekey_expect(
		&c,
		"addkey OLD\naddkey NEW\nopen f\nclose f\nrekey f OLD\nwrite f 0 4m\nsync\n"
		"randwrite f 4m 4k 100 1 fsync\nsync\ndropcaches\nrekey f NEW\nsync\nrmkey OLD\n"
		"dropcaches\nread f 0 4m\n",
		answers, true);
}

Test(rekey, preallocated_space_and_files_written_in_place_are_under_the_new_key_after_a_rewrite)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "library", .rekey = REKEY_REWRITE};
	static const struct answer answers[] = {
		{"rekey.rewritten_bytes", 2 * 256 * 1024},
		{"ops.read.refused", 0},
		{"ops.write.refused", 0},
		{"truth.lost_writes", 0},
		/* Each file's: data, space behind it; then both anew. */
		{"key.nonces_drawn", 2 * (2 + 2)},
		{NULL, 0},
	};

	rekey_expect(
		&c,
		"addkey OLD\naddkey NEW\nopen f\nclose f\nopen g\nclose g\nnocow g\nrekey f OLD\n"
		"rekey g OLD\nwrite f 0 256k\nwrite g 0 256k\nsync\nfalloc f 256k 256k\n"
		"falloc g 256k 256k\nsync\ndropcaches\nrekey f NEW\nrekey g NEW\nsync\nrmkey OLD\n"
		"dropcaches\nwrite f 300k 100k\nwrite g 0 512k\nsync\ndropcaches\nread f 0 512k\n"
		"read g 0 512k\n",
		answers, true);
}

Test(rekey, copies_in_snapshots_and_clones_keep_the_old_key_and_are_unshared)
{
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct rekey_case inode = {
		.design = "inode", .setup = "pool", .rekey = REKEY_REWRITE};
	static const char text[] =
		"addkey OLD\naddkey NEW\nsubvol s\nopen s/f\nclose s/f\nrekey s/f OLD\n"
		"write s/f 0 1m\nsync\nsnapshot s t f\nrekey s/f NEW\nsync\ndropcaches\n"
		"read s/f 0 1m\nread t/f 0 1m\nsnapshot s u f\ndropcaches\nread u/f 0 1m\n"
		"rmkey OLD\nread u/f 0 1m\nread t/f 0 1m\n";
	static const struct answer answers[] = {
		{"ops.read.refused", 1}, {"crypt.blocks_decrypted", 768}, {NULL, 0}};

	rekey_expect(&light, text, answers, true);
	rekey_expect(&inode, text, answers, true);
}

Test(rekey, the_new_key_must_be_there_and_a_directory_with_names_stays)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"ops.rekey.count", 4}, {"ops.rekey.refused", 2}, {"rekey.files", 2}, {NULL, 0}};

	rekey_expect(&c,
		     "addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\nrekey d NEW\nrekey d OLD\n"
		     "write d/f 0 4k\nsync\nrekey d NEW\nrekey d/f AWAY\n",
		     answers, true);
}

Test(rekey, hard_removal_strands_old_extents_of_an_open_file_at_once)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "library", .removal = REMOVAL_HARD};
	static const struct answer answers[] = {{"ops.read.refused", 1},
						{"rekey.stranded_loads", 1},
						{"crypt.blocks_decrypted", 0},
						{NULL, 0}};

	rekey_expect(&c, BEFORE "open f\nrekey f NEW\nrmkey OLD\nread f 0 1m\nclose f\n", answers,
		     true);
}
