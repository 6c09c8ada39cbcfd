/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each form of trace is read as, well-formed and broken. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "models/trace/trace.h"

static const char *const op_names[] = {
	[TRACE_OBJECT] = "object",     [TRACE_OPEN] = "open",
	[TRACE_CLOSE] = "close",       [TRACE_READ] = "read",
	[TRACE_WRITE] = "write",       [TRACE_MAPREAD] = "mapread",
	[TRACE_MAPWRITE] = "mapwrite", [TRACE_TRIM] = "trim",
	[TRACE_SYNC] = "sync",	       [TRACE_DATASYNC] = "datasync",
	[TRACE_TRUNCATE] = "truncate", [TRACE_FALLOCATE] = "fallocate",
	[TRACE_PUNCH] = "punch",       [TRACE_ZERO] = "zero",
	[TRACE_COLLAPSE] = "collapse", [TRACE_INSERT] = "insert",
	[TRACE_CLONE] = "clone",       [TRACE_DEDUPE] = "dedupe",
	[TRACE_COPY] = "copy",	       [TRACE_EXCHANGE] = "exchange",
	[TRACE_NO_DATA] = "no-data",   [TRACE_SUBVOL] = "subvol",
	[TRACE_SNAPSHOT] = "snapshot", [TRACE_MKFILE] = "mkfile",
	[TRACE_MKDIR] = "mkdir",       [TRACE_MKSPECIAL] = "mkspecial",
	[TRACE_RENAME] = "rename",     [TRACE_LINK] = "link",
	[TRACE_UNLINK] = "unlink",     [TRACE_RMDIR] = "rmdir",
	[TRACE_METADATA] = "metadata", [TRACE_UNKNOWN] = "unknown",
};

/* What came of reading a trace to its end. */
struct reading {
	GString *events; /* "op file|object offset+length [>to] [@time] [flags]; " */
	GString *reports; /* of bad lines, a line each */
	char *error; /* NULL: none */
	int code;
	uint64_t skipped;
};

static void append_event(GString *out, const struct trace *trace, const struct trace_event *event)
{
	g_string_append_printf(out, "%s ", op_names[event->op]);
	if (trace_format(trace)->objects)
		g_string_append_printf(out, "%" G_GUINT64_FORMAT, event->object);
	else
		g_string_append_printf(out, "%s %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT,
				       trace_file_name(trace, event->file), event->offset,
				       event->length);
	if (event->other != TRACE_NO_FILE && event->other != event->file)
		g_string_append_printf(out, " & %s", trace_file_name(trace, event->other));
	if (event->to)
		g_string_append_printf(out, " >%" G_GUINT64_FORMAT, event->to);
	if (event->time_ns)
		g_string_append_printf(out, " @%" G_GUINT64_FORMAT, event->time_ns);
	g_string_append_printf(out, "%s%s%s; ", event->keep_size ? " keep" : "",
			       event->unshare ? " unshare" : "", event->reopen ? " reopen" : "");
}

static void take_report(void *arg, const char *message)
{
	g_string_append_printf(arg, "%s\n", message);
}

static const struct trace_format *find_format(const char *name)
{
	for (size_t i = 0; trace_formats[i]; i++)
		if (!strcmp(trace_formats[i]->name, name))
			return trace_formats[i];
	for (size_t i = 0; trace_replay_formats[i]; i++)
		if (!strcmp(trace_replay_formats[i]->name, name))
			return trace_replay_formats[i];
	cr_assert_fail("no format %s", name);
	return NULL;
}

static void read_events(struct reading *reading, const char *path,
			const struct trace_options *options)
{
	g_autoptr(GError) error = NULL;
	struct trace *trace = trace_open(path, options, &error);
	struct trace_event event;
	enum trace_next next;

	cr_assert(trace, "%s", error->message);
	while ((next = trace_next(trace, &event, &error)) == TRACE_NEXT_EVENT)
		append_event(reading->events, trace, &event);
	if (next == TRACE_NEXT_FAILED) {
		reading->error = g_strdup(error->message);
		reading->code = error->code;
	}
	reading->skipped = trace_skipped(trace);
	trace_close(trace);
}

/* Reads bytes as a trace that is called "t". */
static struct reading read_bytes(const char *format, const char *bytes, size_t length, bool skip)
{
	struct reading reading = {.events = g_string_new(NULL), .reports = g_string_new(NULL)};
	const struct trace_options options = {
		.format = find_format(format),
		.skip_bad = skip,
		.report = take_report,
		.arg = reading.reports,
	};
	g_autofree char *folder = g_dir_make_tmp("trace-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "t", NULL);

	cr_assert(g_file_set_contents(path, bytes, (gssize)length, NULL));
	cr_assert_eq(chdir(folder), 0);
	read_events(&reading, "t", &options);
	g_unlink(path);
	g_rmdir(folder);
	return reading;
}

static void reading_clear(struct reading *reading)
{
	g_string_free(reading->events, TRUE);
	g_string_free(reading->reports, TRUE);
	g_free(reading->error);
}

struct row {
	const char *format, *text, *events;
};

static void check_events(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct reading reading =
			read_bytes(rows[i].format, rows[i].text, strlen(rows[i].text), false);

		cr_expect_null(reading.error, "%s: %s", rows[i].text, reading.error);
		cr_expect_str_eq(reading.events->str, rows[i].events, "%s: %s", rows[i].text,
				 reading.events->str);
		reading_clear(&reading);
	}
}

Test(trace_formats, an_empty_trace_has_no_event_in_any_form)
{
	for (size_t i = 0; trace_formats[i]; i++) {
		const struct row row = {trace_formats[i]->name, "", ""};

		check_events(&row, 1);
	}
	check_events(&(struct row){"receive", "", ""}, 1);
}

Test(trace_formats, a_key_is_a_line_without_blanks_around_it_whatever_it_says)
{
	static const struct row rows[] = {
		{"keys", "a\nb\na\n", "object 0; object 1; object 0; "},
		{"keys", "a\nb\na", "object 0; object 1; object 0; "},
		{"keys", "a\r\nb\r\na", "object 0; object 1; object 0; "},
		{"keys", "\n a\t\n\n  \r\na\n\n", "object 0; object 0; "},
		{"keys", "# x\n7\n07\n# x\na b\na\n",
		 "object 0; object 1; object 2; object 0; object 3; object 4; "},
		{"keys",
		 "0123456789abcdefX\n0123456789abcdefY\n0123456789abcdef\n0123456789abcdefX",
		 "object 0; object 1; object 2; object 0; "},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

Test(trace_formats, an_iolog_is_read_in_both_versions)
{
	static const struct row rows[] = {
		{"iolog",
		 "fio version 2 iolog\nf add\nf open\nf read 0 4096\nf wait 250 0\n"
		 "g write 8192 512\nf wait 50 7\nf sync 0 0\nf datasync 0 0\nf trim 5 6\nf close\n",
		 "open f 0+0; read f 0+4096; write g 8192+512 @250000; sync f 0+0 @300000; "
		 "datasync f 0+0 @300000; trim f 5+6 @300000; close f 0+0 @300000; "},
		{"iolog",
		 "fio version 3 iolog\r\n1 f add\r\n2 f open\r\n30 f read 0 4096\r\n40 f wait 9 "
		 "9\r\n"
		 "50 f sync 4096 0\r\n60 f close",
		 "open f 0+0 @2000; read f 0+4096 @30000; sync f 4096+0 @50000; "
		 "close f 0+0 @60000; "},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

#define HEAD "  8,16   1       22     0.000000007  1234  "

Test(trace_formats, of_blkparse_the_queue_events_count_up_to_the_summary)
{
	static const struct row rows[] = {
		{"blkparse",
		 HEAD "Q   R 2048 + 8 [a command]\n" HEAD "G   R 2048 + 8 [a]\n" HEAD
		      "C   R 2048 + 8 [0]\nInput file t.blktrace.0 added\n" HEAD
		      "Q FWFSM 1 + 1 [a]\n",
		 "read 8,16 1048576+4096 @7; write 8,16 512+512 @7; "},
		{"blkparse",
		 HEAD "Q FWS [a]\n" HEAD "Q FF [a]\n" HEAD "Q  DS 8 + 16 [a]\n" HEAD
		      "Q   N 8 + 16 [a]\n" HEAD "Q   R 36 (12 00 ..) [a]\n" HEAD "Q   W 36 [a]\n",
		 "sync 8,16 0+0 @7; sync 8,16 0+0 @7; trim 8,16 4096+8192 @7; "
		 "no-data 8,16 4096+8192 @7; no-data 8,16 0+0 @7; no-data 8,16 0+0 @7; "},
		{"blkparse", "CPU0 (t):\n" HEAD "Q R 0 + 8 [a]\n", ""},
		{"blkparse", HEAD "Q   R 0 + 8 [a]\nTotal (t):\nnonsense\n",
		 "read 8,16 0+4096 @7; "},
		{"blkparse", "8,0 0 0 0.000000000 0 m N cfq1234A / served: vt=1\n", ""},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

Test(trace_formats, an_msr_disk_is_named_by_host_and_number)
{
	static const struct row rows[] = {
		{"msr",
		 "128166372003061629,usr,0,Read,7014609920,24576,41286\n"
		 "128166372003061630,src1,0,Write,0,512,1\r\n"
		 " 1 , usr , 0 , Read , 1 , 2 , 3",
		 "read usr.0 7014609920+24576 @12816637200306162900; "
		 "write src1.0 0+512 @12816637200306163000; read usr.0 1+2 @100; "},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

Test(trace_formats, fsx_operations_have_numbers_as_in_c_and_skipped_ones_do_not_count)
{
	static const struct row rows[] = {
		{"fsx", "# c\n\nwrite 0x10 010 0\nread 16 0X8 0x18 * close_open\nskip read 0 1 2\n",
		 "write file 16+8; read file 16+8 reopen; "},
		{"fsx",
		 "copy_range 0 1 2 3\nclone_range 0 0x1000 0x2000 3\ndedupe_range 1 2 3 4\n"
		 "exchange_range 1 2 3 4",
		 "copy file 0+1 >2; clone file 0+4096 >8192; dedupe file 1+2 >3; "
		 "exchange file 1+2 >3; "},
		{"fsx",
		 "fallocate 1 2 3 keep_size unshare\nzero_range 1 2 3\npunch_hole 1 2 3\n"
		 "collapse_range 1 2 3\ninsert_range 1 2 3\ntruncate 0 2 3\nfsync 0 0 3\n"
		 "mapread 1 2 3\nmapwrite 1 2 3\nread_dontcache 1 2 3\nwrite_dontcache 1 2 3\n"
		 "write_atomic 1 2 3\n",
		 "fallocate file 1+2 keep unshare; zero file 1+2; punch file 1+2; "
		 "collapse file 1+2; insert file 1+2; truncate file 0+2; sync file 0+0; "
		 "mapread file 1+2; mapwrite file 1+2; read file 1+2; write file 1+2; "
		 "write file 1+2; "},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

/* A record: u32 seconds, u64 object, u32 size, i64 next access, little-endian. */
#define RECORD(seconds, object) seconds "\0\0\0" object "\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"

#define UUID_A "2453070e-698b-4d46-a0cb-d4466bccc7a0"
#define UUID_B "d870bc9e-c238-bb48-8219-c08d9f4ced27"
#define SUBVOL "subvol ./s uuid=" UUID_A " transid=8\n"

Test(trace_formats, a_dump_of_a_send_stream_is_read_with_its_escapes)
{
	static const struct row rows[] = {
		{"receive", SUBVOL "mkfile          ./s/o257-7-0\r\n\r\nmkdir ./s/d",
		 "subvol ./s 0+0; mkfile ./s/o257-7-0 0+0; mkdir ./s/d 0+0; "},
		{"receive",
		 SUBVOL "snapshot ./t uuid=" UUID_B " transid=9 parent_uuid=" UUID_A
			" parent_transid=8\nlink ./t/n dest=a\n",
		 "subvol ./s 0+0; snapshot ./t 0+0 & ./s; link ./t/n 0+0 & ./t/a; "},
		{"receive", "rename ./s/o\\ 1 dest=./s/a\\tb\\\\c\\303\\251\\ \n",
		 "rename ./s/o 1 0+0 & ./s/a\tb\\c\303\251 ; "},
		{"receive", "unlink ./s/end\\ \nrmdir ./s/d\n",
		 "unlink ./s/end  0+0; rmdir ./s/d 0+0; "},
		{"receive", "rename ./s/a dest=./s/not escaped\n",
		 "rename ./s/a 0+0 & ./s/not escaped; "},
		{"receive",
		 "write ./s/a    offset=4096 len=49152\nupdate_extent ./s/a offset=0 len=5\n",
		 "write ./s/a 4096+49152; write ./s/a 0+5; "},
		{"receive",
		 "clone ./s/b offset=8192 len=4096 from=./s/x clone_offset=1 y "
		 "clone_offset=12288\n",
		 "clone ./s/x clone_offset=1 y 12288+4096 & ./s/b >8192; "},
		{"receive", "clone ./s/b offset=0 len=1 from=./s/x\\ty clone_offset=0\n",
		 "clone ./s/x\ty 0+1 & ./s/b; "},
		{"receive",
		 "encoded_write ./s/a offset=0 len=77, unencoded_file_len=131072, "
		 "unencoded_len=131072, unencoded_offset=0, compression=2, encryption=0\n",
		 "write ./s/a 0+131072; "},
		{"receive", "truncate ./s/a size=150000\n", "truncate ./s/a 0+150000; "},
		{"receive",
		 "fallocate ./s/a mode=1 offset=0 len=9\nfallocate ./s/a mode=3 offset=1 len=8\n"
		 "fallocate ./s/a mode=16 offset=2 len=7\nfallocate ./s/a mode=8 offset=0 "
		 "len=4096\n",
		 "fallocate ./s/a 0+9 keep; punch ./s/a 1+8 keep; zero ./s/a 2+7; "
		 "unknown ./s/a 0+4096; "},
		{"receive",
		 "set_xattr ./s/a name=user.x data=v w len=3\nchown ./s/ gid=0 uid=0\n"
		 "symlink ./s/l dest=a b\nmknod ./s/n mode=20644 dev=0x103\nmkfifo ./s/f\n",
		 "metadata ./s/a 0+0; metadata ./s/ 0+0; mkspecial ./s/l 0+0; mkspecial ./s/n 0+0; "
		 "mkspecial ./s/f 0+0; "},
	};

	check_events(rows, G_N_ELEMENTS(rows));
}

Test(trace_formats, the_form_of_a_trace_that_can_be_replayed_is_told_from_its_lines)
{
	static const struct row rows[] = {
		{"fsx", "# a comment\n\nskip read 0x0 0x1 0x0\n", NULL},
		{"fsx", "rubbish\nwrite 0x0 0x1 0x0\n", NULL},
		{"iolog", "fio version 3 iolog\n", NULL},
		{"receive", SUBVOL, NULL},
		{NULL, "write ./s/a offset=0 len=1\n", NULL},
		{NULL, "", NULL},
	};
	g_autofree char *folder = g_dir_make_tmp("trace-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "t", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		const struct trace_format *format;

		cr_assert(g_file_set_contents(path, rows[i].text, -1, NULL));
		format = trace_guess(path, &error);
		cr_expect_str_eq(format ? format->name : "none",
				 rows[i].format ? rows[i].format : "none", "%s", rows[i].text);
		cr_expect_eq(!format, !!error);
	}
	g_unlink(path);
	g_rmdir(folder);
}

Test(trace_formats, oracle_records_are_little_endian_and_an_object_of_size_0_counts)
{
	static const char bytes[] = RECORD(
		"\x02",
		"\x01\x02\0\0\0\0\0\x80") "\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	struct reading reading = read_bytes("oracleGeneral", bytes, sizeof(bytes) - 1, false);

	cr_expect_null(reading.error, "%s", reading.error);
	cr_expect_str_eq(reading.events->str, "object 9223372036854776321 @2000000000; object 5; ",
			 "%s", reading.events->str);
	reading_clear(&reading);
}

Test(trace_formats, a_record_cut_off_is_reported_with_its_number)
{
	static const char bytes[] = RECORD("\x02", "\x01\x02\0\0\0\0\0\0") "\x01\0\0\0\x01";
	struct reading reading = read_bytes("oracleGeneral", bytes, sizeof(bytes) - 1, false);

	cr_assert(reading.error);
	cr_expect_str_eq(reading.error,
			 "t: record 2: error: the trace ends within a record: 5 of its 24 bytes");
	reading_clear(&reading);
	reading = read_bytes("oracleGeneral", bytes, sizeof(bytes) - 1, true);
	cr_expect_null(reading.error);
	cr_expect_eq(reading.skipped, 1);
	cr_expect_str_eq(reading.events->str, "object 513 @2000000000; ");
	reading_clear(&reading);
}

#define V2 "fio version 2 iolog\n"
#define V3 "fio version 3 iolog\n"
#define NUMBER63 "a number up to 9223372036854775807"

/* Each has one bad line, whose complaint follows "t:". */
static const struct broken {
	const char *format, *text, *complaint;
} broken[] = {
	{"iolog", V2 "f read 0\n", "2:9: error: expected the length, but the line ends"},
	{"iolog", V2 "f read 0 1 2\n", "2:12: error: a word too many"},
	{"iolog", V2 "f add 1\n", "2:7: error: a word too many"},
	{"iolog", V2 "f\n",
	 "2:2: error: expected add, open, close, read, write, trim, sync, datasync or wait, got "
	 "\"\""},
	{"iolog", V2 "f open\nf raed 0 1",
	 "3:3: error: expected add, open, close, read, write, trim, sync, datasync or wait, got "
	 "\"raed\""},
	{"iolog", V2 "f read -1 1\n", "2:8: error: expected the offset, " NUMBER63 ", got \"-1\""},
	{"iolog", V2 "f read 99999999999999999999999 1\n",
	 "2:8: error: expected the offset, " NUMBER63 ", got \"99999999999999999999999\""},
	{"iolog", V2 "f read 9223372036854775807 1\n",
	 "2: error: the range ends beyond 2^63 bytes"},
	{"iolog", V2 "f read 0 4294967296\n",
	 "2:10: error: expected the length, a number up to 4294967295, got \"4294967296\""},
	{"iolog", V3 "f read 0 4096\n",
	 "2:1: error: expected the time stamp, a number up to 9223372036854775, got \"f\""},
	{"iolog", V3 "7\n", "2:2: error: expected a file, but the line ends"},
	{"blkparse", "nonsense\n",
	 "1:9: error: expected device, CPU, sequence, time, pid, action and RWBS, but the line "
	 "ends"},
	{"blkparse", "8.16 0 1 0.000000000 1 Q R 1 + 8 [a]\n",
	 "1:1: error: expected the device as MAJOR,MINOR"},
	{"blkparse", "8,16 0 1 0.0 1 Q R 1 + 8 [a]\n",
	 "1:10: error: expected the time as SECONDS.NANOSECONDS"},
	{"blkparse", "8,16 0 1 0.000000000 1 Q r 1 + 8 [a]\n",
	 "1:26: error: expected letters such as R, WS or FWFSM"},
	{"blkparse", "8,16 0 1 0.000000000 1 Q R 1\n", "1:29: error: expected + behind the sector"},
	{"blkparse", "8,16 0 1 0.000000000 1 Q R x + 8 [a]\n",
	 "1:28: error: expected the sector, a number up to 18014398509481983, got \"x\""},
	{"blkparse", "8,16 0 1 0.000000000 1 Q R 1 + [a]\n",
	 "1:32: error: expected the number of sectors, a number up to 18014398509481983, got "
	 "\"[a]\""},
	{"blkparse", "8,16 0 1 0.000000000 1 Q W 1 + 8388608 [a]\n",
	 "1: error: a request of 4294967296 bytes: 2^32 - 1 are the most that a kernel takes in "
	 "one"},
	{"msr", "1,h,0,Read,0,512\n", "1:17: error: expected 7 fields, got 6"},
	{"msr", "1,h,0,Read,0,512,1,2\n", "1:20: error: expected 7 fields, got more"},
	{"msr", "1,h,0,Raed,0,512,1\n", "1:7: error: expected Read or Write, got \"Raed\""},
	{"msr", "1,h,0,Read,0x5,512,1\n",
	 "1:12: error: expected the offset, " NUMBER63 ", got \"0x5\""},
	{"msr", "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n",
	 "1:1: error: expected the timestamp, a number up to 184467440737095516, got "
	 "\"Timestamp\""},
	{"fsx", "raed 0 0 0\n", "1:1: error: expected an operation of fsx, got \"raed\""},
	{"fsx", "skip\n", "1:5: error: expected an operation of fsx, got \"\""},
	{"fsx", "read 0 08 0\n", "1:8: error: expected the length, " NUMBER63 ", got \"08\""},
	{"fsx", "copy_range 0 1 2\n", "1:17: error: expected the file size, but the line ends"},
	{"fsx", "fsync 0 0 0 keepsize\n",
	 "1:13: error: expected keep_size, close_open, unshare or *, got \"keepsize\""},
	{"fsx", "clone_range 0 2 0x7fffffffffffffff 0\n",
	 "1: error: the range ends beyond 2^63 bytes"},
	{"receive", "wirte ./s/a offset=0 len=1\n",
	 "1:1: error: expected a command of a send stream, got \"wirte\""},
	{"receive", "mkfile\n", "1:7: error: expected a path, but the line ends"},
	{"receive", "mkfile ./s/a b\n", "1:14: error: a word too many"},
	{"receive", "mkfile ./s/a\\q\n", "1:13: error: no escape that btrfs receive writes"},
	{"receive", "mkfile ./s/a\\000\n", "1:13: error: no escape that btrfs receive writes"},
	{"receive", "mkfile ./s/a\\37", "1:13: error: no escape that btrfs receive writes"},
	{"receive", "mkfile ./s/a\\", "1:13: error: no escape that btrfs receive writes"},
	{"receive", "write ./s/a\\ \n", "1:14: error: expected offset="},
	{"receive", "write ./s/a offset=0", "1:21: error: expected len="},
	{"receive", "write ./s/a offset=0 le", "1:22: error: expected len="},
	{"receive", "write ./s/a offset=0 len=-1\n",
	 "1:26: error: expected the len, " NUMBER63 ", got \"-1\""},
	{"receive", "write ./s/a offset=99999999999999999999 len=1\n",
	 "1:20: error: expected the offset, " NUMBER63 ", got \"99999999999999999999\""},
	{"receive", "write ./s/a offset=9223372036854775807 len=1\n",
	 "1: error: the range ends beyond 2^63 bytes"},
	{"receive", "write ./s/a offset=0 len=4294967296\n",
	 "1: error: a request of 4294967296 bytes: 2^32 - 1 are the most that a kernel takes in "
	 "one"},
	{"receive", "truncate ./s/a offset=0\n", "1:16: error: expected size="},
	{"receive", "rename ./s/a ./s/b\n", "1:14: error: expected dest="},
	{"receive", "link ./s/a dest=b\n", "1: error: no subvol or snapshot stands before this"},
	{"receive", "clone ./s/a offset=0 len=1 from= clone_offset=0\n",
	 "1:33: error: expected a path"},
	{"receive", "clone ./s/a offset=0 len=1 from=./s/b\n",
	 "1:38: error: expected clone_offset="},
	{"receive", "subvol ./s uuid=2453070e transid=8\n", "1:17: error: expected a UUID"},
	{"receive",
	 "snapshot ./t uuid=" UUID_B " transid=9 parent_uuid=" UUID_A " parent_transid=8\n",
	 "1:66: error: the parent is not in this trace: its dump belongs before this"},
};

static void check_broken(const struct broken *row)
{
	g_autofree char *place = g_strconcat("t:", row->complaint, NULL);
	g_autofree char *report = g_strdup(place);
	struct reading reading = read_bytes(row->format, row->text, strlen(row->text), false);
	char *severity;

	cr_expect_str_eq(reading.error ? reading.error : "no error", place);
	cr_expect_eq(reading.code, TRACE_ERROR_BAD);
	reading_clear(&reading);
	reading = read_bytes(row->format, row->text, strlen(row->text), true);
	severity = strstr(report, ": error: ");
	*severity = '\0';
	cr_expect(g_str_has_prefix(reading.reports->str, report), "%s", reading.reports->str);
	cr_expect(strstr(reading.reports->str, severity + strlen(": error: ")), "%s",
		  reading.reports->str);
	cr_expect(strstr(reading.reports->str, ": warning: "), "%s", reading.reports->str);
	cr_expect_null(reading.error, "%s", reading.error);
	cr_expect_eq(reading.skipped, 1, "%s", row->text);
	reading_clear(&reading);
}

Test(trace_formats, a_bad_line_is_an_error_with_its_place_or_reported_and_counted)
{
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
		check_broken(&broken[i]);
}

Test(trace_formats, lines_after_a_bad_one_still_count)
{
	static const char text[] = V2 "f read 0 1\nf read\nf write 1 2\nx\nf read 3 4\n";
	struct reading reading = read_bytes("iolog", text, strlen(text), true);

	cr_expect_null(reading.error, "%s", reading.error);
	cr_expect_eq(reading.skipped, 2);
	cr_expect_str_eq(reading.events->str, "read f 0+1; write f 1+2; read f 3+4; ");
	reading_clear(&reading);
}

Test(trace_formats, an_iolog_of_unknown_version_is_refused_even_where_bad_lines_are_skipped)
{
	static const char *const texts[] = {"f read 0 1\n", "fio version 1 iolog\n",
					    "fio version 4 iolog\nf read 0 1\n"};

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct reading reading = read_bytes("iolog", texts[i], strlen(texts[i]), true);

		cr_assert(reading.error, "%s", texts[i]);
		cr_expect(g_str_has_prefix(reading.error, "t:1:1: error: expected \"fio version 2"),
			  "%s", reading.error);
		reading_clear(&reading);
	}
}

Test(trace_formats, a_nul_byte_is_no_text)
{
	static const char *const formats[] = {"keys", "iolog", "blkparse", "msr", "fsx", "receive"};

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		struct reading reading = read_bytes(formats[i], "a\0b\n", 4, false);

		cr_assert(reading.error, "%s", formats[i]);
		cr_expect_str_eq(reading.error, "t:1:2: error: a NUL byte: this is no text");
		reading_clear(&reading);
	}
}

/* Longer than the reader's buffer, so that it is passed over in pieces. */
Test(trace_formats, an_endless_line_is_one_bad_line)
{
	enum { LONG = 5 << 20 };
	GString *text = g_string_new("a\n");
	struct reading reading;

	for (int i = 0; i < LONG; i++)
		g_string_append_c(text, 'x');
	g_string_append(text, "\nb\na");
	reading = read_bytes("keys", text->str, text->len, true);
	cr_expect_null(reading.error, "%s", reading.error);
	cr_expect_str_eq(reading.events->str, "object 0; object 1; object 0; ");
	cr_expect_str_eq(reading.reports->str,
			 "t:2: warning: the line is longer than 1048576 bytes\n");
	reading_clear(&reading);
	g_string_free(text, TRUE);
}

Test(trace_formats, lines_across_the_ends_of_the_buffer_are_whole)
{
	GString *text = g_string_new(NULL), *events = g_string_new(NULL);
	struct reading reading;

	for (unsigned int i = 0; i < 300000; i++) {
		g_string_append_printf(text, "key %u\n", i);
		g_string_append_printf(events, "object %u; ", i);
	}
	reading = read_bytes("keys", text->str, text->len, false);
	cr_expect(g_string_equal(reading.events, events), "some key was taken apart");
	reading_clear(&reading);
	g_string_free(text, TRUE);
	g_string_free(events, TRUE);
}

Test(trace_formats, what_can_not_be_opened_says_why)
{
	const struct trace_options options = {.format = trace_formats[0]};
	GError *error = NULL;

	cr_expect_null(trace_open("/nowhere/t", &options, &error));
	cr_assert(error);
	cr_expect_eq(error->code, TRACE_ERROR_CANT_WORK);
	cr_expect_str_eq(error->message,
			 "/nowhere/t: error: can't read the trace: No such file or directory");
	g_clear_error(&error);
	cr_expect_null(trace_open("/", &options, &error));
	cr_assert(error);
	cr_expect_eq(error->code, TRACE_ERROR_BAD);
	g_clear_error(&error);
}

Test(trace_formats, an_interruption_ends_a_trace_without_events)
{
	static const volatile int interrupted = 1;
	const struct trace_options options = {.format = find_format("keys"),
					      .interrupted = &interrupted};
	g_autofree char *blank = g_strnfill(1 << 17, '\n'), *path = NULL;
	struct trace_event event;
	struct trace *trace;
	GError *error = NULL;
	int fd = g_file_open_tmp("trace-XXXXXX", &path, NULL);

	cr_assert_geq(fd, 0);
	g_close(fd, NULL);
	cr_assert(g_file_set_contents(path, blank, -1, NULL));
	trace = trace_open(path, &options, &error);
	cr_assert(trace, "%s", error ? error->message : "");
	cr_expect_eq(trace_next(trace, &event, &error), TRACE_NEXT_FAILED);
	cr_assert(error);
	cr_expect_eq(error->code, TRACE_ERROR_INTERRUPTED);
	g_error_free(error);
	trace_close(trace);
	g_unlink(path);
}

/* Bytes of good traces changed, taken out or repeated: each line is read or reported, none crashes. */
static void mutate(GByteArray *bytes, uint64_t draw)
{
	guint at = (guint)(draw % bytes->len);
	guint8 byte = (guint8)(draw >> 40);

	if (draw >> 62 == 0)
		g_byte_array_remove_range(bytes, at, MIN(bytes->len - at, (guint)byte % 40));
	else if (draw >> 62 == 1)
		g_byte_array_set_size(bytes, at + 1);
	else
		bytes->data[at] = draw >> 61 & 1 ? byte : (guint8) "\\ =\n\r,0x9"[byte % 9];
}

Test(trace_formats, traces_that_were_damaged_are_read_or_reported)
{
	static const struct row files[] = {
		{"receive", "tests/data/traces/receive.dump", NULL},
		{"fsx", "tests/data/traces/fsx.ops", NULL},
		{"iolog", "tests/data/traces/fio-v3.log", NULL},
		{"iolog", "tests/data/traces/fio-v2.log", NULL},
	};
	uint64_t draw = 1;

	/* read_bytes() changes the folder. */
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *top = g_get_current_dir();
		g_autofree char *text = NULL;
		gsize length;

		cr_assert(g_file_get_contents(files[i].text, &text, &length, NULL));
		for (int round = 0; round < 60; round++) {
			GByteArray *bytes = g_byte_array_new();
			struct reading reading;

			g_byte_array_append(bytes, (const guint8 *)text, (guint)length);
			for (int n = 0; n < 5 && bytes->len; n++) {
				draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407u;
				mutate(bytes, draw);
			}
			reading = read_bytes(files[i].format, (const char *)bytes->data, bytes->len,
					     true);
			cr_expect(!reading.error || reading.code == TRACE_ERROR_BAD);
			reading_clear(&reading);
			g_byte_array_free(bytes, TRUE);
		}
		cr_assert_eq(chdir(top), 0);
	}
}
