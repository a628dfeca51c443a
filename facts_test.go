package universallogout

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	// The last four are no facts but places that no reader can open.
	citedFact = regexp.MustCompile(`(?:^|[^-\w])([A-Z]{2,5}-\d\d|T\d{1,2}|RFC \d{4}(?:bis)?(?: \d+(?:\.\d+)*)?|(?:Core|Registration) \d+(?:\.\d+)*|` +
		`WCAG \d\.\d [\d.]*\d|[a-z][\w-]+/[a-z][\w-]+#\d+|[Dd]esign \d+(?:\.\d+)*|browsers:? \d+\.\d+|specs [A-Z]\.\d+|\w+\.md \d+\.\d+)\b`)
	citedRange = regexp.MustCompile(`\b([A-Z]{2,5})-(\d\d) to ([A-Z]{2,5})-(\d\d)\b`)
	listedFact = regexp.MustCompile(`(?m)^\| ([^|]+) \|`)
)

// TestEveryCitedFactIsInTheDocs: a reader can look up every id that a file of
// ours cites, and finds none there that nothing rests on.
func TestEveryCitedFactIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("docs/facts.md")
	if err != nil {
		t.Fatal(err)
	}
	cited := make(map[string]string) // id → where
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "bin" || entry.Name() == "node_modules" || len(path) > 1 && path[0] == '.'):
			return fs.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		source, err := os.ReadFile(path)
		for n, line := range strings.Split(string(source), "\n") {
			for _, id := range factsIn(line) {
				cited[id] = fmt.Sprintf("%s:%d", path, n+1)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, row := range listedFact.FindAllStringSubmatch(string(page), -1) {
		if id := row[1]; id != "id" {
			if listed[id] {
				t.Errorf("docs/facts.md lists %s twice", id)
			}
			listed[id] = true
			if cited[id] == "" {
				t.Errorf("docs/facts.md lists %s, and nothing cites it", id)
			}
		}
	}
	for id, where := range cited {
		if !listed[id] {
			t.Errorf("%s: %s is not in docs/facts.md", where, id)
		}
	}
	t.Logf("%d ids", len(listed))
}

// factsIn are the ids in a line, and those between the ends of a range.
func factsIn(line string) (ids []string) {
	if !strings.ContainsAny(line, "0123456789") {
		return nil // the race detector makes the search slow
	}
	for _, found := range citedFact.FindAllStringSubmatch(line, -1) {
		ids = append(ids, found[1])
	}
	for _, ends := range citedRange.FindAllStringSubmatch(line, -1) {
		first, _ := strconv.Atoi(ends[2])
		last, _ := strconv.Atoi(ends[4])
		for n := first; n <= last; n++ {
			ids = append(ids, fmt.Sprintf("%s-%02d", ends[1], n))
		}
	}
	return ids
}
