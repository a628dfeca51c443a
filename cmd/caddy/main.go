// Command caddy is Caddy with this module compiled in, for development and tests.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/universal-logout/caddy-universal-logout"
)

func main() { caddycmd.Main() }
