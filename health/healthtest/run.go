package healthtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aitransport/aitransport/health"
)

// Run checks a store, and if it is a [health.Changer] what it promises as one. open returns an empty one with room for
// 2,000 subjects, is called once for each case, and may use t.Cleanup to close it. Run needs no particular clock and takes
// no time but the store's own.
func Run(t *testing.T, open func(t *testing.T) health.Store) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			p.run(t, open(t))
		})
	}
	for _, p := range announcements {
		t.Run(p.name, func(t *testing.T) {
			store := open(t)
			if _, ok := store.(health.Changer); !ok {
				t.Skip("this store does not tell what has changed: it is no health.Changer")
			}
			p.run(t, store)
		})
	}
}

// promise is one case: what a store promises, and a check that returns what was seen instead.
type promise struct {
	name, text string
	check      func(context.Context, health.Store) error
}

func (p promise) run(t *testing.T, store health.Store) {
	t.Helper()
	if err := p.check(t.Context(), store); err != nil {
		t.Errorf("%v\nthe promise: %s", err, p.text)
	}
}

var promises = []promise{
	{"unknown is healthy", "a subject that the store does not know has the zero State", checkUnknown},
	{"order", "Load returns the states of the subjects, in their order and as many", checkOrder},
	{"kept whole", "what f made is returned, and kept with every field as it was", checkWhole},
	{"successive", "f is given the state that is kept, and the last state given back is kept", checkSuccessive},
	{"apart", "subjects that differ in anything have states of their own", checkApart},
	{"forget", "setting the zero State forgets the subject", checkForget},
	{"callers own", "the slice that Load returned belongs to the caller", checkOwned},
	{"none lost", "of the updates of one subject each sees the result of another, and none is lost", checkNoneLost},
	{"not torn", "Load never sees half an update", checkNotTorn},
	{"one probe", "of all who claim the probe of a half-open subject, exactly one gets it", checkOneProbe},
	{"done context", "with a context that is already done, a method returns an error and nothing happens", checkDone},
}

// announcements are what a store promises that is a [health.Changer].
var announcements = []promise{
	{"everything", "the empty cursor, and one that the store never gave, bring everything that is known", announced(checkEverything)},
	{"since", "Changes returns what changed after the cursor, what was forgotten too, and nothing else", announced(checkSince)},
	{"pages", "a page has at most 1,000 changes, and the pages together all of them", announced(checkPages)},
	{"none missed", "whoever follows the changes while others make them misses none", announced(checkNoneMissed)},
	{"changes, done context", "with a context that is already done Changes returns an error, and the cursor is as good as before", announced(checkChangesDone)},
}

func account(name string) health.Subject {
	return health.Subject{Kind: health.KindAccount, Name: name}
}

// full is a state with something in every field, different for different n.
func full(n int) health.State {
	at := time.Date(2026, 11, 20, 12, 0, n, 123456789, time.UTC)
	return health.State{
		Failures: n + 1, AuthFailures: n + 2, Rests: n + 3, Cause: health.CauseExhausted,
		RestUntil: at.Add(time.Hour), ProbeDue: true, ProbeFrom: at.Add(time.Minute), ProbeUntil: at.Add(2 * time.Minute),
		Disabled: true, Reason: fmt.Sprintf("429 «zu viel» \x00\n%d", n), Since: at, LastFailure: at.Add(-time.Nanosecond),
		LastCheck: at.Add(3 * time.Minute), Recovered: at.Add(4 * time.Minute),
		Window:  health.Window{From: at.Add(5 * time.Minute), Failures: n + 4, Successes: n + 5, PastFailures: n + 6, PastSuccesses: n + 7},
		Version: 1<<63 + uint64(n),
	}
}

// set makes the subject's state s.
func set(ctx context.Context, store health.Store, subject health.Subject, s health.State) error {
	got, err := store.Update(ctx, subject, func(health.State) health.State { return s })
	if err != nil {
		return seen("Update(%v): %w", subject, err)
	}
	if got != s {
		return seen("Update(%v) returned %+v, f made %+v", subject, got, s)
	}
	return nil
}

// expect checks that loading subject gives want.
func expect(ctx context.Context, store health.Store, subject health.Subject, want health.State) error {
	got, err := store.Load(ctx, []health.Subject{subject})
	if err != nil {
		return seen("Load(%v): %w", subject, err)
	}
	if len(got) != 1 {
		return seen("Load of one subject returned %d states", len(got))
	}
	if got[0] != want {
		return seen("Load(%v) returned %+v, want %+v", subject, got[0], want)
	}
	return nil
}

// seen is what a check saw instead of what was promised.
func seen(format string, args ...any) error { return fmt.Errorf(format, args...) }
