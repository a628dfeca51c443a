#!/usr/bin/env bash
# Runs every fuzz target for a while. Each package is built once, and its targets take turns.
# Usage: scripts/fuzz.sh <time, such as 10s>
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?"how long for each target?"}
built=$PWD/bin/test/fuzz
mkdir -p "$built"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz <name> <package> <directory> <binary>: Go's fuzzer sometimes takes the end of its own time for a failure and says
# nothing but "context deadline exceeded" (golang/go#75804). Such a run has found nothing, and is done once more. Whatever
# else fails, a failing input above all, fails.
fuzz() {
	local attempt
	for attempt in 1 2 3; do
		echo "== fuzz $1 in $2, $duration"
		if (cd "$3" && "$4" -test.run '^$' -test.fuzz "^$1\$" -test.fuzztime "$duration" \
			-test.fuzzcachedir "$built/cache/$2" 2>&1 </dev/null) | tee "$log"; then
			return 0
		fi
		if grep -qE 'Failing input|panic:|_test\.go:' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
			return 1
		fi
		echo "the fuzzer ran out of its own time (attempt $attempt)"
	done
	return 1
}

while read -r package directory; do
	grep -qs '^func Fuzz' "$directory"/*_test.go || continue
	binary=$built/${package//\//-}.test
	go test -c -fuzz . -o "$binary" "$package"
	for name in $("$binary" -test.list '^Fuzz'); do
		fuzz "$name" "$package" "$directory" "$binary"
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./... | grep -v /e2e)
