package quota

import (
	"fmt"
	"strings"
	"time"
)

// WindowKind is what sort of window a limit has.
type WindowKind uint8

// The kinds of window. Their numbers are part of what stores keep and do not change.
const (
	WindowNone    WindowKind = iota // no window: right for InFlight, wrong for everything else
	WindowRolling                   // the last so and so long
	WindowTotal                     // ever
)

// Window is the stretch of time over which a limit counts. It is comparable: limits of one key with the same unit and
// equal windows share one count, so Max can be changed while it runs. Windows are made by Rolling and Total; the zero
// Window is none.
type Window struct {
	kind   WindowKind
	length time.Duration
}

// maxRolling is the longest rolling window. Longer ones are a mistake of units, and would overflow a count of
// nanoseconds.
const maxRolling = 10 * 366 * 24 * time.Hour

// Rolling is the window of the last d. A d of 0, a negative one and one above ten years make a limit invalid.
func Rolling(d time.Duration) Window { return Window{kind: WindowRolling, length: d} }

// Total is the window that never ends: what was spent stays spent until the key is reset.
func Total() Window { return Window{kind: WindowTotal} }

// Kind is what sort of window it is.
func (w Window) Kind() WindowKind { return w.kind }

// Length is how long a rolling window is; 0 for the other kinds.
func (w Window) Length() time.Duration { return w.length }

// String is the window in words: "per 1m", "in total", "at once" for none.
func (w Window) String() string {
	switch w.kind {
	case WindowNone:
		return "at once"
	case WindowRolling:
		return "per " + brief(w.length)
	case WindowTotal:
		return "in total"
	default:
		return fmt.Sprintf("window(%d)", w.kind)
	}
}

// validate says what is wrong with the window of a limit of units.
func (w Window) validate() error {
	switch {
	case w.kind == WindowNone:
		return fmt.Errorf("no window: write quota.Rolling(time.Minute) or quota.Total()")
	case w.kind == WindowRolling && w.length <= 0:
		return fmt.Errorf("a rolling window of %v: write a length above 0, such as quota.Rolling(time.Minute)", w.length)
	case w.kind == WindowRolling && w.length > maxRolling:
		return fmt.Errorf("a rolling window of %v, more than ten years: write a shorter one, or quota.Total()", w.length)
	default:
		return nil
	}
}

// brief is d without the zeros at its end: 5h, not 5h0m0s.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
