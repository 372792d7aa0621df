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
	"slices"
	"syscall"

	"github.com/aitransport/aitransport/examples/gateway/config"
)

const usage = `gateway serves OpenAI's, Anthropic's and Gemini's APIs through many accounts.

  gateway [-config file.yaml] [-listen host:port] [-data folder]   serve
  gateway -demo [-listen host:port]                                serve fake providers, to try it
  gateway check file.yaml                                          tell everything that is wrong with a configuration
  gateway reconcile [-config file.yaml] [-data folder]             prove that the books agree
  gateway token [-config file.yaml] [-data folder]                 make another admin token; the one before ends
  gateway rotate-key [-config file.yaml] [-data folder]            encrypt all secrets under another master key
  gateway example                                                  print a configuration with every field
  gateway version
`

// commands are the words that a command line can begin with.
var commands = []string{"serve", "check", "reconcile", "token", "rotate-key", "example", "version"}

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
		fmt.Fprintln(os.Stderr, "Ending at once, as it was told a second time.")
		os.Exit(exitFailed)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	misused := func(format string, args ...any) int {
		fmt.Fprintf(stderr, "gateway: "+format+".\n\n%s", append(args, usage)...)
		return exitUsage
	}
	if !slices.Contains(commands, command) {
		return misused("%.40q is no command", command)
	}
	o, rest, err := parse(command, args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // which has been said
		return exitUsage
	}
	takes := 0
	if command == "check" {
		takes = 1
	}
	switch {
	case len(rest) > takes:
		return misused("%.40q is one word too many", rest[takes])
	case len(rest) < takes:
		return misused("%q takes the name of one file", command)
	}
	switch command {
	case "check":
		err = check(ctx, rest[0], stdout)
	case "serve":
		err = serve(ctx, o, stdout, stderr)
	case "reconcile":
		err = reconcile(ctx, o, stdout)
	case "token":
		err = replaceToken(ctx, o, stdout, stderr)
	case "rotate-key":
		err = rotateKey(ctx, o, stdout)
	case "example":
		_, err = io.WriteString(stdout, config.Example)
	case "version":
		_, err = fmt.Fprintln(stdout, version())
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

// parse reads what follows a command: its flags, and other words.
func parse(command string, args []string, stderr io.Writer) (o options, rest []string, err error) {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	switch command {
	case "serve":
		flags.BoolVar(&o.demo, "demo", false, "")
		flags.StringVar(&o.listen, "listen", "", "")
		fallthrough
	case "reconcile", "token", "rotate-key":
		flags.StringVar(&o.config, "config", "", "")
		flags.StringVar(&o.data, "data", "", "")
	}
	err = flags.Parse(args)
	return o, flags.Args(), err
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
