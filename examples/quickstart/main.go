// Quickstart shows what the library does, on a machine without a key and without a
// network: it starts fake providers and proxies, calls them with the official SDKs
// through accounts most of which do not work, and prints how each call was answered
// all the same.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -live [-proxy URL]   # the real services, with keys from the environment
//
// It exits with 1 if any call was not answered.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
)

// callTimeout bounds one call with all its attempts.
const callTimeout = 2 * time.Minute

func main() {
	live := flag.Bool("live", false, "call the real services; needs OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY")
	proxy := flag.String("proxy", "", "with -live: the proxy to go through, as in socks5://user:password@10.0.0.2:1080")
	verbose := flag.Bool("v", false, "print the reasons below the table, each once, and as far as they are kept (… stands for the rest)")
	models := sdks.Models{}
	flag.StringVar(&models.OpenAI, "openai-model", "gpt-4o-mini", "model to ask OpenAI for")
	flag.StringVar(&models.Anthropic, "anthropic-model", "claude-sonnet-5", "model to ask Anthropic for")
	flag.StringVar(&models.Gemini, "gemini-model", "gemini-3.6-flash", "model to ask Gemini for")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var (
		rows []row
		err  error
	)
	switch {
	case flag.NArg() > 0:
		err = fmt.Errorf("%q is not a flag: -h lists them", flag.Arg(0))
	case *live:
		rows, err = runLive(ctx, *proxy, models)
	case *proxy != "":
		err = errors.New("-proxy works with -live only: the fakes bring their own proxies")
	default:
		rows, err = runFakes(ctx, models)
	}
	stop()
	if len(rows) > 0 {
		printTable(os.Stdout, rows)
	}
	if *verbose {
		printReasons(os.Stdout, rows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// runFakes is the tour over fake providers and proxies.
func runFakes(ctx context.Context, models sdks.Models) ([]row, error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	rows, err := tour(ctx, w.config(), models, w.group)
	return rows, errors.Join(err, w.close())
}

// tour makes all calls through a balancer. A call for whose provider there is no
// account, and so no group, is left out.
func tour(ctx context.Context, cfg balancer.Config, models sdks.Models, group func(sdks.Call) string) ([]row, error) {
	lb, err := balancer.New(cfg)
	if err != nil {
		return nil, err
	}
	var rows []row
	failed := 0
	for _, call := range sdks.All(lb.Client(), "this key is replaced", models) {
		if group(call) == "" {
			continue
		}
		r := try(ctx, call, group(call))
		if r.err != nil {
			failed++
		}
		rows = append(rows, r)
	}
	err = lb.Shutdown(ctx)
	if failed > 0 {
		err = errors.Join(fmt.Errorf("%d of %d calls were not answered", failed, len(rows)), err)
	}
	return rows, err
}

// try makes one call and keeps its trail.
func try(ctx context.Context, call sdks.Call, group string) row {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ctx, trail := balancer.WithTrail(balancer.WithHint(ctx, balancer.Hint{Group: group}))
	result, err := call.Do(ctx)
	if err == nil && result.Text == "" {
		err = fmt.Errorf("the answer is empty")
	}
	return row{call: call, result: result, attempts: trail.Attempts(), err: err}
}
