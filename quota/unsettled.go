package quota

import "sync"

// unsettled is what is still to be settled, the oldest first, and at most so many.
type unsettled struct {
	most int

	mu    sync.Mutex
	queue []settlement
	known map[reservationID]struct{} // in the queue, or taken from it and not done
}

type reservationID struct{ id, key string }

// settlement is a Settle to be done.
type settlement struct {
	r    Reservation
	used Amount
}

func (s settlement) id() reservationID { return reservationID{s.r.ID, s.r.Key} }

// keep adds one. It reports whether it is kept: one that is known is, as it was.
func (u *unsettled) keep(s settlement) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.known[s.id()]; ok {
		return true
	}
	if len(u.known) >= u.most {
		return false
	}
	if u.known == nil {
		u.known = make(map[reservationID]struct{})
	}
	u.known[s.id()] = struct{}{}
	u.queue = append(u.queue, s)
	return true
}

func (u *unsettled) knows(r Reservation) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.known[reservationID{r.ID, r.Key}]
	return ok
}

// take takes the oldest; whoever took it says done or puts it back.
func (u *unsettled) take() (s settlement, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) == 0 {
		return s, false
	}
	s = u.queue[0]
	if u.queue = u.queue[1:]; len(u.queue) == 0 {
		u.queue = nil // and what was before its beginning
	}
	return s, true
}

func (u *unsettled) done(s settlement) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, s.id())
}

// putBack puts it at the end: one that fails does not hold up the others.
func (u *unsettled) putBack(s settlement) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, s)
}

func (u *unsettled) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.known)
}
