#!/usr/bin/env bash
# Runs go test, keeps the whole output in bin/test/<name>.log, and shows the packages' results, or, of a failure, what it
# said. A skipped test is a failure.
# Usage: scripts/gotest.sh <name> <arguments of go test>
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/test
log=bin/test/$1.log failed=0
shift
go test -v "$@" >"$log" 2>&1 </dev/null || failed=1
if grep -E '^[[:space:]]*--- SKIP' "$log"; then
	echo "Tests were skipped."
	failed=1
fi
if ((failed)); then
	grep -vE '^[[:space:]]*(=== (RUN|PAUSE|CONT|NAME)|--- PASS)|^PASS$' "$log" | tail -n 300
	echo "All of it: $log. In short:"
	grep -E '^[[:space:]]*--- (FAIL|SKIP)|^panic:|^[[:space:]]+Test.* \(|^(FAIL|ok)[[:space:]]' "$log" || true
	echo "FAIL"
	exit 1
fi
grep -E '^ok[[:space:]]' "$log"
