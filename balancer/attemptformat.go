package balancer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// attemptFields is an Attempt whose durations are told in milliseconds.
type attemptFields struct {
	plainAttempt
	FirstByteMs float64 `json:"firstByteMs,omitempty"`
	DurationMs  float64 `json:"durationMs"`
}

// plainAttempt has no methods, so that encoding/json looks at the fields.
type plainAttempt Attempt

// MarshalJSON writes the fields, and the durations as firstByteMs and durationMs, in
// milliseconds with their fractions.
func (a Attempt) MarshalJSON() ([]byte, error) {
	return json.Marshal(attemptFields{plainAttempt(a), milliseconds(a.FirstByte), milliseconds(a.Duration)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Attempt) UnmarshalJSON(data []byte) error {
	f := attemptFields{}
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	*a = Attempt(f.plainAttempt)
	a.FirstByte, a.Duration = ofMilliseconds(f.FirstByteMs), ofMilliseconds(f.DurationMs)
	return nil
}

// milliseconds are exact up to a hundred days.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func ofMilliseconds(ms float64) time.Duration {
	return time.Duration(math.Round(ms * float64(time.Millisecond)))
}

// line is String with all that is told in a Trail.
func (a Attempt) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s", a.Request, a)
	tell := func(format string, args ...any) { fmt.Fprintf(&b, "; "+format, args...) }
	if a.Model != "" {
		tell("model %s", short(a.Model))
	}
	if a.URL != "" {
		tell("%s", short(a.URL))
	}
	if !a.Start.IsZero() {
		tell("at %s for %s", a.Start.UTC().Format(time.RFC3339), roundly(a.Duration))
	}
	if a.FirstByte > 0 {
		tell("first byte after %s", roundly(a.FirstByte))
	}
	if a.RequestBytes > 0 || a.AnswerBytes > 0 {
		tell("%d bytes out, %d in", max(a.RequestBytes, 0), a.AnswerBytes)
	}
	if u := a.Usage; u.Total() > 0 {
		tell("%d + %d tokens", u.Input, u.Output)
	}
	switch {
	case a.Cost > 0 && a.CostKnown:
		tell("%s", dollars(a.Cost))
	case a.Cost > 0:
		tell("at least %s", dollars(a.Cost))
	}
	if a.Hedge {
		tell("beside another (hedge)")
	}
	if a.Retries > 0 {
		tell("sent %d times", a.Retries+1)
	}
	if a.Renewed {
		tell("with a renewed token")
	}
	if a.MaybeExecuted {
		tell("it may have been executed")
	}
	switch {
	case a.Answered && a.Class == provider.ClassOK:
		tell("the caller got this answer")
	case a.Answered: // it failed, or was left, on the way
		tell("the caller had got the beginning of it")
	}
	return b.String()
}

// roundly is a duration for people.
func roundly(d time.Duration) time.Duration {
	if d >= 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// dollars is nano-USD for people.
func dollars(nano int64) string {
	text := fmt.Sprintf("$%d.%09d", nano/1_000_000_000, nano%1_000_000_000)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
