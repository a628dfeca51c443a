#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other: go test takes only one at a time.
# Usage: scripts/fuzz.sh <time, such as 10s>
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?"how long for each target?"}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz <name> <package>: Go's fuzzer sometimes takes the end of its own time for a failure and says nothing but
# "context deadline exceeded" (golang/go#75804). Such a run has found nothing, and is done once more. Whatever else fails,
# a failing input above all, fails.
fuzz() {
	local attempt
	for attempt in 1 2 3; do
		echo "== fuzz $1 in $2, $duration"
		if go test -run '^$' -fuzz "^$1\$" -fuzztime "$duration" "$2" 2>&1 </dev/null | tee "$log"; then
			return 0
		fi
		if grep -qE 'Failing input|panic:|_test\.go:|build failed' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
			return 1
		fi
		echo "the fuzzer ran out of its own time (attempt $attempt)"
	done
	return 1
}

# go test -list prints the targets of a package and then a line with the package's name.
mapfile -t packages < <(go list ./... | grep -v /e2e)
targets=$(go test -list '^Fuzz' "${packages[@]}" |
	awk '/^Fuzz/ { names[++n] = $1 } $1 == "ok" { for (i = 1; i <= n; i++) print names[i], $2; n = 0 }')
while read -r name package; do
	fuzz "$name" "$package"
done <<<"$targets"
