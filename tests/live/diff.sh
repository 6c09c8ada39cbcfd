#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# diff.sh [N] [SEED0]: hold the btrfs model against a real btrfs on N random scripts (root).
# PROFILES and OPS choose what is drawn; what differs stays in build/live/.
set -u
n=${1:-20} seed=${2:-1}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
program=${EXTENTSIM:-$top/build/extentsim}
out=${OUT:-$top/build/live}
set -- ${PROFILES:-fuzz mixed inline prealloc nocow zstd reflink balance defrag dedupe snapshot \
	append dio manyleaf}
mkdir -p "$out" || exit 5
same=0 differ=0 i=0
while [ $i -lt "$n" ]; do
	eval "profile=\${$((i % $# + 1))}"
	name=$out/$profile-$((seed + i))
	python3 "$here/random_ops.py" $((seed + i)) --profile "$profile" --ops "${OPS:-40}" \
		>"$name.ops" &&
		python3 "$here/record.py" "$name.ops" -o "$name.json" || exit 5
	if timeout 20 "$program" layout "$name.ops" >"$name.model.json" 2>"$name.err" &&
		python3 "$here/compare.py" "$name.json" "$name.model.json"; then
		same=$((same + 1))
		rm -f "$name".*
	else
		differ=$((differ + 1))
		[ ! -s "$name.err" ] || sed "s|^|$(basename "$name"): |" "$name.err"
	fi
	i=$((i + 1))
done
echo "live: $same of $n scripts equal, $differ differ (kept in $out)"
[ $differ -eq 0 ]
