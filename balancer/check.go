package balancer

import (
	"context"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// CheckReport is what an account's probes found. Its JSON form is stable; fields
// may be added. It holds no secret.
type CheckReport struct {
	Account  string        `json:"account"`
	Provider string        `json:"provider"`
	Probes   []ProbeReport `json:"probes"` // in the order in which they were asked
}

// OK tells whether every probe got the answer of an account that is well.
func (r CheckReport) OK() bool {
	for i := range r.Probes {
		if r.Probes[i].Class != provider.ClassOK {
			return false
		}
	}
	return len(r.Probes) > 0
}

// ProbeReport is what one probe found.
type ProbeReport struct {
	Probe  string           `json:"probe"`
	Proves []provider.Proof `json:"proves,omitempty"` // what it proves if Class is ok

	Reached  bool   `json:"reached"`            // an answer came, with whatever status
	Status   int    `json:"status,omitempty"`   // 0: no answer
	Proxy    string `json:"proxy,omitempty"`    // by which the request left, redacted; "direct"; "": it did not leave, or it is not known
	Fallback string `json:"fallback,omitempty"` // why it went direct although a proxy was set; "": it did not

	Duration   time.Duration `json:"-"`
	DurationMs int64         `json:"durationMs"` // Duration in whole milliseconds

	Class   provider.Class   `json:"class"` // what the answer means
	Code    string           `json:"code,omitempty"`
	Message string           `json:"message,omitempty"` // the provider's words, the probe's, or the transport's
	Advice  provider.Advice  `json:"advice"`            // what to do about it
	Verdict provider.Verdict `json:"-"`                 // the whole of it
	Err     error            `json:"-"`                 // why no answer came, or not all of it
}

// Check asks an account's provider how the account is, with the account's
// credential and by the account's own way, proxy and all. Without probes it asks
// those of provider.Probes, of which none is undocumented and none uses tokens;
// what is given is asked, whatever it is.
//
// The requests are no attempts: they pass none of Config.Attempt, are not counted
// against Limits, told to no hook, and change nothing that health knows. Each is
// given ten seconds, or what the context leaves, and at most 64 KiB of its answer
// are read; redirects are not followed. Disabled accounts are checked too.
//
// An error means that nothing was asked: no account of that name, no probe for its
// provider, a probe that is wrong, or [ErrClosed]. All else is in the report. A
// probe that Close or the context ends is reported as canceled or timed out.
func (t *Transport) Check(ctx context.Context, account string, probes ...provider.Probe) (CheckReport, error) {
	m, ctx, end, err := t.begin(ctx, "Check", account)
	if err != nil {
		return CheckReport{}, err
	}
	defer end()
	if len(probes) == 0 {
		probes = provider.Probes(m.Provider)
	}
	if len(probes) == 0 {
		return CheckReport{}, fmt.Errorf("balancer: Check: account %q: no probe is known for the provider %q: give one", m.Name, m.Provider.Name)
	}
	for i := range probes {
		if err := probes[i].Validate(); err != nil {
			return CheckReport{}, fmt.Errorf("balancer: Check: account %q: %w", m.Name, err)
		}
	}
	r := CheckReport{Account: m.Name, Provider: m.Provider.Name, Probes: make([]ProbeReport, len(probes))}
	for i := range probes {
		r.Probes[i] = m.ask(ctx, &probes[i], maxCheckBody).report(&probes[i])
	}
	return r, nil
}

// CheckAccount is Check for an account that no Transport has: one that somebody is
// about to save. It is reached as a Transport with this Config would reach it;
// Config.Accounts is not looked at. The error can also be that of [New].
func CheckAccount(ctx context.Context, cfg Config, a Account, probes ...provider.Probe) (CheckReport, error) {
	cfg.Accounts = []Account{a}
	t, err := New(cfg)
	if err != nil {
		return CheckReport{}, err
	}
	defer func() { _ = t.Close() }() // returns nil
	return t.Check(ctx, a.Name, probes...)
}

// begin finds an account and lets a call for it in, which end ends.
func (t *Transport) begin(ctx context.Context, what, account string) (*member, context.Context, func(), error) {
	m, ok := t.fleet.Load().byName[account]
	if !ok {
		return nil, nil, nil, fmt.Errorf("balancer: %s: no account is named %q", what, account)
	}
	one := &call{}
	if ctx = t.calls.enter(ctx, one); ctx == nil {
		return nil, nil, nil, ErrClosed
	}
	return m, ctx, one.end, nil
}

// ProbeError is a question about an account that was not answered as it should be.
type ProbeError struct {
	Account string
	Probe   string
	Status  int              // 0: no answer
	Verdict provider.Verdict // what the answer, or its lack, means
	Err     error            // why no answer came, or why it could not be read; nil: Verdict says it all
}

// Error tells what was asked, what came back and what to do.
func (e *ProbeError) Error() string {
	s := fmt.Sprintf("balancer: account %q: %s: ", e.Account, e.Probe)
	if e.Status != 0 {
		s += fmt.Sprintf("status %d: ", e.Status)
	}
	if e.Verdict.Class == provider.ClassOK && e.Err != nil {
		return s + e.Err.Error()
	}
	s += e.Verdict.Class.String()
	if e.Verdict.Message != "" {
		s += ": " + e.Verdict.Message
	}
	return s + ": " + adviceOn(e.Verdict, e.Err).Text
}

// Unwrap is Err.
func (e *ProbeError) Unwrap() error { return e.Err }
