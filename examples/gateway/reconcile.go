package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// errDisagree is why reconcile fails though nothing went wrong.
var errDisagree = errors.New("the books do not agree: the lines above say where")

// reconcile tells whether the request log, the daily sums and the totals agree. It may run
// beside a gateway.
func reconcile(ctx context.Context, o options, stdout io.Writer) (err error) {
	_, db, err := openBooks(ctx, o)
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
