#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other: go test takes only one at a time.
# Usage: scripts/fuzz.sh <time, such as 10s>
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?"how long for each target?"}

# go test -list prints the targets of a package and then a line with the package's name.
mapfile -t packages < <(go list ./... | grep -v /e2e)
go test -list '^Fuzz' "${packages[@]}" |
	awk '/^Fuzz/ { names[++n] = $1 } $1 == "ok" { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }' |
	while read -r package name; do
		echo "== fuzz $name in $package, $duration"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$package" </dev/null # no other tests
	done
