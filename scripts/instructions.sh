#!/usr/bin/env bash
# Counts the instructions of requests that are no logout, in a whole Caddy below valgrind's callgrind: times vary by more than
# what is looked for, counts hardly vary at all. Fails above the limits of instructions_test.go.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/test
out=bin/test/callgrind
rm -rf "$out"
mkdir "$out"

go test -tags bench -c -ldflags=-w -o bin/test/instructions.test .

# One thread, no collector: or other work than the requests' would be counted. Go's preemption signals end callgrind.
if ! CALLGRIND_OUT=$PWD/$out/out GOMAXPROCS=1 GOGC=off GODEBUG=asyncpreemptoff=1 \
	timeout --kill-after=10s 5m valgrind --tool=callgrind --callgrind-out-file="$out/out" \
	--dump-before=github.com/universal-logout/caddy-universal-logout.mark \
	bin/test/instructions.test -test.v -test.run '^TestInstructions$' -test.timeout 4m >bin/test/instructions.log 2>&1 </dev/null; then
	tail -n 100 bin/test/instructions.log
	exit 1
fi
rm -rf "$out"
sed -n 's/^ *instructions_test.go:[0-9]*: //p' bin/test/instructions.log
