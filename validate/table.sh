#!/bin/sh
# table.sh PROGRAM DOCUMENT SECTION [GROUP...]: writes what `validate` prints of the groups (none named: those
# that need nothing of this machine) into a document, between the lines
# "<!-- table SECTION -->" and "<!-- end SECTION -->".
set -eu
program=$1 document=$2 section=$3
shift 3
for mark in table end; do
	grep -q "^<!-- $mark $section -->\$" "$document" && continue
	echo "table: $document has no line <!-- $mark $section -->" >&2
	exit 2
done
table=$(mktemp)
trap 'rm -f "$table" "$document.new"' EXIT
"$program" validate -q --format markdown -o "$table" "$@" || [ $? = 1 ]
awk -v section="$section" -v table="$table" '
	$0 == "<!-- end " section " -->" { inside = 0 }
	!inside { print }
	$0 == "<!-- table " section " -->" { inside = 1; while ((getline line < table) > 0) print line }
' "$document" >"$document.new"
mv "$document.new" "$document"
