// Plot makes a table and a plot of what `make bench-tour` has measured. Run it
// in the repository: it reads bench/tour.csv, and writes bench/tour.svg and the
// part of bench/README.md that has the figures.
package main

import (
	"encoding/csv"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
)

// cases are the rows, in order, with what each may take at most, by engine.
var cases = []struct {
	name, label string
	limits      map[string]float64 // milliseconds; none: there is no limit
}{
	{"1", "1 site", limits(250, 250, 250)},
	{"10", "10 sites on one domain", limits(500, 500, 800)},
	{"30", "30 sites on one domain", nil},
	{"64", "64 sites on one domain", limits(1300, 1000, 4500)},
	{"20 on 5 domains", "20 sites on 5 domains", limits(1400, 1400, 1800)},
	{"5 on 5 domains", "5 sites on 5 domains", nil},
	{hop, "one more domain, without its app", limits(80, 80, 80)},
}

// hop is computed: what a site on another domain costs above its app's time.
const (
	hop     = "hop"
	appTime = 100
)

var engines = []engine{{"chromium", "Chromium", "#3b78d8"}, {"firefox", "Firefox", "#d9772b"}, {"webkit", "WebKitGTK", "#7a5bb5"}}

type engine struct{ key, name, colour string }

func limits(chromium, firefox, webkit float64) map[string]float64 {
	return map[string]float64{"chromium": chromium, "firefox": firefox, "webkit": webkit}
}

// measured is what is known of one case in one engine.
type measured struct {
	times   []float64 // sorted, milliseconds
	lost    int
	version string
}

func (m *measured) median() float64 { return m.times[len(m.times)/2] }

type key struct{ engine, name string }

func main() {
	log.SetFlags(0)
	results, measuredOn, err := read("bench/tour.csv")
	if err != nil {
		log.Fatal(err)
	}
	if err := write("bench/tour.svg", plot(results)); err != nil {
		log.Fatal(err)
	}
	readme, err := os.ReadFile("bench/README.md")
	if err != nil {
		log.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(readme), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		log.Fatalf("bench/README.md has no %s and %s", begin, end)
	}
	if err := write("bench/README.md", before+begin+"\n"+table(results, measuredOn)+end+after); err != nil {
		log.Fatal(err)
	}
}

const begin, end = "<!-- figures of make bench-tour -->", "<!-- end of figures -->"

// read returns the results, and a line that says when they were measured.
func read(name string) (map[key]*measured, string, error) {
	file, err := os.Open(name) //nolint:gosec // a constant
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, "", err
	}
	results := make(map[key]*measured)
	var loads []float64
	day := ""
	for _, row := range rows[1:] { // engine,version,sites,ms,lost,load,day
		ms, err1 := strconv.ParseFloat(row[3], 64)
		lost, err2 := strconv.Atoi(row[4])
		load, err3 := strconv.ParseFloat(row[5], 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, "", fmt.Errorf("%s: no figures: %q", name, row)
		}
		k := key{row[0], row[2]}
		if results[k] == nil {
			results[k] = &measured{version: row[1]}
		}
		results[k].times = append(results[k].times, ms)
		results[k].lost += lost
		loads, day = append(loads, load), row[6]
	}
	for _, m := range results {
		slices.Sort(m.times)
	}
	for _, e := range engines {
		one, five := results[key{e.key, "1"}], results[key{e.key, "5 on 5 domains"}]
		for _, c := range cases {
			if c.name != hop && results[key{e.key, c.name}] == nil {
				return nil, "", fmt.Errorf("%s: nothing of %s with %s", name, c.name, e.name)
			}
		}
		results[key{e.key, hop}] = &measured{times: []float64{(five.median()-one.median())/4 - appTime}}
	}
	slices.Sort(loads)
	return results, fmt.Sprintf("Measured on %s, load average %.1f (up to %.1f, the browsers' own included).", day, loads[len(loads)/2], loads[len(loads)-1]), nil
}

func table(results map[key]*measured, measuredOn string) string {
	var out strings.Builder
	out.WriteString("|")
	for _, e := range engines {
		fmt.Fprintf(&out, " | %s %s", e.name, results[key{e.key, "1"}].version)
	}
	out.WriteString(" |\n|---|---|---|---|\n")
	for _, c := range cases {
		out.WriteString("| " + c.label)
		for _, e := range engines {
			m := results[key{e.key, c.name}]
			fmt.Fprintf(&out, " | **%.0f ms**", m.median())
			if len(m.times) > 1 {
				fmt.Fprintf(&out, " (%.0f–%.0f)", m.times[0], m.times[len(m.times)-1])
			}
			if limit, ok := c.limits[e.key]; ok {
				fmt.Fprintf(&out, ", limit %.0f", limit)
			}
		}
		out.WriteString(" |\n")
	}
	out.WriteString("| apps lost in all these tours")
	for _, e := range engines {
		lost := 0
		for _, c := range cases {
			lost += results[key{e.key, c.name}].lost
		}
		fmt.Fprintf(&out, " | **%d**, limit 0", lost)
	}
	out.WriteString(" |\n\n" + measuredOn + "\n")
	return out.String()
}

// plot draws a bar for the median of each case and engine, a thin line from the
// least to the most, and a mark where the limit is.
func plot(results map[key]*measured) string {
	const left, barHeight, gap, width, top = 235, 13, 16, 860, 44
	longest := 0.0
	for k, m := range results {
		longest = max(longest, m.times[len(m.times)-1])
		for _, c := range cases {
			if c.name == k.name {
				longest = max(longest, c.limits[k.engine])
			}
		}
	}
	x := func(ms float64) float64 { return left + max(ms, 0)/longest*(width-left-80) }
	var out strings.Builder
	height := top + len(cases)*(len(engines)*barHeight+gap) + 30
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	for i, e := range engines {
		fmt.Fprintf(&out, `<rect x="%d" y="12" width="11" height="11" fill="%s"/><text x="%d" y="22">%s</text>`+"\n", left+i*105, e.colour, left+16+i*105, e.name)
	}
	at := left + len(engines)*105
	fmt.Fprintf(&out, `<path d="M%d 11v13" stroke="#c00" stroke-width="2"/><text x="%d" y="22">limit</text>`+"\n", at+3, at+10)
	fmt.Fprintf(&out, `<text x="%d" y="22">from the click to the landing page</text>`+"\n", at+60)
	for ms := 0.0; ms <= longest; ms += 500 {
		fmt.Fprintf(&out, `<path d="M%.1f %dV%d" stroke="#e4e4e4"/><text x="%.1f" y="%d" text-anchor="middle" fill="#555">%.1f s</text>`+"\n", x(ms), top-8, height-24, x(ms), height-8, ms/1000)
	}
	y := top
	for _, c := range cases {
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-10, y+len(engines)*barHeight/2+4, c.label)
		for _, e := range engines {
			m := results[key{e.key, c.name}]
			least, most := m.times[0], m.times[len(m.times)-1]
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y+1, x(m.median())-left, barHeight-2, e.colour)
			fmt.Fprintf(&out, `<path d="M%.1f %.1fH%.1f" stroke="#222"/>`, x(least), float64(y)+barHeight/2.0, x(most))
			label := x(most)
			if limit, ok := c.limits[e.key]; ok {
				fmt.Fprintf(&out, `<path d="M%.1f %dv%d" stroke="#c00" stroke-width="2"/>`, x(limit), y, barHeight)
				label = max(label, x(limit))
			}
			fmt.Fprintf(&out, `<text x="%.1f" y="%d" font-size="11">%.0f ms</text>`+"\n", label+6, y+barHeight-3, m.median())
			y += barHeight
		}
		y += gap
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func write(name, text string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
