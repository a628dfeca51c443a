package cookie

import (
	"slices"
	"sort"
	"strings"

	"github.com/universal-logout/caddy-universal-logout/internal/origin"
)

// Variant is one identity that a cookie of a given name can have: browsers
// delete only what equals it in domain, host-only flag, path and partition
// (CK-01, CK-09), and the Cookie header tells none of them.
type Variant struct {
	Domain      string // "": host-only
	Path        string
	Partitioned bool
}

// unusual counts how far the variant is from the cookie most apps set. Of two
// oddities a path is the rarer one.
func (v Variant) unusual() (n int) {
	if v.Domain != "" {
		n += 4
	}
	if v.Path != "/" {
		n += 5
	}
	if v.Partitioned {
		n += 4
	}
	return n
}

// Variants lists what a cookie seen on a request to own can be, most likely
// first: at one of paths, or in a folder on the way there.
func Variants(own origin.Origin, paths ...string) []Variant {
	partitions := []bool{false}
	if own.IsHTTPS() {
		partitions = append(partitions, true) // CHIPS: Partitioned needs Secure
	}
	domains, folders := cookieDomains(own.Hostname()), []string{"/"}
	for _, path := range paths {
		folders = Union(folders, Paths(path))
	}
	all := make([]Variant, 0, len(partitions)*len(domains)*len(folders))
	for _, partitioned := range partitions {
		for _, domain := range domains {
			for _, p := range folders {
				all = append(all, Variant{domain, p, partitioned})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].unusual() < all[j].unusual() })
	return all
}

// cookieDomains are the Domain attributes a site may use: none, the
// registrable domain, and every name from it up to the host (CK-02, CK-03).
func cookieDomains(host string) []string {
	domains := []string{""}
	registrable := origin.Registrable(host)
	if registrable == "" {
		return domains
	}
	domains = append(domains, registrable)
	for name := host; name != registrable; {
		domains = append(domains, name)
		_, name, _ = strings.Cut(name, ".")
	}
	return domains
}

const maxCookieFolders = 4

// Paths are the paths a cookie sent to path can have: the folders it
// lies in, each with and without a slash at its end (CK-20). Of a deep path
// the outermost and the innermost count: the app's own, and what browsers make
// the default for a cookie that was set beside it.
func Paths(path string) []string {
	var folders []string
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' && isCookiePath(path[:i]) {
			folders = append(folders, path[:i])
		}
	}
	if extra := len(folders) - maxCookieFolders; extra > 0 {
		folders = slices.Delete(folders, maxCookieFolders/2, maxCookieFolders/2+extra)
	}
	paths := make([]string, 1, 1+2*len(folders))
	paths[0] = "/"
	for _, folder := range folders {
		paths = append(paths, folder, folder+"/")
	}
	return paths
}

func isCookiePath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || c == ';' || c == ','
	})
}
