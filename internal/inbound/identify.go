package inbound

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func IsFromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}
