package balancer

import (
	"errors"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// HealthChecks asks accounts how they are, by requests that nobody made: those that
// rest, those that health disabled, and those that had no traffic within the
// Interval. Disabled accounts and those off duty are left alone, and so is what a
// person disabled and what its provider asked to be left alone.
//
// Each is asked by its own way, proxy and all, as [Transport.Check] asks; the
// accounts' turns are spread over the Interval. Of all the programs that share
// Config.Health one asks an account in an Interval.
//
// An account whose turn comes while Concurrency others are being asked waits for one of
// them to end, and the accounts after it with it. Where many are mute a round can so
// take longer than the Interval: it goes on to its end with its turns late, and the next
// one begins at once. Rounds that were missed are not made up for.
//
// What is learnt changes health as [health.Policy.Checked] says: a good answer ends a
// rest for failures, and enables what health disabled, for want of money only if the
// probe shows money; a failure counts. What is wrong with a proxy, a route or a model
// is held against that, not against the account. Of a probe with a URL, which is asked
// elsewhere, only what it says of the credential and of money counts. The results stand
// in the Snapshot, and each is a line in the log.
type HealthChecks struct {
	Enabled bool // false: nobody is asked, and the others must not be set

	Interval    time.Duration // between two checks of an account; 0: 5 min; else at least a second
	Concurrency int           // accounts that are asked at the same time; 0: 4

	// Timeout is for all that one account is asked, each question having ten seconds. A
	// question is asked only if its share of Timeout is left, at most ten seconds; one
	// that Timeout cuts short because those before it took long says nothing about the
	// account. 0: 30 s.
	Timeout time.Duration

	// DisableAfter is after how many errors in a row, those of requests among them, a
	// check that fails disables an account, until a check succeeds or a person enables
	// it. 0: 5; negative: never, but for what the account's own Policy says.
	DisableAfter int

	All bool // ask accounts that have traffic, too

	// Probes are what an account is asked, in this order; none: it is not asked. nil:
	// those of provider.Probes, of which none uses tokens. What a probe costs is paid
	// every Interval.
	Probes func(account string, p *provider.Provider) []provider.Probe
}

const (
	defaultCheckInterval    = 5 * time.Minute
	defaultCheckConcurrency = 4
	defaultCheckTimeout     = 30 * time.Second
	defaultDisableAfter     = 5
)

func (h HealthChecks) check() error {
	set := h.Interval != 0 || h.Concurrency != 0 || h.Timeout != 0 || h.DisableAfter != 0 || h.All || h.Probes != nil
	switch {
	case h.Interval < 0 || h.Concurrency < 0 || h.Timeout < 0:
		return errors.New("negative Interval, Concurrency or Timeout: write 0 for the default")
	case h.Interval > 0 && h.Interval < time.Second:
		return fmt.Errorf("an Interval of %v: was its unit forgotten? Write at least a second, such as %v", h.Interval, defaultCheckInterval)
	case h.Timeout > 0 && h.Timeout < time.Millisecond:
		return fmt.Errorf("a Timeout of %v: was its unit forgotten? Write %d*time.Second", h.Timeout, int64(h.Timeout))
	case set && !h.Enabled:
		return errors.New("something is set, and Enabled is not, so nobody would be asked: set Enabled too, or nothing")
	default:
		return nil
	}
}

func (h HealthChecks) withDefaults() HealthChecks {
	if h.Interval == 0 {
		h.Interval = defaultCheckInterval
	}
	if h.Concurrency == 0 {
		h.Concurrency = defaultCheckConcurrency
	}
	if h.Timeout == 0 {
		h.Timeout = defaultCheckTimeout
	}
	if h.DisableAfter == 0 {
		h.DisableAfter = defaultDisableAfter
	}
	if h.Probes == nil {
		h.Probes = func(_ string, p *provider.Provider) []provider.Probe { return provider.Probes(p) }
	}
	return h
}
