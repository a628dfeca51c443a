package main

import (
	"io"
	"text/template"
)

// reach says how far a click on "log out" goes. The greeting and the pages repeat it.
const reach = "One click ends all four: the sessions of the three apps and the one at Login."

var greeting = template.Must(template.New("").Parse(`universal_logout demo: three apps and their single sign-on behind one Caddy
{{range .Apps}}
  {{printf "%-6s" .Name}} {{.URL}}
         logs out by {{.Logout}}
{{end}}
  {{printf "%-6s" .Login.Name}} {{.Login.URL}}
         the OpenID provider that all three sign in at

What to do
  1. Open an app and sign in with any name and any password.
  2. Open the other two and sign in: the provider knows you, nobody asks again.
  3. Write a note, say something or fill the cart: the app keeps it in your browser.
  4. Look at the numbers at the top of each page: how many sessions each of the four servers has.
  5. Log out of one app the way it offers it. The edge's page says what happened, and a line about it appears here.
  6. Look at the four numbers again, and at the box "What is still there". The next click on "Sign in" asks for a password.

{{.Reach}}

Notes and Chat share the registrable domain work.localhost; for a browser, Shop and Login are sites of other people.

Your browser will warn about the certificate, because it comes from a CA that was made for this demo only. Go on past the
warning ("Advanced"), at each of the four addresses, or add this file to the certificate authorities that your browser or
system trusts, as "caddy trust" would do for a real Caddy, and remove it again afterwards:
  {{.Root}}
Only with the second will Chrome and Edge let Chat keep an offline copy of itself.

Should your system not know names ending in .localhost, Chrome, Edge and Firefox still do. Ctrl-C stops everything.
`))

func greet(out io.Writer, d *demo, root string) error {
	return greeting.Execute(out, map[string]any{"Apps": d.apps, "Login": d.login, "Reach": reach, "Root": root})
}
