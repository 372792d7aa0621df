package balancer

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScheduleByTheClockOnTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	const layout = "2006-01-02 15:04:05"
	weekdays := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	office := Span{Days: weekdays, From: 9 * time.Hour, To: 17 * time.Hour}
	night := Span{From: 22 * time.Hour, To: 6 * time.Hour}
	weekend := Span{Days: []time.Weekday{time.Friday}, From: 20 * time.Hour, To: 24 * time.Hour}
	deep := Span{From: 2*time.Hour + 30*time.Minute, To: 4 * time.Hour}
	tests := []struct {
		name  string
		zone  *time.Location
		spans []Span
		now   string // in the zone
		opens string // "": it is open
	}{
		{"always", berlin, nil, "2026-03-29 02:00:00", ""},
		{"at its beginning", berlin, []Span{office}, "2026-11-20 09:00:00", ""},
		{"a second before", berlin, []Span{office}, "2026-11-20 08:59:59", "2026-11-20 09:00:00"},
		{"a second before its end", berlin, []Span{office}, "2026-11-20 16:59:59", ""},
		{"at its end, on a Friday", berlin, []Span{office}, "2026-11-20 17:00:00", "2026-11-23 09:00:00"},
		{"on a Sunday", berlin, []Span{office}, "2026-11-22 12:00:00", "2026-11-23 09:00:00"},
		{"before midnight", berlin, []Span{night}, "2026-11-20 23:59:59", ""},
		{"at midnight", berlin, []Span{night}, "2026-11-21 00:00:00", ""},
		{"until the next morning", berlin, []Span{night}, "2026-11-21 05:59:59", ""},
		{"in the morning", berlin, []Span{night}, "2026-11-21 06:00:00", "2026-11-21 22:00:00"},
		{"a night that began on a day of its own", berlin, []Span{{Days: []time.Weekday{time.Friday}, From: 22 * time.Hour, To: 6 * time.Hour}}, "2026-11-21 03:00:00", ""},
		{"a night that did not", berlin, []Span{{Days: []time.Weekday{time.Saturday}, From: 22 * time.Hour, To: 6 * time.Hour}}, "2026-11-21 03:00:00", "2026-11-21 22:00:00"},
		{"until midnight", berlin, []Span{weekend}, "2026-11-20 23:59:59", ""},
		{"and no further", berlin, []Span{weekend}, "2026-11-21 00:00:00", "2026-11-27 20:00:00"},
		{"the soonest of several", berlin, []Span{weekend, office}, "2026-11-20 17:30:00", "2026-11-20 20:00:00"},
		{"the day of 23 hours: nine is nine", berlin, []Span{{From: 9 * time.Hour, To: 17 * time.Hour}}, "2026-03-29 08:59:59", "2026-03-29 09:00:00"},
		{"the day of 23 hours: a night is an hour shorter", berlin, []Span{night}, "2026-03-29 05:59:59", ""},
		{"the day of 23 hours: and ends", berlin, []Span{night}, "2026-03-29 06:00:00", "2026-03-29 22:00:00"},
		{"the day of 23 hours: an hour that is not there", berlin, []Span{deep}, "2026-03-29 01:59:59", "2026-03-29 03:30:00"},
		{"the day of 25 hours: nine is nine", berlin, []Span{{From: 9 * time.Hour, To: 17 * time.Hour}}, "2026-10-25 08:59:59", "2026-10-25 09:00:00"},
		{"the day of 25 hours: and five is five", berlin, []Span{{From: 9 * time.Hour, To: 17 * time.Hour}}, "2026-10-25 16:59:59", ""},
		{"the day of 25 hours: the whole day", berlin, []Span{{Days: []time.Weekday{time.Sunday}, From: 0, To: 24 * time.Hour}}, "2026-10-25 23:59:59", ""},
		{"the day after", berlin, []Span{{Days: []time.Weekday{time.Sunday}, From: 0, To: 24 * time.Hour}}, "2026-10-26 00:00:00", "2026-11-01 00:00:00"},
		{"once a year's end", berlin, []Span{{Days: []time.Weekday{time.Friday}, From: 12 * time.Hour, To: 13 * time.Hour}}, "2026-12-31 23:00:00", "2027-01-01 12:00:00"},
		{"UTC by default", nil, []Span{office}, "2026-11-20 08:30:00", "2026-11-20 09:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone := tt.zone
			if zone == nil {
				zone = time.UTC
			}
			s := Schedule{Spans: tt.spans, Zone: tt.zone}
			require.NoError(t, s.check())
			now, err := time.ParseInLocation(layout, tt.now, zone)
			require.NoError(t, err)
			opens, closed := s.closed(now.In(time.FixedZone("elsewhere", -9*3600)))
			assert.Equal(t, tt.opens != "", closed)
			if tt.opens == "" {
				assert.Zero(t, opens)
			} else {
				assert.Equal(t, tt.opens, opens.In(zone).Format(layout))
			}
		})
	}
}

// TestScheduleSaysWhenItOpens goes through two weeks around a change of the clocks by
// the minute: when it says that it opens, it does, and not before.
func TestScheduleSaysWhenItOpens(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	s := Schedule{Zone: berlin, Spans: []Span{
		{Days: []time.Weekday{time.Sunday, time.Wednesday}, From: 23 * time.Hour, To: 3*time.Hour + 15*time.Minute},
		{Days: []time.Weekday{time.Saturday}, From: 1 * time.Hour, To: 2*time.Hour + 45*time.Minute},
	}}
	for _, change := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)} {
		t.Run(fmt.Sprint(change.Month()), func(t *testing.T) {
			var promised time.Time
			open := 0
			for now := change.AddDate(0, 0, -7); now.Before(change.AddDate(0, 0, 7)); now = now.Add(time.Minute) {
				opens, closed := s.closed(now)
				if !closed {
					open++
					require.True(t, promised.IsZero() || promised.Equal(now), "it opened at %v, promised was %v", now, promised)
					promised = time.Time{}
					continue
				}
				require.True(t, opens.After(now))
				require.True(t, promised.IsZero() || promised.Equal(opens), "at %v it changed its mind", now)
				promised = opens
			}
			assert.Positive(t, open)
		})
	}
}

func TestScheduleIsChecked(t *testing.T) {
	for want, span := range map[string]Span{
		"was their unit forgotten?":    {From: 9, To: 17},
		"is not within a day":          {From: 9 * time.Hour, To: 25 * time.Hour},
		"write times since midnight":   {From: -time.Hour, To: time.Hour},
		"it begins and ends at 9h0m0s": {From: 9 * time.Hour, To: 9 * time.Hour},
		"one of them is no day":        {Days: []time.Weekday{7}, From: 0, To: time.Hour},
		"span 1: 24h0m0s to 1h0m0s i":  {From: 24 * time.Hour, To: time.Hour},
	} {
		s := Schedule{Spans: []Span{{From: 0, To: 24 * time.Hour}, span}}
		require.ErrorContains(t, s.check(), want)
	}
}
