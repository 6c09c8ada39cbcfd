#!/bin/sh
# library.sh PROGRAM README [write]: runs every scenario of the library. Its claims must hold, and its
# row of the table in README must have its answer; with `write` the table is made anew.
set -u
program=$1 readme=$2 write=${3:-}
rc=0
work=$(mktemp -d) || exit 5
trap 'rm -rf "$work"' EXIT

# row NAME: the table's line, out of what the scenario and its run say.
row() {
	question=$("$program" list scenarios | sed -n "s/^$1  *//p" | sed 's/|/\\|/g')
	{ tr '\n' ' ' <"$work/answer"; echo; } |
		sed -e 's/^Answer: //' -e 's/ *Depends on: /\t/' -e 's/  */ /g' -e 's/ $//' \
			-e 's/|/\\|/g' |
		awk -F '\t' -v question="$question" -v name="$1" '
			{ printf "| %s | `extentsim run %s` | %s | %s |\n", question, name, $1, $2 }'
}

# say NAME WORD SECONDS [WHY]
say() {
	printf '%-20s %-5s %4d s%s\n' "$1" "$2" "$3" "${4:+  $4}"
	[ "$2" = holds ] || rc=1
}

# The table's order, then what it lacks.
grep '^| .*`extentsim run ' "$readme" >"$work/before"
sed 's/.*`extentsim run \([^` ]*\)`.*/\1/' "$work/before" >"$work/names"
"$program" list scenarios | awk '{ print $1 }' | grep -vxFf "$work/names" >>"$work/names"

while read -r name; do
	begin=$(date +%s)
	"$program" run "$name" -q --format answer >"$work/answer" 2>"$work/errors" </dev/null
	status=$?
	row "$name" >"$work/row"
	cat "$work/row" >>"$work/after"
	took=$(($(date +%s) - begin))
	if [ "$status" != 0 ]; then
		say "$name" FAILS "$took" "exit status $status"
		cat "$work/errors"
	elif [ -z "$write" ] && ! grep -qxFf "$work/row" "$work/before"; then
		say "$name" FAILS "$took" "another answer than in $readme:"
		cat "$work/row"
	else
		say "$name" holds "$took"
	fi
done <"$work/names"

if [ -n "$write" ]; then
	awk -v rows="$work/after" '
		/^\| .*`extentsim run / { next }
		{ print }
		/^\|---/ { while ((getline line < rows) > 0) print line }' "$readme" >"$work/readme" &&
		cat "$work/readme" >"$readme"
fi
exit $rc
