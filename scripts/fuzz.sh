#!/usr/bin/env bash
# Runs every fuzz target for a while. Each package is built once. As many targets run at a time as there are processors, with
# one worker each.
# Usage: scripts/fuzz.sh <time, such as 10s>
set -euo pipefail
cd "$(dirname "$0")/.."
export duration=${1:?"how long for each target?"}
export built=$PWD/bin/test/fuzz
mkdir -p "$built"

# fuzz <name> <package> <directory> <binary>: Go's fuzzer sometimes takes the end of its own time for a failure and says
# nothing but "context deadline exceeded" (golang/go#75804). Such a run has found nothing, and is done once more. Whatever
# else fails, a failing input above all, fails.
fuzz() {
	local attempt log
	log=$(mktemp)
	for attempt in 1 2 3; do
		if (cd "$3" && "$4" -test.run '^$' -test.fuzz "^$1\$" -test.fuzztime "$duration" -test.parallel 1 \
			-test.fuzzcachedir "$built/cache/$2" >"$log" 2>&1 </dev/null); then
			printf '== fuzz %s in %s, %s\n%s\n' "$1" "$2" "$duration" "$(cat "$log")"
			rm -f "$log"
			return 0
		fi
		if grep -qE 'Failing input|panic:|_test\.go:' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
			break
		fi
		echo "the fuzzer ran out of its own time (attempt $attempt)" >>"$log"
	done
	printf '== fuzz %s in %s, %s: failed\n%s\n' "$1" "$2" "$duration" "$(cat "$log")"
	rm -f "$log"
	return 1
}
export -f fuzz

# build <package> <directory>: prints what fuzz needs to know of each target, one a line.
build() {
	local binary=$built/${1//\//-}.test name
	grep -qs '^func Fuzz' "$2"/*_test.go || return 0
	go test -c -fuzz . -o "$binary" "$1"
	for name in $("$binary" -test.list '^Fuzz'); do
		echo "$name $1 $2 $binary"
	done
}
export -f build

targets=$(mktemp)
trap 'rm -f "$targets"' EXIT
go list -f '{{.ImportPath}} {{.Dir}}' ./... | grep -v /e2e | xargs -P "$(nproc)" -L 1 bash -ec 'build "$@"' build >"$targets"

# xargs goes on with the others if one fails, and then fails itself.
xargs -P "$(nproc)" -L 1 bash -c 'fuzz "$@"' fuzz <"$targets"
echo "ok: $(wc -l <"$targets") targets"
