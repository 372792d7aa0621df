// Command gateway serves OpenAI's, Anthropic's and Gemini's APIs through many accounts.
// See README.md beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/aitransport/aitransport/examples/gateway/config"
)

const usage = `gateway serves OpenAI's, Anthropic's and Gemini's APIs through many accounts.

  gateway [-config file.yaml] [-listen host:port] [-data folder]   serve
  gateway -demo [-listen host:port]                                serve fake providers, to try it
  gateway check file.yaml                                          tell everything that is wrong with a configuration
  gateway reconcile [-config file.yaml] [-data folder]             prove that the books agree
  gateway example                                                  print a configuration with every field
  gateway version
`

// Exit codes beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// options are what the flags say.
type options struct {
	config, listen, data string
	demo                 bool
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads is no reason to end
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		end()
		<-signals
		os.Exit(exitFailed) // somebody will not wait
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	var o options
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	if command == "serve" {
		flags.BoolVar(&o.demo, "demo", false, "")
		flags.StringVar(&o.listen, "listen", "", "")
	}
	if command == "serve" || command == "reconcile" {
		flags.StringVar(&o.config, "config", "", "")
		flags.StringVar(&o.data, "data", "", "")
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	var err error
	switch rest := flags.Args(); {
	case command == "check" && len(rest) == 1:
		err = check(ctx, rest[0], stdout)
	case len(rest) > 0:
		fmt.Fprint(stderr, usage)
		return exitUsage
	case command == "serve":
		err = serve(ctx, o, stdout, stderr)
	case command == "reconcile":
		err = reconcile(ctx, o, stdout)
	case command == "example":
		_, err = io.WriteString(stdout, config.Example)
	case command == "version":
		_, err = fmt.Fprintln(stdout, version())
	default:
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	var wrong *config.Error
	switch {
	case errors.As(err, &wrong): // lines that begin with file:line:, for editors
		fmt.Fprintln(stderr, wrong)
		return exitFailed
	case err != nil:
		fmt.Fprintf(stderr, "gateway: %v\n", err)
		return exitFailed
	}
	return 0
}

// load reads the configuration that the flags name, and puts what else they say into it.
func load(o options) (*config.File, error) {
	f, err := config.Load(o.config, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if o.data != "" {
		f.DataDir = o.data
	}
	if o.listen != "" {
		f.Listen = o.listen
	}
	return f, f.ExportProxies()
}

// version is what the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "gateway (unknown)"
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}
	return fmt.Sprintf("gateway %s%s%s %s", info.Main.Version, revision, changed, info.GoVersion)
}
