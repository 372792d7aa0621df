package balancer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
)

// domain is something that can fail on its own, with what is known of its health.
// Choosing looks at that alone; the store is told of changes, and read beside the
// requests.
type domain struct {
	subject health.Subject
	seed    uint64
	state   atomic.Pointer[health.State] // nil: healthy, and never anything else
	good    atomic.Int64                 // successes that were not worth a write
	since   atomic.Int64                 // when their counting began, in nanoseconds since 1970
	seen    atomic.Int64                 // of a model's: domains.age when a request looked at it last; 0: none has since it failed
	born    int64                        // for one with a model: domains.age when it was added
}

func newDomain(s health.Subject) *domain {
	d := &domain{subject: s, seed: s.Seed()}
	d.since.Store(time.Now().UnixNano())
	return d
}

// known is the last state that is known.
func (d *domain) known() health.State {
	if s := d.state.Load(); s != nil {
		return *s
	}
	return health.State{}
}

// learn notes a state, unless a newer one is known, and tells whether whoever waits
// should look again: the domain can be used that could not be before, or it was tried
// and is still bad.
func (d *domain) learn(s health.State, now time.Time) (news bool) {
	for {
		old := d.state.Load()
		switch {
		case old == nil && s == (health.State{}):
			return false
		case old != nil && (old.Version > s.Version || *old == s):
			return false
		}
		if d.state.CompareAndSwap(old, &s) {
			return better(old, &s, now)
		}
	}
}

// relearn notes a state of lower version that the store has said after the one before, unless
// another one is known since: it has lost what it said then, and what it says counts. The
// result is learn's.
func (d *domain) relearn(before *health.State, s health.State, now time.Time) (news bool) {
	return before != nil && s != (health.State{}) && s.Version < before.Version && d.state.CompareAndSwap(before, &s) && better(before, &s, now)
}

// better tells whether whoever waits should look again: see learn.
func better(old, s *health.State, now time.Time) bool {
	return old != nil && !usable(old, now) && (usable(s, now) || tested(*old, now) && !tested(*s, now))
}

// forget makes the domain healthy, since the store did not know it at a time, unless
// something newer is known.
func (d *domain) forget(asOf, now time.Time) (better bool) {
	old := d.state.Load()
	if old == nil || int64(old.Version) >= asOf.UnixNano() { //nolint:gosec // nanoseconds, as health counts versions
		return false
	}
	return d.state.CompareAndSwap(old, nil) && !usable(old, now)
}

func usable(s *health.State, now time.Time) bool {
	switch s.Phase(now) {
	case health.PhaseClosed:
		return true
	case health.PhaseHalfOpen:
		return !now.Before(s.ProbeUntil)
	default:
		return false
	}
}

// succeeded counts a success that changes nothing: it is told with the next outcome
// that does.
func (d *domain) succeeded() { d.good.Add(1) }

// successes takes those out that were counted, and says since when.
func (d *domain) successes(now time.Time) (n int, since time.Time) {
	from := d.since.Swap(now.UnixNano())
	return int(d.good.Swap(0)), time.Unix(0, from)
}

// domains are those of the accounts, of their ways and, where they have trouble, of
// models.
type domains struct {
	mu     sync.RWMutex
	fixed  map[health.Subject]*domain // of the accounts there are
	models map[health.Subject]*domain // of those that failed at some time
	count  atomic.Int64               // of models

	troubled map[string]*trouble // models that some account cannot serve
	age      atomic.Int64        // how many have been added to models and troubled

	pairs    pile[*domain]  // those in models
	troubles pile[*trouble] // those in troubled
}

// trouble is that some account cannot serve a model.
type trouble struct {
	model string
	until int64        // at the latest, in nanoseconds since 1970
	seen  atomic.Int64 // domains.age when a request asked for the model last; 0: none has since
}

// maxModelDomains bounds how many pairs with a model are remembered, and maxTroubled how
// many models are known to be in trouble: callers may make up names.
const (
	maxModelDomains = 50_000
	maxTroubled     = 1000
)

func newDomains() *domains {
	return &domains{fixed: make(map[health.Subject]*domain), models: make(map[health.Subject]*domain), troubled: make(map[string]*trouble)}
}

// ofFleet returns the domains of subjects, the same ones as before where they were
// known, and forgets those of other fleets. fresh are those that are new.
func (ds *domains) ofFleet(subjects map[health.Subject]*domain) (fresh []*domain) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for s := range subjects {
		d := ds.fixed[s]
		if d == nil {
			d = newDomain(s)
			fresh = append(fresh, d)
		}
		subjects[s] = d
	}
	return fresh
}

// keep makes these the domains of the accounts there are.
func (ds *domains) keep(fixed map[health.Subject]*domain) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.fixed = fixed
}

// ofModel is the domain of a subject with a model; nil: it never failed.
func (ds *domains) ofModel(s health.Subject) *domain {
	if ds.count.Load() == 0 {
		return nil
	}
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	d := ds.models[s]
	if d != nil {
		ds.see(&d.seen)
	}
	return d
}

// get is the domain of a subject; nil: there is none. No request asks.
func (ds *domains) get(s health.Subject) *domain {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	if d := ds.fixed[s]; d != nil {
		return d
	}
	return ds.models[s]
}

// see notes that a request has asked for something.
func (ds *domains) see(seen *atomic.Int64) {
	if age := ds.age.Load(); seen.Load() != age { // seldom: most requests only read
		seen.Store(age)
	}
}

// failing is ofModel for one that has failed now.
func (ds *domains) failing(s health.Subject) *domain {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.models[s]
	if d == nil {
		if len(ds.models) >= maxModelDomains {
			now := time.Now()
			gone, _ := ds.pairs.dispensable(func(d *domain) loss { return d.loss(now) })
			ds.pairs.remove(gone)
			delete(ds.models, gone.subject)
		}
		d = newDomain(s)
		d.born = ds.age.Add(1)
		ds.models[s] = d
		ds.pairs.add(d)
		ds.count.Store(int64(len(ds.models)))
	}
	return d
}

// forgetIdle forgets the pairs that no request has asked for since that age, of those that
// are healthy or only wait for somebody who tries them: the store still knows about these.
func (ds *domains) forgetIdle(age int64, now time.Time) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for i := len(ds.pairs.list) - 1; i >= 0; i-- { // what is removed changes places with the last
		d := ds.pairs.list[i]
		s := d.known()
		rested := now.Sub(s.RestUntil) < askedFor // until just now: nobody could look at it
		if d.born < age && d.seen.Load() < age && !rested && usable(&s, now) {
			ds.pairs.remove(d)
			delete(ds.models, d.subject)
		}
	}
	ds.count.Store(int64(len(ds.models)))
}

// loss is what it costs to forget the domain of a model: nothing for a healthy one, most
// for one that is disabled, since nobody would find that out again.
func (d *domain) loss(now time.Time) loss {
	s := d.known()
	l := loss{kind: 1, seen: d.seen.Load(), until: nanos(s.RestUntil)}
	switch s.Phase(now) {
	case health.PhaseClosed:
		l.kind = 0
	case health.PhaseDisabled:
		l.kind = 2
	}
	return l
}

// trouble notes that some account cannot serve a model for now.
func (ds *domains) trouble(s *health.State, model string, now time.Time) {
	phase := s.Phase(now)
	if phase == health.PhaseClosed {
		return
	}
	until := now.Add(time.Hour) // disabled, or to be probed
	if phase == health.PhaseOpen {
		until = s.RestUntil.Add(time.Minute)
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	known := ds.troubled[model]
	if known == nil {
		if len(ds.troubled) >= maxTroubled { // choosing is slower for the one forgotten, and as right
			gone, _ := ds.troubles.dispensable(func(t *trouble) loss { return t.loss(now.UnixNano()) })
			ds.troubles.remove(gone)
			delete(ds.troubled, gone.model)
		}
		known = &trouble{model: model}
		ds.troubled[model] = known
		ds.troubles.add(known)
		ds.age.Add(1)
	}
	known.until = max(known.until, until.UnixNano())
}

// loss is what it costs to forget the trouble: nothing once it is over.
func (t *trouble) loss(now int64) loss {
	l := loss{kind: 1, seen: t.seen.Load(), until: t.until}
	if t.until <= now {
		l.kind = 0
	}
	return l
}

// inTrouble tells whether it is worth to keep accounts apart for a model.
func (ds *domains) inTrouble(model string, now int64) bool {
	if model == "" || ds.count.Load() == 0 {
		return false
	}
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	t := ds.troubled[model]
	if t == nil || t.until <= now {
		return false
	}
	ds.see(&t.seen)
	return true
}

// all are the domains that are known.
func (ds *domains) all() []*domain {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	list := make([]*domain, 0, len(ds.fixed)+len(ds.models))
	for _, d := range ds.fixed {
		list = append(list, d)
	}
	for _, d := range ds.models {
		list = append(list, d)
	}
	return list
}

// readBatch is how many states the store is asked for at a time.
const readBatch = 1000

// takeIn is noticed without a word.
func (t *Transport) takeIn(d *domain, s health.State, asOf, now time.Time) {
	var news bool
	if s == (health.State{}) {
		news = d.forget(asOf, now)
	} else {
		news = d.learn(s, now)
		if d.subject.Model != "" {
			t.domains.trouble(&s, d.subject.Model, now)
		}
	}
	if news {
		t.wake(d.subject)
	}
}
