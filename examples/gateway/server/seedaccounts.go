package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// maxAccountDays is how many rows of the accounts' books are read, the newest first.
const maxAccountDays = 100 * resource.MaxPage

// accountSeeds puts what accounts have used into the counts of their limits that are counted
// in memory: at the start, and when an account is given a limit. The books know attempts
// and money by days of UTC, so
//
//	requests, usd    in total, by the week, the month and the day of UTC: as they are
//	                 by the week and the month of another zone or hour: with all of the
//	                 day (UTC) in which they begin, so rather too much than too little
//	                 by such a day, and in the last minutes or hours: not
//	tokens           not
//
// and what is not counts from the start on. Of very long books the newest 100,000 rows, each a
// day of an account, are read. It belongs to who loads accounts.
type accountSeeds struct {
	from AccountUsage // nil: the store does not know
	sown map[string][]quota.Limit
}

// sow puts what the accounts of a roster used into those of their limits that are new.
// Where it fails it is tried again at the next load: nothing counts twice.
func (s *accountSeeds) sow(ctx context.Context, into quota.Store, next *roster, now time.Time) error {
	if s == nil || s.from == nil {
		return nil
	}
	fresh := make(map[string][]quota.Limit)
	since := now
	for _, name := range next.order {
		for _, l := range next.entries[name].made.Limits {
			if start, ok := daysOf(l, now); ok && !slices.ContainsFunc(s.sown[name], func(old quota.Limit) bool { return sameCount(l, old) }) {
				fresh[name] = append(fresh[name], l)
				if start.Before(since) {
					since = start
				}
			}
		}
	}
	if len(fresh) > 0 {
		rows, err := s.from.AccountUsage(ctx, "", resource.UsageFilter{From: dayText(since), Limit: maxAccountDays})
		if err != nil {
			return fmt.Errorf("what accounts have used: %w", err)
		}
		if err := sowAccounts(ctx, into, fresh, rows, now); err != nil {
			return err
		}
	}
	s.sown = make(map[string][]quota.Limit)
	for _, name := range next.order {
		s.sown[name] = next.entries[name].made.Limits
	}
	return nil
}

// sowAccounts seeds limits of accounts with what rows say.
func sowAccounts(ctx context.Context, into quota.Store, fresh map[string][]quota.Limit, rows []resource.AccountUsage, now time.Time) error {
	of := make(map[string][]resource.AccountUsage)
	for _, row := range rows {
		of[row.Account] = append(of[row.Account], row)
	}
	for name, limits := range fresh {
		for _, l := range limits {
			start, _ := daysOf(l, now)
			from := dayText(start)
			var sum quota.Amount
			for _, row := range of[name] {
				if row.Date >= from {
					sum.Requests += row.Attempts
					sum.Cost += row.Cost
				}
			}
			if err := seed(ctx, into, "account/"+name, l, only(l.Unit, sum)); err != nil {
				return fmt.Errorf("what the account %q has used: %w", name, err)
			}
		}
	}
	return nil
}

// daysOf is the beginning of a limit's window, where the books can tell what was used in it.
func daysOf(l quota.Limit, now time.Time) (start time.Time, ok bool) {
	if l.Unit != quota.Requests && l.Unit != quota.Cost {
		return start, false
	}
	start, _ = l.Window.Bounds(now)
	switch l.Window.Kind() {
	case quota.WindowTotal, quota.WindowWeekly, quota.WindowMonthly:
		return start, true
	case quota.WindowDaily:
		return start, start.UTC().Equal(start.UTC().Truncate(24 * time.Hour))
	}
	return start, false
}

// dayText is a day as the books write it; "": since ever.
func dayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
