#!/bin/sh
# library.sh PROGRAM README BASELINES [write | renew WHY]: runs every scenario of the library. Its claims
# must hold, its row of the table in README must have its answer, and its figures must pass the gate of its
# baseline. With `write` the table is made anew, with `renew` the baselines are, for the reason given.
set -u
program=$1 readme=$2 baselines=$3 mode=${4:-} why=${5:-}
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

# gate NAME OPTION...: the result of the run, or where that was one document, the scenario run again.
gate() {
	baseline=$baselines/$1.json
	shift
	if [ -d "$work/out" ]; then
		"$program" gate "$baseline" "$@" "$work/out"
	else
		"$program" gate "$baseline" "$@" --run -q
	fi
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
	rm -rf "$work/out"
	"$program" run "$name" -q --format answer -o "$work/out" >"$work/answer" 2>"$work/errors" \
		</dev/null
	status=$?
	[ -d "$work/out" ] || mv "$work/out" "$work/answer"
	row "$name" >"$work/row"
	cat "$work/row" >>"$work/after"
	if [ "$status" != 0 ]; then
		verdict=FAILS why_not="exit status $status"
	elif [ -z "$mode" ] && ! grep -qxFf "$work/row" "$work/before"; then
		verdict=FAILS why_not="another answer than in $readme:"
		cp "$work/row" "$work/errors"
	elif [ "$mode" = renew ] && ! gate "$name" --update --why "$why" >"$work/errors" 2>&1; then
		verdict=FAILS why_not="can't renew its baseline"
	elif [ -z "$mode" ] && ! gate "$name" >"$work/errors" 2>&1; then
		verdict=FAILS why_not="does not pass its gate:"
	else
		verdict=holds why_not=
		: >"$work/errors"
	fi
	say "$name" "$verdict" $(($(date +%s) - begin)) "$why_not"
	cat "$work/errors"
done <"$work/names"

if [ "$mode" = write ]; then
	awk -v rows="$work/after" '
		/^\| .*`extentsim run / { next }
		{ print }
		/^\|---/ { while ((getline line < rows) > 0) print line }' "$readme" >"$work/readme" &&
		cat "$work/readme" >"$readme"
fi
exit $rc
