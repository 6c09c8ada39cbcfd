#!/bin/sh
# documented.sh PROGRAM DOCUMENT: what docs/ci.md shows is run as it stands there, in a repository of one
# scenario, whose baseline holds, and then does not. The workflow's steps are those that say `run`.
set -eu
program=$(realpath "$1") document=$(realpath "$2") top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir scenarios baselines
python3 - "$document" <<'END'
import re, sys, yaml
text = open(sys.argv[1]).read()
workflow = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S).group(1))
steps = workflow["jobs"]["gate"]["steps"]
assert "pull_request" in workflow[True] and any("checkout" in s.get("uses", "") for s in steps)
open("workflow.sh", "w").write("set -e\n" + "\n".join("(\n" + s["run"] + ")" for s in steps if "run" in s))
open("gate.sh", "w").write(re.search(r"```sh\n(.*?)```", text, re.S).group(1))
END
cat >scenarios/one.json <<'END'
{"question": "What do two reads take?", "replications": 3,
 "actors": [{"name": "w", "kind": "script", "script":
  ["addkey K", "policy . K", "write f 0 1m", "sync", "dropcaches", "read f 0 1m"]}],
 "variants": {"p": {"design": "lightweight", "setup": "pool"}}}
END
ln -s "$top" extentsim
export EXTENTSIM="$program" GITHUB_STEP_SUMMARY="$work/summary"

both() { # STATUS of the workflow, STATUS of the script
	rm -rf results junit summary
	status=0
	bash workflow.sh >log 2>&1 || status=$?
	[ "$status" = "$1" ] || { cat log; echo "the workflow exits $status, not $1"; exit 1; }
	if [ "$2" != 3 ]; then
		grep -q '^### extentsim gate: ' summary
		xmllint --noout --schema "$top/tests/gate/junit.xsd" junit/one.xml 2>log ||
			{ cat log; exit 1; }
	fi
	status=0
	sh gate.sh >log 2>&1 || status=$?
	[ "$status" = "$2" ] || { cat log; echo "the script exits $status, not $2"; exit 1; }
}
"$program" gate --update baselines/one.json --why 'it begins' --run scenarios/one.json -q
both 0 0
sed -i 's/\("key.derivations": {"value": \)2\(.*"interval": \)\[2, 2\]\(.*"by_seed": \)\[2, 2, 2\]/\11\2[1, 1]\3[1, 1, 1]/' \
	baselines/one.json
both 1 1
sed -i 's/two reads/three reads/' scenarios/one.json
both 1 3
echo 'documented: the workflow and the script do as the page says'
