package server

import (
	"slices"
	"sync"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// actives are the requests in flight.
type actives struct {
	mu  sync.Mutex
	all map[string]*exchange
}

func (a *actives) add(x *exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[string]*exchange)
	}
	a.all[x.id] = x
}

func (a *actives) remove(x *exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, x.id)
}

// Active are the requests that are with the balancer now, the oldest first.
func (s *Server) Active() []resource.Active {
	s.active.mu.Lock()
	list := make([]resource.Active, 0, len(s.active.all))
	for _, x := range s.active.all {
		one := resource.Active{ID: x.id, UserID: x.key.UserID, KeyID: x.key.ID, API: x.route.API.String(), Path: x.route.URL.Path, Since: x.start}
		if name := x.account.Load(); name != nil {
			one.Account = *name
		}
		list = append(list, one)
	}
	s.active.mu.Unlock()
	slices.SortFunc(list, func(a, b resource.Active) int { return a.Since.Compare(b.Since) })
	return list
}

// Cancel ends a request in flight. Its client gets an error, or a broken stream, and what
// it has used is booked. It tells whether there was such a request.
func (s *Server) Cancel(id string) bool {
	s.active.mu.Lock()
	defer s.active.mu.Unlock()
	x, ok := s.active.all[id]
	if ok {
		x.cancel(errCancelled)
	}
	return ok
}
