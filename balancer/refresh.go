package balancer

import "time"

const defaultHealthRefresh = time.Second

// refresh reads the health of all accounts again and again, and of the models that
// requests ask for, until Close.
func (t *Transport) refresh(every time.Duration) {
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
