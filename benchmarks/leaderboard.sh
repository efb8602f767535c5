#!/usr/bin/env bash
# Runs what the leaderboard of ruleset mini lacks and scores it: make leaderboard [SUBMISSION=my_lion]
# Without a name, all of submissions/. Interrupt it at any moment: the same command goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
kit=.venv/bin/kit
# A leaderboard has one version of its ruleset. That of version 1 keeps its folder; it is complete.
version=$(sed -n 's/^version: "\([0-9]*\)".*/\1/p' rules/mini.yaml)
board=benchmarks/mini-$version
workloads=imagenet_resnet,criteo1tb,fastmri

mkdir -p $board
[ -e $board/mini.yaml ] || cp rules/mini.yaml $board/mini.yaml
if ! cmp -s rules/mini.yaml $board/mini.yaml; then
    echo "Error: rules/mini.yaml has changed since this leaderboard was started, but not its version." \
        "Restore the file, or raise its version to start another leaderboard." >&2
    exit 2
fi

names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(dirname submissions/*/submission.yaml | xargs -n 1 basename)
for name in "${names[@]}"; do
    # 1: a trial failed or broke a rule; that is a result like any other.
    $kit study --submission "$name" --workloads $workloads --studies 1 --results $board/results || [ $? = 1 ]
done

# Who signed: the keys stand beside the records, so that everybody scores them alike.
own=$($kit keys show --name "${STOPWATCH_KEY:-development}" --json | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["keys"][0]["public_key"])')
grep -qx "$own" $board/public_keys.txt 2>/dev/null || echo "$own" >>$board/public_keys.txt
mapfile -t keys < <(sed 's/^/--trusted-key=/' $board/public_keys.txt)
$kit score $board/results --ruleset $board/mini.yaml --workloads $workloads --studies 1 --held-out none "${keys[@]}" \
    --markdown $board/leaderboard.md --csv $board/leaderboard.csv
