package universallogout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/universal-logout/caddy-universal-logout/internal/identify"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "universal-logout",
		Usage: "<status|revoke|check|explain>",
		Short: "Tells how logouts are doing, ends sessions, and looks at a configuration",
		Long: `
status and revoke ask the Caddy that is running, by its admin API. check and
explain read a configuration and run nothing: neither the network nor the log
of revocations is touched.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			cmd.AddCommand(statusCommand(), revokeCommand(), checkCommand(), explainCommand())
		},
	})
}

const (
	exitWarnings = 1 // of check --strict
	exitBroken   = 2 // the configuration cannot be loaded
)

func configFlags(cmd *cobra.Command) {
	cmd.Flags().StringP("config", "c", "", "Configuration file (default: the Caddyfile in this directory)")
	cmd.Flags().StringP("adapter", "a", "", "Name of the config adapter that the file needs")
}

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [--address <interface>] [--config <path> [--adapter <name>]]", Args: cobra.NoArgs,
		Short: "Prints counts, sites, groups, providers and the state of the log, as JSON",
	}
	adminFlags(cmd)
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		body, err := askAdmin(fl, http.MethodGet, statusPath, nil)
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, bytes.TrimSpace(body), "", "  "); err != nil {
			return caddy.ExitCodeFailedStartup, errors.New("the answer is no JSON: is that Caddy's admin address?")
		}
		fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

func revokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke --issuer <url> --sub <subject> | --sid <session> [--address <interface>]", Args: cobra.NoArgs,
		Short: "Refuses the sessions of a user that began before now, or one session",
		Long: `Refuses sessions on all sites and nodes from now on, as far as identify tells whose they are.

A - as value reads it from standard input, so that it is in no history of a shell.`,
	}
	cmd.Flags().String("issuer", "", "The provider's issuer, as configured; group:<name> of an auth layer without one; or the iss of an app's own tokens")
	cmd.Flags().String("sub", "", "Whose sessions: the subject at that issuer, or - to read it")
	cmd.Flags().String("sid", "", "Which session: its sid at that issuer, or - to read it")
	adminFlags(cmd)
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		if (fl.String("sub") == "") == (fl.String("sid") == "") || fl.String("issuer") == "" {
			return caddy.ExitCodeFailedStartup, errors.New("write --issuer, and one of --sub and --sid")
		}
		body := map[string]string{"issuer": fl.String("issuer")}
		for _, name := range []string{"sub", "sid"} {
			value, err := orFrom(cmd.InOrStdin(), fl.String(name))
			if err != nil {
				return caddy.ExitCodeFailedStartup, fmt.Errorf("--%s: %w", name, err)
			}
			if value != "" {
				body[name] = value
			}
		}
		request, err := json.Marshal(body)
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		if _, err := askAdmin(fl, http.MethodPost, revokePath, request); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		what := "the session is refused from now on"
		if body["sub"] != "" {
			what = "every session of that user that began before now is refused"
		}
		fmt.Fprintln(cmd.OutOrStdout(), "revoked: "+what+", as far as identify tells whose it is")
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

// orFrom reads a line where a value is -.
func orFrom(in io.Reader, value string) (string, error) {
	if value != "-" {
		return value, nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, identify.MaxClaim+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("nothing came from standard input")
	}
	return line, nil
}

func adminFlags(cmd *cobra.Command) {
	cmd.Flags().String("address", "", "Address of the admin API (default: the configuration's, or localhost:2019)")
	configFlags(cmd)
}

func askAdmin(fl caddycmd.Flags, method, path string, body []byte) ([]byte, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(fl.String("address"), nil, fl.String("config"), fl.String("adapter"))
	if err != nil {
		return nil, err
	}
	var sent io.Reader
	if body != nil {
		sent = bytes.NewReader(body)
	}
	res, err := caddycmd.AdminAPIRequest(address, method, path, nil, sent)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, 64<<20))
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [--config <path> [--adapter <name>]] [--online] [--strict]", Args: cobra.NoArgs,
		Short: "Warns about what is allowed in a configuration, but seldom meant",
		Long: `Prints one line for each warning: where, what, and what to do.

Exit status: 0 if the configuration can be loaded, 1 if there are warnings and
--strict is given, 2 if it cannot be loaded.`,
	}
	configFlags(cmd)
	cmd.Flags().Bool("online", false, "Ask the providers, too, whether they can end a session")
	cmd.Flags().Bool("strict", false, "Fail if there are warnings")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		c, err := inspect(fl)
		if err != nil {
			return exitBroken, err
		}
		defer c.close()
		warnings := c.check()
		if fl.Bool("online") {
			warnings = append(warnings, c.checkOnline(cmd.Context())...)
		}
		for _, w := range warnings {
			fmt.Fprintln(cmd.OutOrStdout(), w)
		}
		if names := c.unasked(); len(names) > 0 && !fl.Bool("online") {
			fmt.Fprintln(cmd.OutOrStdout(), "not asked: "+strings.Join(names, ", ")+" (--online asks whether they can end a session)")
		}
		if len(warnings) > 0 && fl.Bool("strict") {
			return exitWarnings, fmt.Errorf("there are warnings (%d)", len(warnings))
		}
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain <url> [--config <path> [--adapter <name>]]", Args: cobra.ExactArgs(1),
		Short: "Says what a logout at an address would do, step by step",
	}
	configFlags(cmd)
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		c, err := inspect(fl)
		if err != nil {
			return exitBroken, err
		}
		defer c.close()
		text, err := c.explain(fl.Arg(0))
		if err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		fmt.Fprint(cmd.OutOrStdout(), text)
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

// inspected is a configuration that is loaded, but not run.
type inspected struct {
	*App
	http    *caddyhttp.App
	storage string
}

func (c *inspected) close() {
	_ = c.Cleanup()
	_ = os.RemoveAll(c.storage)
}

func inspect(fl caddycmd.Flags) (*inspected, error) {
	config, _, _, err := caddycmd.LoadConfig(fl.String("config"), fl.String("adapter"))
	if err != nil {
		return nil, err
	}
	if len(config) == 0 {
		return nil, errors.New("there is no Caddyfile in this directory; name the configuration with --config")
	}
	return inspectJSON(config)
}

// inspectJSON goes as far as Caddy's own validate, but leaves the storage, the
// log files and the certificates alone: they may be elsewhere, or not be ours
// to read, and nothing here depends on them.
func inspectJSON(config []byte) (_ *inspected, err error) {
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(caddy.RemoveMetaFields(config), &cfg); err != nil {
		return nil, err
	}
	c := new(inspected)
	if c.storage, err = os.MkdirTemp("", "universal_logout"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(c.storage)
		}
	}()
	cfg.StorageRaw = caddyJSON(map[string]string{"module": "file_system", "root": c.storage})
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "ERROR"}}}}
	if err := withoutCertificates(cfg.AppsRaw); err != nil {
		return nil, err
	}
	ctx, err := caddy.ProvisionContext(&cfg)
	if err != nil {
		return nil, err
	}
	app, err := ctx.AppIfConfigured("universal_logout")
	if err != nil {
		return nil, errors.New("nothing in this configuration uses universal_logout")
	}
	c.App = app.(*App)
	defer func() {
		if err != nil {
			_ = c.Cleanup()
		}
	}()
	if c.http, err = httpApp(ctx); err != nil {
		return nil, err
	}
	if c.roles[roleApp] > 0 && c.roles[roleAddresses] == 0 {
		return nil, errNoAddresses
	}
	return c, nil
}

func httpApp(ctx caddy.Context) (*caddyhttp.App, error) {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil, errors.New("this configuration serves no site")
	}
	return app.(*caddyhttp.App), nil
}

func withoutCertificates(apps caddy.ModuleMap) error {
	var tls map[string]json.RawMessage
	if apps["tls"] == nil {
		return nil
	}
	if err := json.Unmarshal(apps["tls"], &tls); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	delete(tls, "certificates")
	apps["tls"] = caddyJSON(tls)
	return nil
}

func caddyJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // strings, or what was JSON before
		return nil
	}
	return raw
}
