package redishealth

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/health"
)

// ErrContended is the error of an Update that others forestalled again and again, for a second or more. It is a
// [health.ErrSubject].
var ErrContended = fmt.Errorf("others changed the state at every attempt (%w)", health.ErrSubject)

// ErrUnreadable is the error of an Update of a state that a later version wrote. It stays as it is: update this program,
// or have the other one forget the subject. It is a [health.ErrSubject].
var ErrUnreadable = fmt.Errorf("the stored state cannot be read here, and is left as it is (%w)", health.ErrSubject)

const (
	maxAttempts = 100
	patient     = 4 // attempts without a pause
	maxPause    = 32 * time.Millisecond
)

// Update implements [health.Store]. It compares and swaps, first in the belief that the subject is healthy, and so runs f
// once more than there would be need. Of the callers in one program that change the same subject one goes at a time.
// Where others forestall it 100 times the error is [ErrContended], and of a state that a later version wrote it is
// [ErrUnreadable]: nothing was changed.
func (s *Store) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if err := ctx.Err(); err != nil {
		return health.State{}, err
	}
	after, err := s.update(ctx, subject, f)
	if err != nil {
		return health.State{}, s.failed("update "+subject.String(), err)
	}
	return after, nil
}

func (s *Store) update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	var before health.State
	var known string // the bytes of before; "": none
	asSaid := false  // before is what the server has said since the call began
	began, turn := time.Now(), (*lane)(nil)
	for attempt := range maxAttempts {
		after := f(before)
		if asSaid && after == before {
			return after, nil
		}
		next, asked := bytesOf(after), time.Now()
		now, err := s.swap(ctx, subject, known, next, after)
		if err != nil {
			return health.State{}, err
		}
		if turn != nil {
			turn.last = said{subject, now, asked}
		}
		if now == next {
			return after, nil
		}
		if turn == nil {
			if turn, err = s.lanes.enter(ctx, subject); err != nil {
				return health.State{}, err
			}
			defer turn.leave()
			if turn.last.subject == subject && turn.last.asked.After(began) {
				now = turn.last.stored // newer than what the server said before others had their turns
			}
		}
		if before, err = readState(now); err != nil {
			s.odd.report(subject, field(subject), now, err)
			if isLater(now) {
				return health.State{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
			}
		}
		known, asSaid = now, err == nil
		if err := pause(ctx, attempt); err != nil {
			return health.State{}, err
		}
	}
	return health.State{}, ErrContended
}

// swap makes the subject's state next if it is known, and returns what it is then. No two swaps have the same next, so
// whoever finds its own has succeeded, though it may be that a call was sent twice and the first answer lost.
func (s *Store) swap(ctx context.Context, subject health.Subject, known, next string, after health.State) (string, error) {
	reply, err := s.script(ctx, updateScript, []string{s.states, s.changes, s.idle, s.gone, s.meta},
		field(subject), known, next, class(subject, after), s.keep(after, time.Now()), strconv.Itoa(s.most),
		strconv.Itoa(s.mostGone()), strconv.FormatInt(goneFor.Microseconds(), 10), newName())
	if err != nil {
		return "", err
	}
	return swapped(reply, next)
}

// swapped reads the reply of update.lua.
func swapped(reply any, next string) (string, error) {
	parts, err := list(reply, -1)
	if err != nil {
		return "", err
	}
	words := make([]string, len(parts))
	for i, part := range parts {
		if words[i], err = text(part); err != nil {
			return "", err
		}
	}
	switch {
	case len(words) == 1 && words[0] == "set":
		return next, nil
	case len(words) == 2 && words[0] == "not":
		return words[1], nil
	default:
		return "", errReply("a list of "+strconv.Itoa(len(parts)), "set, or not and a state")
	}
}

// mostGone bounds how many forgotten subjects are remembered.
func (s *Store) mostGone() int {
	if s.most == 0 {
		return defaultMaxSubjects
	}
	return s.most
}

// pause waits a little while others are busy with the same subject, longer each time, and each caller for another time.
func pause(ctx context.Context, attempt int) error {
	if attempt < patient {
		return ctx.Err()
	}
	longest := min(time.Millisecond<<min(attempt-patient, 10), maxPause)
	t := time.NewTimer(rand.N(longest)) //nolint:gosec // only so that two do not keep step
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lanes let the callers of one program change a subject one after the other, so that they do not forestall each other.
// Subjects share them.
type lanes struct {
	seed maphash.Seed
	all  [64]lane
}

// lane is one of them.
type lane struct {
	turn chan struct{} // holds one when somebody is in the lane
	last said          // in the lane; of whoever is in it
}

// said is what the server said of a subject when it was asked at that time: whoever began before that need not ask
// again. So a crowd whose first have changed what there is to change costs no more than these.
type said struct {
	subject health.Subject
	stored  string
	asked   time.Time
}

func newLanes() *lanes {
	l := &lanes{seed: maphash.MakeSeed()}
	for i := range l.all {
		l.all[i].turn = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the subject's lane. Whoever has it leaves it.
func (l *lanes) enter(ctx context.Context, subject health.Subject) (*lane, error) {
	in := &l.all[maphash.Comparable(l.seed, subject)%uint64(len(l.all))]
	select {
	case in.turn <- struct{}{}:
		return in, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lane) leave() { <-l.turn }
