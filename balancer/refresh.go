package balancer

import "time"

const defaultHealthRefresh = time.Second

// refresh reads the health of all accounts again and again, until Close.
func (t *Transport) refresh(every time.Duration) {
	defer t.beside.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-t.calls.ctx.Done():
			return
		case <-tick.C:
			t.read(t.calls.ctx, t.domains.all())
		}
	}
}
