#!/usr/bin/env bash
# Builds bin/caddy as users do, with xcaddy, and looks whether the module is in it and its Caddyfile words are known.
# xcaddy sees only go.mod, not go.sum, so this also proves that go.mod is complete.
set -euo pipefail
cd "$(dirname "$0")/.."

caddy=$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)
module=$(go list -m)

mkdir -p bin/test
# The version is there because Go asks for the list of a module's versions if none is named, and some module proxies
# refuse to list one that was never published. "=." replaces whatever version it is.
if ! go tool xcaddy build "$caddy" --output bin/caddy --with "$module@v0.0.1=." >bin/test/xcaddy.log 2>&1 </dev/null; then
	tail -n 50 bin/test/xcaddy.log
	exit 1
fi

modules=$(bin/caddy list-modules)
for name in universal_logout http.handlers.universal_logout; do
	if ! grep -qx "$name" <<<"$modules"; then
		echo "bin/caddy has no module $name"
		exit 1
	fi
done

adapted=$(printf 'app.example.com {\n\tuniversal_logout\n\treverse_proxy localhost:3000\n}\n' |
	bin/caddy adapt --adapter caddyfile --config /dev/stdin)
if ! grep -q '"handler":"universal_logout"' <<<"$adapted"; then
	echo "bin/caddy does not adapt the directive: $adapted"
	exit 1
fi
echo "bin/caddy: $caddy with $module"
