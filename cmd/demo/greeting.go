package main

import (
	"io"
	"text/template"
)

var greeting = template.Must(template.New("").Parse(`universal_logout demo: three apps behind one Caddy
{{range .Sites}}
  {{printf "%-6s" .Name}} {{.URL}}
         logs out by {{.Logout}}
{{end}}
What to do
  1. Open an address and sign in with any name.
  2. Write a note, say something or fill the cart: the app keeps it in your browser.
  3. Look at the box "What is still there": live sessions on the server, data in this browser.
  4. Log out the way the app offers it, and look at the box again. Notes leads back to its login, Chat stays
     where it is, and Shop leads nowhere, so the edge's own page says what happened. A line about each logout
     appears here.

Your browser will warn about the certificate, because it comes from a CA that was made for this demo only. Go on past the
warning ("Advanced"), or add this file to the certificate authorities that your browser or system trusts, as "caddy trust"
would do for a real Caddy, and remove it again afterwards:
  {{.Root}}

Should your system not know names ending in .localhost, Chrome, Edge and Firefox still do. Ctrl-C stops everything.
`))

func greet(out io.Writer, sites []*site, root string) error {
	return greeting.Execute(out, map[string]any{"Sites": sites, "Root": root})
}
