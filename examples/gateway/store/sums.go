package store

import (
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// usage is what is added up of requests.
type usage struct {
	Requests, Input, Output, Cost, Charged int64
}

func (u *usage) add(v usage) {
	u.Requests += v.Requests
	u.Input += v.Input
	u.Output += v.Output
	u.Cost += v.Cost
	u.Charged += v.Charged
}

// usageKey is what usage is kept apart by, in days.
type usageKey struct {
	Date, User, Key, Model string
}

// accountKey and attempts are the same of what accounts did.
type accountKey struct {
	Date, Account string
}

type attempts struct {
	Attempts, Cost int64
}

// quarterKey is what usage is kept apart by, in quarters of an hour.
type quarterKey struct {
	Key      string
	StartsAt int64 // ms
}

// sums are what some requests come to.
type sums struct {
	usages   map[usageKey]usage
	accounts map[accountKey]attempts
	quarters map[quarterKey]usage
}

func newSums() sums {
	return sums{map[usageKey]usage{}, map[accountKey]attempts{}, map[quarterKey]usage{}}
}

func (s *sums) empty() bool { return len(s.usages) == 0 }

const (
	quarterMillis = int64(15 * time.Minute / time.Millisecond)
	otherModels   = "(other)" // what is not kept apart by model
)

// add adds a request. When there is too much to keep apart, all further models are one.
func (s *sums) add(r *resource.Request, most int) {
	u := usage{1, r.InputTokens, r.OutputTokens, r.Cost, r.Charged}
	key := usageKey{dateOf(r), r.UserID, r.KeyID, bookedModel(r)}
	sum, known := s.usages[key]
	if !known && len(s.usages) >= most {
		key.Model = otherModels
		sum = s.usages[key]
	}
	sum.add(u)
	s.usages[key] = sum
	if r.KeyID != "" {
		ms := r.Start.UnixMilli()
		addTo(s.quarters, quarterKey{r.KeyID, ms - ms%quarterMillis}, u)
	}
	eachAttempt(r, func(a resource.Attempt) {
		k := accountKey{key.Date, a.Account}
		sum := s.accounts[k]
		sum.Attempts++
		sum.Cost += a.Cost
		s.accounts[k] = sum
	})
}

// bookedModel is under which model a row counts in the sums: its own; or otherModels, where
// no account was asked and so anybody could have made it up. The list of attempts says so
// by being empty, in the log as in memory: nil stands for the one attempt, if any, of
// account, and for none in rows that were written when each name was booked.
func bookedModel(r *resource.Request) string {
	if r.Attempts != nil && len(r.Attempts) == 0 {
		return otherModels
	}
	return r.Model
}

// SQL for what bookedModel tells.
const bookedModelColumn = "CASE WHEN attempts = '[]' THEN '" + otherModels + "' ELSE model END"

func addTo[K comparable](m map[K]usage, key K, u usage) {
	sum := m[key]
	sum.add(u)
	m[key] = sum
}

// merge adds other sums.
func (s *sums) merge(other sums) {
	for key, u := range other.usages {
		addTo(s.usages, key, u)
	}
	for key, u := range other.quarters {
		addTo(s.quarters, key, u)
	}
	for key, a := range other.accounts {
		sum := s.accounts[key]
		sum.Attempts += a.Attempts
		sum.Cost += a.Cost
		s.accounts[key] = sum
	}
}

// eachAttempt are those of a request: as listed, or one at its account.
func eachAttempt(r *resource.Request, f func(resource.Attempt)) {
	if len(r.Attempts) == 0 && r.Account != "" {
		f(resource.Attempt{Account: r.Account, Cost: r.Cost})
	}
	for _, a := range r.Attempts {
		f(a)
	}
}

// simple tells whether a request's attempts need no list.
func simple(r *resource.Request) bool {
	return r.Attempts == nil || len(r.Attempts) == 1 && r.Attempts[0] == resource.Attempt{Account: r.Account, Cost: r.Cost}
}

// day is a day, UTC, since 1970, and its date.
type day struct {
	number int64
	date   string
}

// latestDay is the last one whose date was asked for: most requests are of today.
var latestDay atomic.Pointer[day]

func dateOf(r *resource.Request) string {
	const length = 24 * 60 * 60
	seconds := r.Start.Unix()
	number := seconds / length
	if seconds < 0 {
		number = (seconds+1)/length - 1
	}
	if d := latestDay.Load(); d != nil && d.number == number {
		return d.date
	}
	d := &day{number, r.Start.UTC().Format(time.DateOnly)}
	latestDay.Store(d)
	return d.date
}
