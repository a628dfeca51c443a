package browser

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// A Proxy is an HTTP CONNECT proxy that brings host names to servers on this machine. With it a test can use any number
// of registrable domains on port 443 without root, a hosts file or a name server, and a browser reaches nothing else:
// what was not routed is refused, the browser's own background requests included.
type Proxy struct {
	server   *http.Server
	listener net.Listener

	mu     sync.Mutex
	routes map[string]string // domain → address
	conns  map[net.Conn]struct{}
}

// StartProxy starts a proxy on a free loopback port.
func StartProxy() (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, routes: map[string]string{}, conns: map[net.Conn]struct{}{}}
	p.server = &http.Server{Handler: p}
	go p.server.Serve(l)
	return p, nil
}

// Addr is the proxy's host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Route sends port 443 of a domain and of everything below it to an address.
func (p *Proxy) Route(domain, addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routes[domain] = addr
}

// Close ends the proxy and its tunnels.
func (p *Proxy) Close() {
	p.server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns { // hijacked, so the server does not know them any more
		c.Close()
	}
}

// target is where a host name goes; "" if nowhere.
func (p *Proxy) target(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || port != "443" {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if addr, ok := p.routes[host]; ok {
			return addr
		}
		_, parent, ok := strings.Cut(host, ".")
		if !ok {
			return ""
		}
		host = parent
	}
}

// ServeHTTP opens one tunnel.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := p.target(r.Host)
	if r.Method != http.MethodConnect || target == "" {
		http.Error(w, "not a host of this test", http.StatusBadGateway)
		return
	}
	up, err := net.Dial("tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	down, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		up.Close()
		return
	}
	p.mu.Lock()
	p.conns[up], p.conns[down] = struct{}{}, struct{}{}
	p.mu.Unlock()
	defer func() {
		up.Close()
		down.Close()
		p.mu.Lock()
		delete(p.conns, up)
		delete(p.conns, down)
		p.mu.Unlock()
	}()
	if _, err := io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() {
		io.Copy(up, buffered) // buffered: the browser may have sent its first bytes together with the CONNECT
		up.Close()
	}()
	io.Copy(down, up)
}
