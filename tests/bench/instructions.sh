#!/bin/sh
# instructions.sh BENCH WORK...: instructions per customer, by valgrind, as the difference of two run
# lengths, so that start-up is gone.
set -eu
bench=$1
shift
command -v valgrind >/dev/null || { echo "instructions: not counted, there is no valgrind"; exit 0; }
count() {
	valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null \
		"$bench" --only "$1" "$2" 2>&1 | sed -n 's/.*I *refs: *//p' | tr -d ,
}
echo "instructions per customer (valgrind, difference of two run lengths)"
for work; do
	short=$(count "$work" 50000)
	long=$(count "$work" 150000)
	printf '%-28s %8d\n' "$work" $(((long - short) / 100000))
done
