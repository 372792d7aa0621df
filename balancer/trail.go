package balancer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// Attempt is one try of one request at one account, as it looked when it ended.
// It holds no secret.
type Attempt struct {
	Request  uint64 `json:"request"` // the same for all attempts of one request; unique in the process
	Account  string `json:"account"`
	Provider string `json:"provider"`
	Model    string `json:"model,omitempty"` // as sent
	URL      string `json:"url"`             // without query

	Proxy    string `json:"proxy"`              // redacted; "direct"; "" if it is not known
	Fallback string `json:"fallback,omitempty"` // why it went direct instead of through its proxy
	Retries  int    `json:"retries,omitempty"`  // how often it was sent again because nothing of it had been sent
	Renewed  bool   `json:"renewed,omitempty"`  // its token was refused, so it was sent again with a new one

	Hedge        bool  `json:"hedge,omitempty"`        // it was made beside another that was under way (Config.Hedge)
	RequestBytes int64 `json:"requestBytes,omitempty"` // how long the request's body was, as it was sent here; -1: not known beforehand
	AnswerBytes  int64 `json:"answerBytes,omitempty"`  // of the answer's body, decoded, as much as was read; of an error answer at most 64 KiB

	Status int              `json:"status,omitempty"` // 0: no answer
	Phase  *transport.Phase `json:"phase,omitempty"`  // where a transport failure happened; nil: there was none
	Class  provider.Class   `json:"class"`
	Code   string           `json:"code,omitempty"`   // the provider's own word
	Reason string           `json:"reason,omitempty"` // why it was left, for people

	NoBudget bool `json:"noBudget,omitempty"` // another account might have been tried, but Config.RetryBudget was empty

	Start         time.Time      `json:"start"`
	FirstByte     time.Duration  `json:"-"` // until the answer's first byte of content was read; 0: none came; in JSON firstByteMs, in milliseconds
	Duration      time.Duration  `json:"-"` // in JSON durationMs, in milliseconds
	Usage         provider.Usage `json:"usage"`
	Cost          int64          `json:"cost"`                    // of Usage, in nano-USD, as it was charged: Config.Prices times the account's factor
	CostKnown     bool           `json:"costKnown"`               // Cost is all of it; false: a part has no price, or Usage is not complete, and Cost is what is known of it, 0 where nothing is
	Answered      bool           `json:"answered"`                // its answer was handed over as good; Class says whether it stayed so to the end. One that is handed over although it had failed, since nobody did better, is not meant
	MaybeExecuted bool           `json:"maybeExecuted,omitempty"` // it failed, but the provider may have done, and charged, the work
}

// String is one line for people.
func (a Attempt) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s", a.Account, a.Provider)
	if a.Proxy != "" && a.Proxy != "direct" {
		fmt.Fprintf(&b, " through %s", a.Proxy)
	}
	b.WriteString("): ")
	switch {
	case a.Status != 0:
		fmt.Fprintf(&b, "%d %s", a.Status, a.Class)
	case a.Phase != nil:
		fmt.Fprintf(&b, "%s at %s", a.Class, *a.Phase)
	default:
		b.WriteString(a.Class.String())
	}
	if a.Reason != "" {
		b.WriteString(": " + a.Reason)
	}
	if a.NoBudget {
		b.WriteString(" (not tried again: the retry budget is empty)")
	}
	if a.Fallback != "" {
		b.WriteString(" (directly, after: " + a.Fallback + ")")
	}
	return b.String()
}

// Trail collects the attempts of all requests made under a context, in the order
// in which they ended: the last 10,000 of them at most. It is safe for concurrent
// use. Its JSON form is that of Attempts, and can be read back.
type Trail struct {
	mu       sync.Mutex
	attempts []Attempt
}

// maxTrail is how many attempts a Trail keeps at most, and at least half of them: a
// context may live for long.
const maxTrail = 10_000

// Attempts is a copy of what was collected so far.
func (t *Trail) Attempts() []Attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Attempt(nil), t.attempts...)
}

// String is a line for each attempt: what happened, when, and what it came to.
func (t *Trail) String() string {
	var b strings.Builder
	for _, a := range t.Attempts() {
		b.WriteString(a.line() + "\n")
	}
	return b.String()
}

// MarshalJSON is the list of the attempts.
func (t *Trail) MarshalJSON() ([]byte, error) {
	if attempts := t.Attempts(); attempts != nil {
		return json.Marshal(attempts)
	}
	return []byte("[]"), nil
}

// UnmarshalJSON reads what MarshalJSON wrote, in place of what was collected.
func (t *Trail) UnmarshalJSON(data []byte) error {
	var attempts []Attempt
	if err := json.Unmarshal(data, &attempts); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempts = attempts
	return nil
}

// add notes an attempt that ended.
func (t *Trail) add(a Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.attempts) >= maxTrail {
		t.attempts = slices.Delete(t.attempts, 0, len(t.attempts)-maxTrail/2)
	}
	t.attempts = append(t.attempts, a)
}

type trailKey struct{}

// WithTrail is a context whose requests note their attempts in the Trail. The Trail
// of an outer WithTrail no longer sees them.
func WithTrail(ctx context.Context) (context.Context, *Trail) {
	t := &Trail{}
	return context.WithValue(ctx, trailKey{}, t), t
}

func trailOf(ctx context.Context) *Trail {
	t, _ := ctx.Value(trailKey{}).(*Trail)
	return t
}
