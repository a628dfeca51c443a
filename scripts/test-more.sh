#!/usr/bin/env bash
# The tests with Keycloak: the same as with the provider of the ordinary run, with another provider that many people have.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== go vet"
go vet -tags keycloak ./e2e/...

echo "== Keycloak"
scripts/gotest.sh keycloak -count=1 -tags keycloak -run '^TestProvider/^keycloak$' -timeout 20m ./e2e
# A pattern that fits nothing would be a success too.
grep -q -- '--- PASS: TestProvider.*/keycloak' bin/test/keycloak.log
