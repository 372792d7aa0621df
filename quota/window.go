package quota

import (
	"fmt"
	"math"
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
	WindowDaily                     // from a time of the day until that time on the next
	WindowWeekly                    // the same, from a day of the week on
	WindowMonthly                   // the same, from a day of the month on
)

// Window is the stretch of time over which a limit counts. It is comparable: limits of one key with the same unit and
// equal windows share one count, so Max can be changed while it runs. Windows are made by Rolling, Daily, Weekly, Monthly
// and Total; the zero Window is none.
//
// Daily, weekly and monthly windows begin by the clock on the wall of a zone and last until the next begins, however many
// hours that is: one of 24 hours is of 23 or 25 where the clocks are changed. Windows whose zones have the same name are
// equal, wherever the *time.Location came from, and so are those in zones that always have the same offset from UTC,
// whatever they are called. time.Local is apart from all of them, whatever zone this machine is in; unless it is time.UTC
// itself, stores that machines share refuse it. [Window.Bounds] says where a window begins and ends.
type Window struct {
	kind   WindowKind
	day    int16          // time.Weekday, or the day of the month
	offset int32          // seconds east of UTC, if zone is nil
	length time.Duration  // of a rolling window; of the others, the time of the day
	zone   *time.Location // one for each name; nil: always at offset
}

const (
	dayLength = 24 * time.Hour

	// maxRolling is the longest rolling window. Longer ones are a mistake of units, and would overflow a count of
	// nanoseconds.
	maxRolling = 10 * 366 * dayLength

	// minRolling is the shortest one. Shorter ones lack their unit.
	minRolling = time.Millisecond

	maxZoneName = 64 // of the names there are, the longest has half of that
)

// Rolling is the window of the last d. A d of 0, a negative one and one above ten years make a limit invalid.
func Rolling(d time.Duration) Window { return Window{kind: WindowRolling, length: d} }

// Daily is the window that begins each day at a time that the clock on the wall shows: 9*time.Hour is nine o'clock, also
// on a day of 23 or 25 hours. A nil zone is UTC. An at below 0 or of 24 hours and more makes a limit invalid.
func Daily(at time.Duration, zone *time.Location) Window {
	return Window{kind: WindowDaily, length: at}.in(zone)
}

// Weekly is the window that begins each week on a day, at a time as for Daily.
func Weekly(day time.Weekday, at time.Duration, zone *time.Location) Window {
	return Window{kind: WindowWeekly, day: small(int(day)), length: at}.in(zone)
}

// Monthly is the window that begins each month on a day from 1 to 31, at a time as for Daily. In months that are shorter
// it begins on their last day. Other days make a limit invalid.
func Monthly(day int, at time.Duration, zone *time.Location) Window {
	return Window{kind: WindowMonthly, day: small(day), length: at}.in(zone)
}

// small is a day, as near as an int16 comes: what it cuts off is wrong anyway.
func small(day int) int16 { return int16(min(max(day, math.MinInt16), math.MaxInt16)) }

// Total is the window that never ends: what was spent stays spent until the key is reset.
func Total() Window { return Window{kind: WindowTotal} }

// Kind is what sort of window it is.
func (w Window) Kind() WindowKind { return w.kind }

// Length is how long a rolling window is; 0 for the other kinds.
func (w Window) Length() time.Duration {
	if w.kind == WindowRolling {
		return w.length
	}
	return 0
}

// zoned reports whether the window begins by the clock of a zone.
func (w Window) zoned() bool { return w.kind >= WindowDaily && w.kind <= WindowMonthly }

// String is the window in words: "per 1m", "per day from 09:00 Europe/Berlin", "in total", "at once" for none.
func (w Window) String() string {
	switch w.kind {
	case WindowNone:
		return "at once"
	case WindowRolling:
		return "per " + brief(w.length)
	case WindowTotal:
		return "in total"
	case WindowDaily:
		return "per day from " + w.clock()
	case WindowWeekly:
		return fmt.Sprintf("per week from %v %s", time.Weekday(w.day), w.clock())
	case WindowMonthly:
		return fmt.Sprintf("per month from day %d %s", w.day, w.clock())
	default:
		return fmt.Sprintf("window(%d)", w.kind)
	}
}

// clock is when in the day a zoned window begins: "09:00 Europe/Berlin".
func (w Window) clock() string {
	if w.length < 0 || w.length >= dayLength {
		return w.length.String() + " " + w.zoneName()
	}
	layout := "15:04"
	if w.length%time.Minute != 0 {
		layout = "15:04:05.999999999"
	}
	return time.Unix(0, 0).UTC().Add(w.length).Format(layout) + " " + w.zoneName()
}

// ID is the window's name in what stores keep: equal for equal windows, in every process and every version of this
// package, and at most 128 bytes long in a valid limit. It is "" where others would take the name for something else:
// for an invalid window and for one in time.Local, which each machine has of its own, also where TZ gives it the name of
// a zone.
func (w Window) ID() string {
	switch {
	case w.kind == WindowTotal:
		return "total"
	case w.validate() != nil || w.zone != nil && (w.zone == time.Local || w.zoneName() == "Local"):
		return ""
	case w.kind == WindowRolling:
		return "rolling/" + w.length.String()
	case w.kind == WindowDaily:
		return "daily/" + w.length.String() + "/" + w.zoneName()
	case w.kind == WindowWeekly:
		return fmt.Sprintf("weekly/%d/%v/%s", w.day, w.length, w.zoneName())
	default:
		return fmt.Sprintf("monthly/%d/%v/%s", w.day, w.length, w.zoneName())
	}
}

// validate says what is wrong with the window of a limit of units.
func (w Window) validate() error {
	switch {
	case w.kind == WindowNone:
		return fmt.Errorf("no window: write quota.Rolling(time.Minute), quota.Daily(0, nil) or quota.Total()")
	case w.kind == WindowRolling && w.length <= 0:
		return fmt.Errorf("a rolling window of %v: write a length above 0, such as quota.Rolling(time.Minute)", w.length)
	case w.kind == WindowRolling && w.length < minRolling:
		return fmt.Errorf("a rolling window of %v: was its unit forgotten? Write quota.Rolling(%d*time.Second)", w.length, int64(w.length))
	case w.kind == WindowRolling && w.length > maxRolling:
		return fmt.Errorf("a rolling window of %v, more than ten years: write a shorter one, or quota.Total()", w.length)
	case !w.zoned():
		return nil
	case w.length < 0 || w.length >= dayLength:
		return fmt.Errorf("a window that begins at %v: write a time since midnight, such as 9*time.Hour", w.length)
	case w.kind == WindowWeekly && (w.day < int16(time.Sunday) || w.day > int16(time.Saturday)):
		return fmt.Errorf("a window that begins on day %d of the week: write one of time.Sunday to time.Saturday", w.day)
	case w.kind == WindowMonthly && (w.day < 1 || w.day > 31):
		return fmt.Errorf("a window that begins on day %d of the month: write 1 to 31", w.day)
	case len(w.zoneName()) > maxZoneName:
		return fmt.Errorf("a window in a zone whose name has %d bytes: %d are the most", len(w.zoneName()), maxZoneName)
	case w.zone == nil && (w.offset < -maxOffset || w.offset > maxOffset):
		return fmt.Errorf("a window in a zone %v from UTC: a day is the most", time.Duration(w.offset)*time.Second)
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
