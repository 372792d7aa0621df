package quotatest

import (
	"errors"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/aitransport/aitransport/quota"
)

// soon is how long after they are made the windows of checkDays begin.
const soon = 2 * time.Second

// beginsSoon is windows of each sort that begin at one time, soon, in a zone of quarters.
func (b *bench) beginsSoon() (windows []quota.Window, begin time.Time) {
	begin = b.now().Add(soon)
	local := begin.In(time.FixedZone("", (5*60+45)*60))
	y, m, d := local.Date()
	at := local.Sub(time.Date(y, m, d, 0, 0, 0, 0, local.Location()))
	return []quota.Window{
		quota.Daily(at, local.Location()), quota.Weekly(local.Weekday(), at, local.Location()), quota.Monthly(d, at, local.Location()),
	}, begin
}

func checkDays(b *bench) error {
	windows, begin := b.beginsSoon()
	skew := time.Until(begin) - soon // between the clocks
	var limits []quota.Limit
	for _, w := range windows {
		limits = append(limits, quota.Limit{Unit: quota.Requests, Max: 3, Window: w})
	}
	ever := total(quota.Requests, 1000)
	less, err := b.admit(append(limits, ever), quota.Amount{Requests: 1})
	if err != nil {
		return err
	}
	more, err := b.admit(append(limits, ever), quota.Amount{Requests: 2})
	if err = first(err, b.grantUntil(limits)); err != nil {
		return err
	}
	e, err := b.refuse(limits, quota.Amount{Requests: 1})
	if err != nil {
		return err
	}
	if late := e.RetryAt.Sub(begin); late < -slack || late > slack {
		return seen("under %v, which begins anew at %v, the error promises room at %v", e.Limit, begin, e.RetryAt)
	}
	b.sleep(time.Until(begin) - skew - slack)
	for _, limit := range limits {
		if _, err := b.refuse([]quota.Limit{limit}, quota.Amount{Requests: 1}); err != nil {
			return seen("before it begins anew at %v: %w", begin, err)
		}
	}
	b.sleep(2 * slack)
	if err := b.Settle(b, less, quota.Amount{}); err != nil {
		return err
	}
	for _, limit := range limits {
		if err := b.used(limit, 0); err != nil {
			return seen("it began anew at %v, and a reservation of before was cancelled: %w", begin, err)
		}
	}
	if err := b.Settle(b, more, quota.Amount{Requests: 7}); err != nil {
		return err
	}
	for _, limit := range limits {
		if err := b.used(limit, 5); err != nil {
			return seen("it began anew at %v, and a reservation of before used 5 above its estimate: %w", begin, err)
		}
	}
	return first(b.used(ever, 7), b.grantedUntil(limits))
}

// grantUntil grants a key of its own, if the store can, and grantedUntil checks that it ended with the windows.
func (b *bench) grantUntil(limits []quota.Limit) error {
	granter, ok := b.Store.(quota.Granter)
	if !ok {
		return nil
	}
	err := granter.Grant(b, "granted", limits, quota.Amount{Requests: 5})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

func (b *bench) grantedUntil(limits []quota.Limit) error {
	for _, limit := range limits {
		if err := b.usedBy("granted", limit, 0); err != nil {
			return seen("it began anew, with a grant in the one before: %w", err)
		}
	}
	return nil
}

// checkCalendar spends now and then, from 20 February 2000 on, when the time in bubbles is, for 50 days in which clocks are
// changed, and looks at whether it counts in the window that it is in.
func checkCalendar(b *bench) error {
	if b.realTime {
		return errTakesDays
	}
	zones := map[string]*time.Location{}
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return err
		}
		zones[name] = zone
	}
	var limits []quota.Limit
	for _, w := range []quota.Window{
		quota.Daily(2*time.Hour+30*time.Minute, zones["Europe/Berlin"]),
		quota.Daily(0, zones["Australia/Lord_Howe"]),
		quota.Weekly(time.Sunday, 0, zones["America/Havana"]),
		quota.Monthly(31, 12*time.Hour, zones["Asia/Kathmandu"]),
	} {
		limits = append(limits, quota.Limit{Unit: quota.InputTokens, Max: 1000, Window: w})
	}
	spent := make([]map[time.Time]int64, len(limits))
	b.sleep(b.now().AddDate(0, 1, 20).Sub(b.now()))
	for until := b.now().AddDate(0, 0, 50); b.now().Before(until); b.sleep(11*time.Hour + 13*time.Minute) {
		r, err := b.admit(limits, quota.Amount{InputTokens: 1})
		if err = first(err, b.Settle(b, r, quota.Amount{InputTokens: 1})); err != nil {
			return err
		}
		for i, limit := range limits {
			start, _ := limit.Window.Bounds(b.now())
			if spent[i] == nil {
				spent[i] = map[time.Time]int64{}
			}
			spent[i][start]++
			if err := b.used(limit, spent[i][start]); err != nil {
				return seen("at %v, in the window since %v: %w", b.now(), start, err)
			}
		}
	}
	return nil
}
