package balancer

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Session is a live conversation and the account that it stays with.
type Session struct {
	Tenant   string    `json:"tenant,omitempty"` // whose it is; "": nobody's
	Session  string    `json:"session"`          // what the caller calls it, or a fingerprint of its opening
	Account  string    `json:"account"`
	Others   []string  `json:"others,omitempty"` // at most three: where it stays for what Account does not serve, such as another model
	Began    time.Time `json:"began"`            // when it was first seen
	LastUsed time.Time `json:"lastUsed"`         // when a request of it began or ended last
	Requests int64     `json:"requests"`         // since it began
}

const (
	defaultSessions    = 100_000
	defaultSessionLife = 5 * time.Minute

	maxOthers = 3 // accounts that a session may have beside one

	maxShards    = 64
	leastInShard = 256 // entries a shard must have room for, or there are fewer shards
)

// sessions is a bounded table of live sessions by tenant and id. A session lives while a
// request of it is under way and for a time after that; when the table is full, a new one
// takes the place of one that was not used for long. It has no goroutine: what is over is
// removed when somebody comes by. Its methods may be called by any number of goroutines,
// and each is one whole act on one session.
type sessions struct {
	life   time.Duration
	shards []sessionShard // a power of two of them
}

// sessionKey tells the sessions of different tenants apart.
type sessionKey struct{ tenant, session string }

// sessionShard is a part of the table under a lock of its own.
type sessionShard struct {
	mu    sync.Mutex
	known *simplelru.LRU[sessionKey, *liveSession] // by last use
}

// liveSession is an entry of the table.
type liveSession struct {
	facts    Session
	underWay int // requests of it
}

// newSessions is an empty table for at most that many sessions (0 or less: 100,000),
// each of which lives so long after its last use (0 or less: 5 minutes). The bound is
// kept in parts, so a large table may be full for one session and have room for
// another; a table for fewer than 512 has one part.
func newSessions(most int, life time.Duration) *sessions {
	if most <= 0 {
		most = defaultSessions
	}
	if life <= 0 {
		life = defaultSessionLife
	}
	n := shardsFor(most)
	s := &sessions{life: life, shards: make([]sessionShard, n)}
	for i := range s.shards {
		s.shards[i].known, _ = simplelru.NewLRU[sessionKey, *liveSession](most/n, nil) // fails for no room only
	}
	return s
}

// shardsFor is into how many parts, a power of two, a table of so many is cut.
func shardsFor(most int) int {
	n := 1
	for n < maxShards && most/(2*n) >= leastInShard {
		n *= 2
	}
	return n
}

// get is the account of a session that lives, and its others, which are not to be
// changed. It is used once more by that, until leave.
func (s *sessions) get(tenant, session string, now time.Time) (account string, others []string, ok bool) {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.live(sessionKey{tenant, session}, now, s.life); e != nil {
		e.use(now)
		return e.facts.Account, e.facts.Others, true
	}
	return "", nil, false
}

// look is get, but no use of the session.
func (s *sessions) look(tenant, session string, now time.Time) (account string, others []string, ok bool) {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.live(sessionKey{tenant, session}, now, s.life); e != nil {
		return e.facts.Account, e.facts.Others, true
	}
	return "", nil, false
}

// bind gives a session its account, unless it has one: of several first requests one
// decides for all. It returns the account that the session has now, and whether that
// is by this call. The session is used once more by that, until leave.
func (s *sessions) bind(tenant, session, account string, now time.Time) (bound string, fresh bool) {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sessionKey{tenant, session}
	if e := sh.live(k, now, s.life); e != nil {
		e.use(now)
		return e.facts.Account, false
	}
	sh.add(k, account, now, s.life)
	return account, true
}

// extend gives a session one more account, for what those that it has do not serve, if
// its Account is still that which was seen: of several requests one decides for all. The
// account that it had for longest may go for that. One that is not known, or over, gets
// this account alone. It tells whether the session has it by this call. The request has
// been counted before.
func (s *sessions) extend(tenant, session, seen, account string, now time.Time) bool {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sessionKey{tenant, session}
	e := sh.live(k, now, s.life)
	switch {
	case e == nil:
		sh.add(k, account, now, s.life)
		return true
	case e.facts.Account != seen || e.has(account):
		return false
	}
	e.facts.Others = slices.Insert(slices.Clone(e.facts.Others), 0, seen)
	e.facts.Others = slices.Clip(e.facts.Others[:min(len(e.facts.Others), maxOthers)])
	e.facts.Account = account
	e.facts.LastUsed = later(e.facts.LastUsed, now)
	return true
}

// rebind moves a session from one of its accounts to another, if it still has the first,
// so that a request which took long cannot take it back. One that is not known, or over,
// gets the second account. It returns the account that the session has now in the place
// of the first, or else its Account, and whether that is by this call. The request that
// moves a session has been counted before.
func (s *sessions) rebind(tenant, session, from, to string, now time.Time) (bound string, moved bool) {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sessionKey{tenant, session}
	e := sh.live(k, now, s.life)
	switch {
	case e == nil:
		sh.add(k, to, now, s.life)
		return to, true
	case from == to || !e.has(from):
		return e.facts.Account, false
	}
	e.replace(from, to)
	e.facts.LastUsed = later(e.facts.LastUsed, now)
	return to, true
}

// leave ends a use of a session, whose life counts from now. What was forgotten since the
// use began stays so.
func (s *sessions) leave(tenant, session string, now time.Time) {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.live(sessionKey{tenant, session}, now, s.life); e != nil {
		e.facts.LastUsed = later(e.facts.LastUsed, now)
		e.underWay = max(e.underWay-1, 0) // it may be another of this name
	}
}

// clear forgets a session. It tells whether that was known and alive.
func (s *sessions) clear(tenant, session string, now time.Time) bool {
	sh := s.shard(tenant, session)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sessionKey{tenant, session}
	alive := sh.live(k, now, s.life) != nil
	sh.known.Remove(k)
	return alive
}

// clearTenant forgets a tenant's sessions and tells how many were alive. It looks at
// all there are.
func (s *sessions) clearTenant(tenant string, now time.Time) int {
	return s.clearIf(now, func(e *liveSession) bool { return e.facts.Tenant == tenant })
}

// clearAll forgets all sessions and tells how many were alive.
func (s *sessions) clearAll(now time.Time) int {
	return s.clearIf(now, func(*liveSession) bool { return true })
}

func (s *sessions) clearIf(now time.Time, match func(*liveSession) bool) int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, e := range sh.known.Values() {
			if !match(e) {
				continue
			}
			if !e.over(now, s.life) {
				n++
			}
			sh.known.Remove(sessionKey{e.facts.Tenant, e.facts.Session})
		}
		sh.mu.Unlock()
	}
	return n
}

// list returns copies of the sessions that live, the last used first, at most so many.
// It looks at all there are, a part at a time.
func (s *sessions) list(most int, now time.Time) []Session {
	var all []Session
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		values := sh.known.Values() // the last used last
		for _, e := range values[max(0, len(values)-max(most, 0)):] {
			if !e.over(now, s.life) {
				one := e.facts
				one.Others = slices.Clone(one.Others)
				all = append(all, one)
			}
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(b.LastUsed.Compare(a.LastUsed), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Session, b.Session))
	})
	return slices.Clip(all[:min(len(all), max(most, 0))])
}

// len is how many sessions live. It looks at all there are.
func (s *sessions) len(now time.Time) int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, e := range sh.known.Values() {
			if !e.over(now, s.life) {
				n++
			}
		}
		sh.mu.Unlock()
	}
	return n
}

func (s *sessions) shard(tenant, session string) *sessionShard {
	return &s.shards[hashSession(tenant, session)&uint64(len(s.shards)-1)] //nolint:gosec // a power of two
}

// live returns a session that is not over; nil: there is none.
func (sh *sessionShard) live(k sessionKey, now time.Time, life time.Duration) *liveSession {
	e, ok := sh.known.Get(k)
	switch {
	case !ok:
		return nil
	case e.over(now, life):
		sh.known.Remove(k)
		return nil
	}
	return e
}

// swept is how many sessions that are over a new one clears away: more than one, so
// that they become fewer.
const swept = 4

// add puts a new session into the table.
func (sh *sessionShard) add(k sessionKey, account string, now time.Time, life time.Duration) {
	for range swept {
		_, e, ok := sh.known.GetOldest()
		if !ok || !e.over(now, life) {
			break
		}
		sh.known.RemoveOldest()
	}
	e := &liveSession{facts: Session{Tenant: k.tenant, Session: k.session, Account: account, Began: now}}
	e.use(now)
	sh.known.Add(k, e)
}

// use counts a request that begins.
func (e *liveSession) use(now time.Time) {
	e.facts.LastUsed = later(e.facts.LastUsed, now)
	e.facts.Requests++
	e.underWay++
}

// has tells whether a session has an account.
func (e *liveSession) has(account string) bool {
	return e.facts.Account == account || slices.Contains(e.facts.Others, account)
}

// replace puts an account in the place of another one, and has it once. Others, which
// were given out, are copied.
func (e *liveSession) replace(from, to string) {
	others := slices.DeleteFunc(slices.Clone(e.facts.Others), func(name string) bool { return name == to })
	switch i := slices.Index(others, from); {
	case e.facts.Account == from:
		e.facts.Account = to
	case e.facts.Account == to:
		others = slices.Delete(others, i, i+1)
	default:
		others[i] = to
	}
	e.facts.Others = slices.Clip(others)
}

// over tells whether a session has not been used for its life.
func (e *liveSession) over(now time.Time, life time.Duration) bool {
	return e.underWay == 0 && now.Sub(e.facts.LastUsed) >= life
}

// later keeps time from going back where calls overtake each other.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
