package realproxy

import "sync"

const logLimit = 64 << 10

// ring keeps the last logLimit bytes written to it, and tells who waits for
// more.
type ring struct {
	mu   sync.Mutex
	data []byte
	more chan struct{} // closed at the next Write; nil: nobody waits
}

func (r *ring) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = append(r.data, b[max(0, len(b)-logLimit):]...)
	if len(r.data) > 2*logLimit {
		r.data = append(r.data[:0], r.data[len(r.data)-logLimit:]...)
	}
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
	return len(b), nil
}

// snapshot returns what is kept, and a channel that is closed when there is
// more.
func (r *ring) snapshot() (string, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.more == nil {
		r.more = make(chan struct{})
	}
	return string(r.data[max(0, len(r.data)-logLimit):]), r.more
}

func (r *ring) String() string {
	s, _ := r.snapshot()
	return s
}
