package quota

import "time"

// Bounds is the window in which a time lies: it begins at start and ends before end, which is when the next one begins, so
// w.Bounds(end) is the next. For Rolling they are now less its length and now; for the other kinds, which have none, and
// for windows that are invalid, both are zero.
//
// A daily, weekly or monthly window begins when the clock of its zone first shows the time or a later one of the day.
// Where clocks are put forward past the time, that is the moment they are put forward: a midnight that does not exist is
// one o'clock. Where they are put back and show it twice, it is the first of the two. Where a zone skipped a whole day,
// what began on that day begins with the day after.
//
// It costs about a microsecond: a store keeps the result until end.
func (w Window) Bounds(now time.Time) (start, end time.Time) {
	switch {
	case w.validate() != nil:
		return start, end
	case w.kind == WindowRolling:
		return now.Add(-w.length), now
	case !w.zoned():
		return start, end
	}
	local := now.In(w.location())
	// The clock shows a later time than the one before this date's, so that has begun. Where the clock was put back past
	// it, the one after may have begun too.
	n := 0
	for end = w.begin(local, -1); !end.After(now); n++ {
		start, end = end, w.begin(local, n)
	}
	return start, end
}

// begin is when the window begins that is so many after the one of a date: of that day, of the last such weekday, of that
// month.
func (w Window) begin(date time.Time, n int) time.Time {
	y, m, d := date.Date()
	switch w.kind {
	case WindowDaily:
		d += n
	case WindowWeekly:
		d += 7*n - (int(date.Weekday())-int(w.day)+7)%7
	default:
		m += time.Month(n)
		d = min(int(w.day), time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	return firstShown(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Add(w.length), date.Location())
}

// firstShown is when the clock of the zone first shows the time that a clock in UTC shows at wall, or a later one. From
// one change of the clocks to the next it goes by one offset; it is looked for from a time when no clock shows it yet.
func firstShown(wall time.Time, zone *time.Location) time.Time {
	t := wall.Add(-2 * dayLength).In(zone)
	for {
		_, offset := t.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if at.Before(t) {
			return t // the change that led here went past it
		}
		_, end := t.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		if !end.After(t) { // package time has a leap year's rules end a day early
			end = t.Add(time.Minute)
		}
		t = end
	}
}
