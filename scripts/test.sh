#!/usr/bin/env bash
# Everything that must hold before a change is accepted. Stops at the first thing that does not, and ends with the lines
# of go test. Nothing may be skipped: a skipped test fails the run.
#
# Never add -short or -trimpath: Caddy's test helper then skips its tests without a word.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/test

step() { echo "== $*"; }

step gofmt
unformatted=$(gofmt -l .)
if [[ $unformatted ]]; then
	echo "These files are not formatted:"
	echo "$unformatted"
	exit 1
fi

step go vet
go vet ./...

mapfile -t packages < <(go list ./... | grep -v /e2e)

# Caddy's test helper saves its configuration where a real Caddy would find it. Go keeps its own settings beside it.
caddy_config=$PWD/bin/test/config
go_settings=$(go env GOENV)

# Most of the time these tests wait for what hangs on purpose, so more run at a time than there are processors. With the race
# detector fewer: there what they wait for is slow as well, and many watch the clock.
step tests with the race detector
XDG_CONFIG_HOME=$caddy_config GOENV=$go_settings CGO_ENABLED=1 scripts/gotest.sh race -count=1 -vet=off -race -parallel 4 -timeout 10m "${packages[@]}"

# Again without it, all of them: it changes timing, tests that count allocations are left out beside it, and users have none.
step tests without the race detector
XDG_CONFIG_HOME=$caddy_config GOENV=$go_settings scripts/gotest.sh plain -count=1 -vet=off -parallel 8 -timeout 10m "${packages[@]}"

step instructions
scripts/instructions.sh

step fuzzing
# go test has no limit of its own here.
if ! timeout --kill-after=10s 15m scripts/fuzz.sh 5s >bin/test/fuzz.log 2>&1; then
	tail -n 100 bin/test/fuzz.log
	exit 1
fi
grep -E '^== |^ok' bin/test/fuzz.log || echo "no fuzz targets"

step build with xcaddy
scripts/xcaddy.sh

# Most of these tests run once in each of three engines, in parallel.
step browsers
scripts/gotest.sh e2e -count=1 -parallel 3 -timeout 20m ./e2e/...
