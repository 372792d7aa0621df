package balancer

import (
	"context"
	"log/slog"
	"time"

	"github.com/aitransport/aitransport/health"
)

// What becomes of a domain, as log lines say it.
const (
	turnedResting   = "Resting"
	turnedDisabled  = "Disabled"
	turnedRecovered = "Recovered"
)

// turn is what became of a domain from one state to the next; "": nothing that matters to
// people. That only time has passed is none.
func turn(old, s *health.State, now time.Time) string {
	switch was, is := old.Phase(now), s.Phase(now); {
	case is == health.PhaseDisabled && (was != is || s.Cause != old.Cause):
		return turnedDisabled
	case is == health.PhaseOpen && was != is:
		return turnedResting
	case is == health.PhaseClosed && was != is:
		return turnedRecovered
	default:
		return ""
	}
}

// tell writes a line about a turn, and tells whether there was one.
func (t *Transport) tell(ctx context.Context, level slog.Level, subject health.Subject, old, s health.State, now time.Time) bool {
	what := turn(&old, &s, now)
	if what == "" {
		return false
	}
	if !t.cfg.Logger.Enabled(ctx, level) {
		return true
	}
	attrs := []any{"kind", subject.Kind.String()}
	if subject.Kind == health.KindAccount || subject.Kind == health.KindAccountModel {
		attrs = append(attrs, "account", subject.Name)
	} else {
		attrs = append(attrs, "name", subject.Name)
	}
	if subject.Model != "" {
		attrs = append(attrs, "model", short(subject.Model))
	}
	if what == turnedRecovered {
		t.cfg.Logger.Log(ctx, level, what, append(attrs, "cause", old.Cause.String())...)
		return true
	}
	attrs = append(attrs, "cause", s.Cause.String(), "reason", short(s.Reason))
	if what == turnedResting {
		attrs = append(attrs, "until", s.RestUntil)
	}
	t.cfg.Logger.Log(ctx, level, what, attrs...)
	return true
}

// tellAccounts writes a line about other accounts than there were before.
func (t *Transport) tellAccounts(before, f *fleet, replaced int) {
	added, removed := len(f.members), len(before.members)
	for name := range f.byName {
		if before.byName[name] != nil {
			added, removed = added-1, removed-1
		}
	}
	level := slog.LevelInfo
	if added == 0 && removed == 0 && replaced == 0 {
		level = slog.LevelDebug // somebody sets them again and again
	}
	t.cfg.Logger.Log(context.Background(), level, "Accounts set",
		"accounts", len(f.members), "added", added, "removed", removed, "newCredentials", replaced)
}
