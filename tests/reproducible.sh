#!/bin/sh
# One scenario and seed give the same result document, byte for byte, whatever built the program
# and wherever it runs. usage: reproducible.sh SCRATCH; from the top of the sources.
set -eu
out=$1
rm -rf "$out" && mkdir -p "$out"
printf '%s\n' 'addkey K' 'policy . K' 'write a 0 8m' 'sync' 'randwrite a 8m 4k 100 42 fsync' \
	'snapshot . s a' 'randwrite a 8m 4k 50 1 none' 'sync' 'dropcaches' 'read a 0 8m' \
	'read s/a 0 8m' 'rmkey K' >"$out/keys.ops"

programs=
build() { # NAME, then arguments of make
	name=$1
	shift
	make -s -j2 B="build/$name" PROG="build/$name/extentsim" "$@" all >"$out/$name.log" 2>&1 ||
		{ cat "$out/$name.log" >&2; exit 1; }
	programs="$programs $name"
}
build debug V=debug
build o3 V=o3
build asan V=asan
if command -v clang >/dev/null; then
	build clang V=release CC=clang
else
	echo 'reproducible: skipped: clang is not installed'
fi

comma=$(locale -a 2>/dev/null | grep -m1 -iE '^(de_DE|fr_FR|it_IT|es_ES).*utf' || true)
[ "$comma" ] || echo 'reproducible: skipped: no locale with a decimal comma is installed'

same() { # LABEL PROGRAM JOBS LOCALE ZONE, then what to run
	label=$1 program=$2 jobs=$3 locale=$4 zone=$5
	shift 5
	name=$(basename "$1")
	file="$out/$name.$label.json" first="$out/$name.first.json"
	LC_ALL=$locale TZ=$zone timeout 120 "build/$program/extentsim" run "$@" \
		--format json -q "-j$jobs" >"$file"
	[ -e "$first" ] || cp "$file" "$first"
	cmp "$first" "$file" || { echo "reproducible: $name: $label differs" >&2; exit 1; }
	compared=$((compared + 1))
}
both() { # LABEL PROGRAM JOBS LOCALE ZONE
	same "$@" first-run --replications 2 --set actors.readers.operations=30 \
		--set actors.writers.operations=20
	same "$@" "$out/keys.ops" --variant 'none: design=none' \
		--variant 'l: design=lightweight setup=pool pool.map=true' \
		--variant 'h: design=heavyweight setup=pool pool.size=2'
}
compared=0
for program in $programs; do
	both "$program-j1" "$program" 1 C UTC
	both "$program-j2" "$program" 2 C.UTF-8 Asia/Tokyo
	[ -z "$comma" ] || both "$program-comma" "$program" 2 "$comma" America/New_York
done
if grep -l -F -e "$(pwd)" -e "$out" "$out"/*.json; then
	echo 'reproducible: a path of this machine is in these documents' >&2
	exit 1
fi
echo "reproducible: $compared documents of$programs are the same to the byte"
