package logoutpath

import (
	"strings"
)

func (rule *Rule) String() string {
	text := strings.TrimPrefix(rule.Method+" /"+strings.Join(rule.Segments, "/"), " ")
	pairs := make([]string, 0, len(rule.Query))
	for _, pair := range rule.Query {
		pairs = append(pairs, pair[0]+"="+pair[1])
	}
	return strings.TrimSuffix(text+"?"+strings.Join(pairs, "&"), "?")
}
