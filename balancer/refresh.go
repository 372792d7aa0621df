package balancer

import "time"

const defaultHealthRefresh = time.Second

// refresh learns again and again what other programs have found out, until Close: what has
// changed, if the store can tell that, and else the health of all accounts and of the
// models that requests ask for. follow is nil for a store that cannot.
func (t *Transport) refresh(every time.Duration, follow *follower) {
	defer t.beside.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var (
		models rounds
		idle   idleness
	)
	for {
		select {
		case <-t.calls.ctx.Done():
			return
		case <-tick.C:
			t.payDebts(t.calls.ctx, maxDebts) // before it is read: what is known here is ahead of it
			if follow != nil {
				follow.follow(t.calls.ctx, t)
				idle.forget(t.domains, time.Now())
				continue
			}
			if !t.read(t.calls.ctx, t.domains.all()) {
				continue
			}
			if subjects, names := models.next(t.fleet.Load(), t.domains, time.Now()); len(subjects) > 0 {
				t.learnModels(t.calls.ctx, subjects, names)
			}
			idle.forget(t.domains, time.Now())
		}
	}
}
