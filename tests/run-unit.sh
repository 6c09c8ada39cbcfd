#!/bin/sh
# run-unit.sh BINARY REPORTDIR [criterion options]: the only way to start the unit tests.
# Criterion 2.4.1 calls some runs a success in which nothing was tested, so the report is checked.
set -u
bin=$1 out=$2
shift 2
export LC_ALL=C LANGUAGE='' G_DEBUG=fatal-criticals
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1
mkdir -p "$out"
rm -f "$out/unit.xml"
timeout -k 10 "${CHECK_TIMEOUT:-900}" "$bin" "--xml=$out/unit.xml" "$@"
rc=$?
[ -s "$out/unit.xml" ] || { echo "run-unit: no report was written" >&2; [ $rc != 0 ] || rc=4; }
exit $rc
