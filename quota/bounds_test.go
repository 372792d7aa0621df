package quota_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

const hour = time.Hour

func TestBounds(t *testing.T) {
	cases := []struct {
		name, zone string
		window     func(*time.Location) quota.Window
		now        string // by the zone's clock, with its offset
		start, end string
	}{
		{"before nine", "Europe/Berlin", daily(9 * hour), "2026-11-21T08:59:59+01:00", "2026-11-20T09:00:00+01:00", "2026-11-21T09:00:00+01:00"},
		{"at nine", "Europe/Berlin", daily(9 * hour), "2026-11-21T09:00:00+01:00", "2026-11-21T09:00:00+01:00", "2026-11-22T09:00:00+01:00"},
		{"a day of 23 hours", "Europe/Berlin", daily(0), "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"a day of 25 hours", "Europe/Berlin", daily(0), "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"a time that does not exist", "Europe/Berlin", daily(2*hour + 30*time.Minute), "2026-03-29T12:00:00+02:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"just before it", "Europe/Berlin", daily(2*hour + 30*time.Minute), "2026-03-29T01:59:59+01:00", "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"a time that exists twice, the first", "Europe/Berlin", daily(2*hour + 30*time.Minute), "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"a time that exists twice, the second", "Europe/Berlin", daily(2*hour + 30*time.Minute), "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"half an hour back", "Australia/Lord_Howe", daily(0), "2026-04-05T12:00:00+10:30", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"},
		{"half an hour on", "Australia/Lord_Howe", daily(2*hour + 15*time.Minute), "2026-10-04T12:00:00+11:00", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
		{"a quarter", "Asia/Kathmandu", daily(6 * hour), "2026-11-21T05:59:00+05:45", "2026-11-20T06:00:00+05:45", "2026-11-21T06:00:00+05:45"},
		{"a midnight that does not exist", "America/Havana", daily(0), "2026-03-08T12:00:00-04:00", "2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"},
		{"a midnight that exists twice", "America/St_Johns", daily(0), "2010-11-06T23:30:00-03:30", "2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30"},
		{"a day that was skipped", "Pacific/Apia", daily(9 * hour), "2011-12-31T08:00:00+14:00", "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"},
		{"midnights about a day that was skipped", "Pacific/Apia", daily(0), "2011-12-29T23:59:59-10:00", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		{"a day that came twice", "Pacific/Kwajalein", daily(0), "1969-09-30T12:00:00-12:00", "1969-09-30T00:00:00+11:00", "1969-10-01T00:00:00-12:00"},
		{"Monday", "Asia/Shanghai", weekly(time.Monday, 0), "2026-11-21T12:00:00+08:00", "2026-11-16T00:00:00+08:00", "2026-11-23T00:00:00+08:00"},
		{"its own day, before the time", "UTC", weekly(time.Saturday, 9*hour), "2026-11-21T08:00:00Z", "2026-11-14T09:00:00Z", "2026-11-21T09:00:00Z"},
		{"a week with a change of clocks", "America/New_York", weekly(time.Sunday, 2*hour), "2026-03-10T00:00:00-04:00", "2026-03-08T03:00:00-04:00", "2026-03-15T02:00:00-04:00"},
		{"the first", "UTC", monthly(1, 0), "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"the 31st of February", "UTC", monthly(31, 12*hour), "2026-02-28T11:00:00Z", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"},
		{"after the 31st of February", "UTC", monthly(31, 12*hour), "2026-03-01T00:00:00Z", "2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z"},
		{"the 30th of a leap February", "UTC", monthly(30, 0), "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z"},
		{"the 29th in a year without", "UTC", monthly(29, 0), "2100-02-28T12:00:00Z", "2100-02-28T00:00:00Z", "2100-03-29T00:00:00Z"},
		{"the last day of a leap year", "Europe/Berlin", daily(9 * hour), "2028-12-31T12:00:00+01:00", "2028-12-31T09:00:00+01:00", "2029-01-01T09:00:00+01:00"},
		{"April's last, at a change of clocks", "Africa/Casablanca", monthly(31, 0), "2026-05-01T00:00:00+01:00", "2026-04-30T00:00:00+01:00", "2026-05-31T00:00:00+01:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			z := zone(t, c.zone)
			now, err := time.Parse(time.RFC3339, c.now)
			require.NoError(t, err)
			require.Equal(t, c.now, now.In(z).Format(time.RFC3339), "the case itself is wrong")
			start, end := c.window(z).Bounds(now)
			assert.Equal(t, c.start, start.Format(time.RFC3339))
			assert.Equal(t, c.end, end.Format(time.RFC3339))
		})
	}
}

func daily(at time.Duration) func(*time.Location) quota.Window {
	return func(z *time.Location) quota.Window { return quota.Daily(at, z) }
}

func weekly(d time.Weekday, at time.Duration) func(*time.Location) quota.Window {
	return func(z *time.Location) quota.Window { return quota.Weekly(d, at, z) }
}

func monthly(d int, at time.Duration) func(*time.Location) quota.Window {
	return func(z *time.Location) quota.Window { return quota.Monthly(d, at, z) }
}

func TestBoundsOfWindowsWithoutAny(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	start, end := quota.Rolling(time.Minute).Bounds(now)
	assert.Equal(t, now.Add(-time.Minute), start)
	assert.Equal(t, now, end)
	for _, w := range []quota.Window{{}, quota.Total(), quota.Rolling(0), quota.Daily(-1, nil), quota.Monthly(0, 0, nil), quota.Weekly(7, 0, nil)} {
		start, end := w.Bounds(now)
		assert.Zero(t, start, w)
		assert.Zero(t, end, w)
	}
}

// TestBoundsAgreeWithAWalk looks at the clock on the wall once a minute, for months about the changes of clocks, and
// writes down when each day's time was first seen on it.
func TestBoundsAgreeWithAWalk(t *testing.T) {
	t.Parallel()
	walks := []struct{ zone, from string }{
		{"UTC", "2028-01-15"},
		{"Asia/Kathmandu", "2027-01-20"},
		{"Europe/Berlin", "2026-03-01"},
		{"Europe/Berlin", "2026-10-01"},
		{"America/New_York", "2028-02-15"},
		{"America/St_Johns", "2010-10-15"}, // back at one minute past midnight
		{"America/St_Johns", "2010-02-25"}, // on at one minute past midnight
		{"America/Havana", "2026-02-20"},   // on at midnight
		{"America/Havana", "2026-10-15"},
		{"Asia/Beirut", "2026-03-10"},
		{"America/Sao_Paulo", "2018-01-25"}, // back at midnight, to the day before
		{"America/Sao_Paulo", "2018-10-15"},
		{"Australia/Lord_Howe", "2026-03-15"},
		{"Australia/Lord_Howe", "2026-09-15"},
		{"Pacific/Apia", "2011-12-01"},      // no 30 December
		{"Pacific/Kwajalein", "1993-08-01"}, // no 21 August
		{"Africa/Casablanca", "2026-01-25"}, // about Ramadan
		{"Antarctica/Troll", "2026-03-10"},  // two hours at once
		{"Europe/Dublin", "2026-10-10"},     // summer is the standard
		{"Asia/Pyongyang", "2018-04-20"},    // half an hour, for good
	}
	for i, walk := range walks {
		t.Run(walk.zone+" "+walk.from, func(t *testing.T) {
			t.Parallel()
			from, err := time.Parse(time.DateOnly, walk.from)
			require.NoError(t, err)
			w := walked{from: from, minutes: 65 * 24 * 60}
			w.look(zone(t, walk.zone))
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			for range 8 {
				w.compare(t, rnd)
			}
		})
	}
}

// walked is what was seen on a wall.
type walked struct {
	from    time.Time
	minutes int
	zone    *time.Location
	latest  []time.Time // the latest time seen until each minute; as a clock in UTC would show it
}

func (w *walked) look(zone *time.Location) {
	w.zone = zone
	for i := range w.minutes {
		y, m, d := w.minute(i).Date()
		hour, minute, _ := w.minute(i).Clock()
		seen := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
		if i > 0 && w.latest[i-1].After(seen) {
			seen = w.latest[i-1]
		}
		w.latest = append(w.latest, seen)
	}
}

func (w *walked) minute(i int) time.Time {
	return w.from.Add(time.Duration(i) * time.Minute).In(w.zone)
}

// begins is when a window that begins on such days at such a time began, for all of them in the walk.
func (w *walked) begins(at time.Duration, on func(day time.Time) bool) (begins []time.Time) {
	day := w.from.AddDate(0, 0, 2)
	next := day.Add(at)
	for i, latest := range w.latest {
		for ; !latest.Before(next); day, next = day.AddDate(0, 0, 1), day.AddDate(0, 0, 1).Add(at) {
			if on(day) {
				begins = append(begins, w.minute(i))
			}
		}
	}
	return begins
}

func (w *walked) compare(t *testing.T, rnd *rand.Rand) {
	at := time.Duration(rnd.IntN(24*60)) * time.Minute
	if rnd.IntN(2) == 0 { // where clocks are changed
		at = time.Duration(rnd.IntN(4*60)) * time.Minute
	}
	weekday, monthday := time.Weekday(rnd.IntN(7)), 1+rnd.IntN(31)
	windows := []struct {
		quota.Window
		on func(time.Time) bool
	}{
		{quota.Daily(at, w.zone), func(time.Time) bool { return true }},
		{quota.Weekly(weekday, at, w.zone), func(d time.Time) bool { return d.Weekday() == weekday }},
		{quota.Monthly(monthday, at, w.zone), func(d time.Time) bool {
			last := d.AddDate(0, 0, 1).Month() != d.Month()
			return d.Day() == monthday || d.Day() < monthday && last
		}},
	}
	for _, window := range windows {
		begins := w.begins(at, window.on)
		require.NotEmpty(t, begins)
		for range 200 {
			n := rnd.IntN(len(begins))
			now := begins[n].Add(time.Duration(rnd.Int64N(int64(40*dayLong))) >> rnd.IntN(40))
			for n+1 < len(begins) && !begins[n+1].After(now) {
				n++
			}
			if n+1 == len(begins) {
				continue // where it ends was not seen
			}
			start, end := window.Bounds(now)
			require.True(t, start.Equal(begins[n]), "%v: now %v: began %v, was seen to at %v", window, now, start, begins[n])
			require.True(t, end.Equal(begins[n+1]), "%v: now %v: ends %v, was seen to at %v", window, now, end, begins[n+1])
		}
	}
}

const dayLong = 24 * time.Hour

// TestBoundsFitTogether goes over windows of every sort in every century that matters: each time is in one of them, and
// each ends where the next begins.
func TestBoundsFitTogether(t *testing.T) {
	names := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Africa/Monrovia", "Asia/Manila", "Antarctica/Casey"}
	var zones []*time.Location
	for _, name := range names {
		zones = append(zones, zone(t, name))
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		z := zones[rnd.IntN(len(zones))]
		if rnd.IntN(10) == 0 {
			z = time.FixedZone("mine", rnd.IntN(26*3600)-13*3600)
		}
		at := time.Duration(rnd.Int64N(int64(dayLong))) >> rnd.IntN(4)
		w := []quota.Window{quota.Daily(at, z), quota.Weekly(time.Weekday(rnd.IntN(7)), at, z), quota.Monthly(1+rnd.IntN(31), at, z)}[rnd.IntN(3)]
		now := time.Unix(rnd.Int64N(400*365*24*3600)-200*365*24*3600, rnd.Int64N(1e9))
		start, end := w.Bounds(now)
		about := fmt.Sprintf("%v at %v: %v to %v", w, now.In(z), start, end)
		require.True(t, !start.After(now) && end.After(now) && end.Sub(start) < 63*dayLong, about)
		for _, inside := range []time.Time{start, end.Add(-1)} {
			s, e := w.Bounds(inside)
			require.True(t, s.Equal(start) && e.Equal(end), "%s, but from %v: %v to %v", about, inside, s, e)
		}
		next, _ := w.Bounds(end)
		require.True(t, next.Equal(end), "%s, and the next from %v", about, next)
	}
}

func TestWindowsOfOneZoneAreEqual(t *testing.T) {
	berlin, again := zone(t, "Europe/Berlin"), zone(t, "Europe/Berlin")
	require.NotSame(t, berlin, again)
	nine := quota.Daily(9*hour, berlin)
	assert.True(t, nine == quota.Daily(9*hour, again), "a zone that was loaded again")
	assert.True(t, quota.Daily(0, nil) == quota.Daily(0, time.UTC), "nil is UTC")
	assert.True(t, quota.Daily(0, time.FixedZone("CET", 3600)) == quota.Daily(0, time.FixedZone("one", 3600)), "zones of one offset")
	others := []quota.Window{
		nine, quota.Daily(8*hour, berlin), quota.Daily(9*hour, zone(t, "Europe/Paris")), quota.Daily(9*hour, nil),
		quota.Daily(9*hour, time.FixedZone("CET", 3600)), quota.Weekly(time.Sunday, 9*hour, berlin), quota.Weekly(time.Monday, 9*hour, berlin),
		quota.Monthly(1, 9*hour, berlin), quota.Monthly(2, 9*hour, berlin), quota.Rolling(9 * hour), quota.Total(), {},
	}
	ids := map[string]bool{}
	for i, w := range others {
		for j, o := range others {
			assert.Equal(t, i == j, w == o, "%v and %v", w, o)
		}
		assert.False(t, ids[w.ID()], w.ID())
		ids[w.ID()] = true
	}
}

func TestWindowsByName(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	cases := []struct {
		window   quota.Window
		text, id string
	}{
		{quota.Rolling(90 * time.Second), "per 1m30s", "rolling/1m30s"},
		{quota.Total(), "in total", "total"},
		{quota.Daily(9*hour, berlin), "per day from 09:00 Europe/Berlin", "daily/9h0m0s/Europe/Berlin"},
		{quota.Daily(0, nil), "per day from 00:00 UTC", "daily/0s/UTC"},
		{quota.Daily(9*hour+30*time.Second, time.FixedZone("NPT", 20700)), "per day from 09:00:30 UTC+05:45", "daily/9h0m30s/UTC+05:45"},
		{quota.Daily(0, time.FixedZone("", -44*60-30)), "per day from 00:00 UTC-00:44:30", "daily/0s/UTC-00:44:30"},
		{quota.Weekly(time.Monday, 0, berlin), "per week from Monday 00:00 Europe/Berlin", "weekly/1/0s/Europe/Berlin"},
		{quota.Monthly(31, 12*hour, nil), "per month from day 31 12:00 UTC", "monthly/31/12h0m0s/UTC"},
		{quota.Window{}, "at once", ""},
		{quota.Daily(24*hour, nil), "per day from 24h0m0s UTC", ""},
	}
	for _, c := range cases {
		assert.Equal(t, c.text, c.window.String())
		assert.Equal(t, c.id, c.window.ID())
	}
	assert.Zero(t, quota.Daily(9*hour, nil).Length())
}

func TestWindowsInTheMachinesOwnZoneHaveNoID(t *testing.T) {
	own, err := time.LoadLocationFromTZData("Local", []byte(oneChange))
	require.NoError(t, err)
	assert.Equal(t, "per day from 09:00 Local", quota.Daily(9*hour, own).String())
	assert.Empty(t, quota.Daily(9*hour, own).ID())
}

// oneChange is the file of a zone that went from UTC to an hour on in 1970.
const oneChange = "TZif\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // no version
	"\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + // nothing of what is seldom there,
	"\x00\x00\x00\x01" + "\x00\x00\x00\x02" + "\x00\x00\x00\x08" + // but a change, two offsets, and 8 bytes of names
	"\x00\x10\x00\x00" + "\x01" + "\x00\x00\x00\x00\x00\x00" + "\x00\x00\x0e\x10\x00\x04" + "UTC\x00CET\x00"
