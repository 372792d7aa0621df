package balancer

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/aitransport/aitransport/transport"
)

// probesAtOnce bounds how many accounts are probed at the same time.
const probesAtOnce = 8

// AccountReport is what a probe found on the way to an account's provider.
type AccountReport struct {
	Account string `json:"account"`
	transport.Report
}

// Probe takes the way of each account to its provider, as [transport.Transport.Probe]
// does, and tells how far it came: through the account's own proxy, without its
// credential, and without holding anything against it. Any HTTP status means that
// the provider was reached. The reports are in the order of the accounts, disabled
// ones included. The context bounds all of them together.
func (t *Transport) Probe(ctx context.Context) []AccountReport {
	f := t.fleet.Load()
	reports := make([]AccountReport, len(f.members))
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for i, m := range f.members {
		reports[i].Account = m.Name
		if m.probe == nil {
			err := errors.New("balancer: an account that Config.RoundTripper carries cannot be probed")
			reports[i].Err, reports[i].Error = err, err.Error()
			continue
		}
		group.Go(func() error {
			reports[i].Report = m.probe(ctx)
			return nil
		})
	}
	_ = group.Wait() // no probe fails as a whole; its report says what it found
	return reports
}
