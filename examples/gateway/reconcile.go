package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/aitransport/aitransport/examples/gateway/store"
)

// errDisagree is why reconcile fails though nothing went wrong.
var errDisagree = errors.New("the books do not agree: the lines above say where")

// reconcile tells whether the request log, the daily sums and the totals agree. It may run
// beside a gateway.
func reconcile(ctx context.Context, o options, stdout io.Writer) (err error) {
	f, err := load(o)
	if err != nil {
		return err
	}
	if f.Database.IsZero() {
		if _, err := os.Stat(f.DatabaseURL().Reveal()); err != nil {
			return fmt.Errorf("there are no books at %s: name the gateway's folder by -data, or its configuration by -config", f.DatabaseURL().Reveal())
		}
	}
	key, _, err := f.Key()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, storeConfig(f, key, slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	report, err := db.Reconcile(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, report); err != nil {
		return err
	}
	if !report.Agrees() {
		return errDisagree
	}
	return nil
}
