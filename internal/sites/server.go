package sites

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Server is one of Caddy's HTTP servers, as far as its addresses go.
type Server struct {
	Name  string
	Caddy *caddyhttp.Server
	HTTPS bool
	port  string // in its sites' addresses; "": none
}

// Origin is that of a host on this server, for browsers from outside. Caddy's
// own redirects assume likewise that a port which stands for http_port or
// https_port is the usual one out there.
func (s *Server) Origin(host string) origin.Origin {
	scheme := "http"
	if s.HTTPS {
		scheme = "https"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if s.port != "" {
		host += ":" + s.port
	}
	return origin.New(scheme, host)
}

func newServer(name string, server *caddyhttp.Server, app *caddyhttp.App) *Server {
	s := &Server{Name: name, Caddy: server}
	httpPort := cmp.Or(app.HTTPPort, caddyhttp.DefaultHTTPPort)
	var plain, tls []int
	for _, address := range server.Listen {
		parsed, err := caddy.ParseNetworkAddress(address)
		if err != nil || parsed.StartPort == 0 {
			continue // a socket that browsers cannot name
		}
		// Caddy speaks no TLS at the http port, whatever else the server has.
		if port := int(parsed.StartPort); len(server.TLSConnPolicies) > 0 && port != httpPort {
			tls = append(tls, port)
		} else {
			plain = append(plain, port)
		}
	}
	if s.HTTPS = len(tls) > 0 || len(plain) == 0 && len(server.TLSConnPolicies) > 0; s.HTTPS {
		s.port = publicPort(tls, caddyhttp.DefaultHTTPSPort, app.HTTPSPort)
	} else {
		s.port = publicPort(plain, caddyhttp.DefaultHTTPPort, app.HTTPPort)
	}
	return s
}

// publicPort is "" if one of the ports is the scheme's own, else the first.
func publicPort(ports []int, usual, configured int) string {
	for _, port := range ports {
		if port == usual || port == configured {
			return ""
		}
	}
	if len(ports) == 0 {
		return ""
	}
	return strconv.Itoa(ports[0])
}
