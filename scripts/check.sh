#!/usr/bin/env bash
# The inner loop: vet, the linter, and every unit test that needs neither a browser nor a listener. No race detector.
# scripts/test.sh has all of it.
#
# Tests that need a listener have OverListener in their names: the helper that starts Caddy for them insists.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { echo "== $*"; }

step go vet
go vet ./...

step lint
make --no-print-directory lint

mapfile -t packages < <(go list ./... | grep -v /e2e)

# More at a time than there are processors: most of them wait for what hangs on purpose. Packages of which nothing has
# changed are not run again.
step tests
scripts/gotest.sh check -vet=off -parallel 8 -timeout 5m -skip OverListener "${packages[@]}"
