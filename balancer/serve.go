package balancer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// RoundTrip sends the request through one account, and through others when that
// fails. The answer is the first good one; or, when all failed, the last real one,
// marked so that SDKs do not retry what has been retried; its body must be closed,
// and until then the request is under way. With no answer at all the error is an
// [*Error] with every attempt.
func (t *Transport) RoundTrip(in *http.Request) (*http.Response, error) {
	if in.URL == nil || in.Header == nil {
		closeBody(in)
		return nil, &Error{Err: errors.New("the request has no URL or a nil Header")}
	}
	s := &serving{t: t}
	if s.ctx = t.calls.enter(in.Context(), &s.call); s.ctx == nil {
		closeBody(in)
		return nil, &Error{Err: ErrClosed}
	}
	understood := false
	defer s.abandon()
	defer func() {
		if understood {
			s.close()
		} else {
			closeBody(in)
		}
	}()
	if err := t.understand(s.ctx, in, t.fleet.Load(), &s.Request); err != nil {
		s.over = true
		s.end()
		return nil, err
	}
	understood = true
	if err := s.admit(); err != nil {
		s.over = true
		s.end()
		return nil, err
	}
	t.retries.request()
	resp, err := s.serve()
	s.over = true
	return resp, err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// serving is a request between its first attempt and its answer.
type serving struct {
	Request
	call call
	t    *Transport
	ctx  context.Context // ends with the caller's, with Close, and at the end of the body

	chooser chooser // of the attempt that is looked for

	left     int                     // attempts it may still have
	until    time.Time               // when Config.Deadline is; zero: there is none
	tried    []*member               // begins in few
	few      [3]*member              //
	failed   map[health.Subject]bool // what has failed for this request already; nil: nothing has
	log      []Attempt
	held     *http.Response // the last real answer, should nobody give a good one
	err      error          // of the last attempt without an answer
	next     *attempt       // chosen for the place of a silent one
	nextPaid ticket         // for it
	again    bool           // another attempt may follow
	paid     ticket         // of the retry budget, for it
	hedged   bool           // a second attempt was begun beside the first, or could not be
	beside   bool           // an account is being chosen while an attempt is under way: there is no time to wait for one
	brief    bool           // the last failure may be over in a moment
	repeated bool           // the only account was tried once more
	limited  []*member      // left for a limit that ends
	rested   time.Duration  // waited for limits to end
	over     bool           // served, one way or the other
	billed   atomic.Bool    // it has left its bill

	conflicts int // answers of 409: a second one would be the same again

	ready   *try          // has reported without a goroutine
	results chan *try     // those that report from one; nil: none will
	look    chan struct{} // the alarm may be another; as results

	mu      sync.Mutex
	late    bool   // Config.Deadline has passed
	running []*try // under way; at most two
	two     [2]*try
	first   try
	one     attempt // the first one
}

// end says that the request is over, once its books are kept. It may be called again.
func (s *serving) end() {
	s.leaveSession()
	if !s.billed.Swap(true) {
		s.bill.leave(s.in.Context(), quota.Amount{})
	}
	s.call.end()
}

func (s *serving) serve() (*http.Response, error) {
	s.left = s.tries
	if d := s.t.cfg.Deadline; d > 0 {
		s.until = time.Now().Add(d)
		timer := time.AfterFunc(d, s.expire)
		defer timer.Stop()
	}
	for s.again = true; s.again; {
		at, err := s.find()
		if err != nil {
			return s.giveUp(err)
		}
		s.start(at, false)
		if t := s.await(); t != nil {
			return s.win(t), nil
		}
	}
	return s.giveUp(nil)
}

// find takes the account for the next attempt.
func (s *serving) find() (*attempt, error) {
	at, err := s.next, error(nil)
	if s.next = nil; at == nil {
		at, err = s.search()
	}
	if err != nil {
		s.t.retries.giveBack(s.paid)
	}
	s.paid = 0
	if err == nil {
		s.settleDown(at)
	}
	return at, err
}

// uncancelled cancels nothing: the request's own context is good enough.
func uncancelled(error) {}

// start begins an attempt: in this goroutine, unless something else may have to be
// done meanwhile.
func (s *serving) start(at *attempt, hedge bool) {
	s.left--
	if s.tried == nil {
		s.tried = s.few[:0]
	}
	s.tried = append(s.tried, at.member)
	t := &s.first
	if t.s != nil { // there was one before
		t = new(try)
	}
	t.s, t.at, t.begun, t.hedge, t.ctx, t.cancel = s, at, time.Now(), hedge, s.ctx, uncancelled
	beside := len(s.running) > 0 // then nobody may wait for this one alone
	t.follows = s.Operation.Repeatable && (s.left > 0 || beside)
	leave, aside := func() {}, t.follows && (beside || s.mayHedge() || s.mayBeSilent())
	if aside {
		leave, aside = s.t.calls.join()
	}
	t.aside = aside
	if aside || s.t.cfg.Deadline > 0 {
		t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	}
	if s.results == nil && aside {
		s.results, s.look = make(chan *try, 2), make(chan struct{}, 1)
	}
	s.mu.Lock()
	if s.running == nil {
		s.running = s.two[:0]
	}
	s.running = append(s.running, t)
	late := s.late
	s.mu.Unlock()
	if late {
		t.expire()
	}
	switch {
	case aside:
		go func() {
			defer leave()
			t.runAside()
		}()
	case t.run():
		s.ready = t
	}
}

// await is the attempt whose answer the caller is to get; nil: there is none, or not
// yet.
func (s *serving) await() *try {
	for len(s.running) > 0 {
		t := s.nextReport()
		s.forget(t)
		if t.panicked {
			t.abandon()
			panic(t.panic)
		}
		if t.verdict.Class == provider.ClassOK {
			return t
		}
		alone := len(s.running) == 0
		s.again = alone && s.mayTryAgain(t)
		final := !t.verdict.Class.Retryable() && !t.hedge // the first account may take what the second does not
		if t.good() && !s.again && (alone || final) {
			return t // as it is: the error is inside
		}
		s.note(t)
		switch {
		case final:
			s.loseAll()
		case !alone && s.next != nil: // in its place
			at := s.next
			s.next = nil
			s.start(at, false)
		}
		if len(s.running) == 1 {
			s.running[0].relent()
		}
	}
	return nil
}

// nextReport waits for the next attempt that is over.
func (s *serving) nextReport() *try {
	if t := s.ready; t != nil {
		s.ready = nil
		return t
	}
	gone := s.ctx.Done()
	var timer *time.Timer
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	for {
		var alarm <-chan time.Time
		if at := s.alarm(); !at.IsZero() {
			if timer == nil {
				timer = time.NewTimer(time.Until(at))
			} else {
				timer.Reset(time.Until(at))
			}
			alarm = timer.C
		}
		select {
		case t := <-s.results:
			return t
		case <-gone:
			gone = nil
			for _, t := range s.running {
				t.interrupt()
			}
		case <-s.look:
		case <-alarm:
			s.ring()
		}
	}
}

// forget takes an attempt off those under way.
func (s *serving) forget(t *try) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = slices.DeleteFunc(s.running, func(other *try) bool { return other == t })
}

// loseAll ends the attempts that are still under way.
func (s *serving) loseAll() {
	for len(s.running) > 0 {
		t := s.running[0]
		s.forget(t)
		t.lose()
	}
}

// expire is called when the deadline has come.
func (s *serving) expire() {
	s.mu.Lock()
	s.late = true
	running := slices.Clone(s.running)
	s.mu.Unlock()
	for _, t := range running {
		t.expire()
	}
}

// isLate tells whether the deadline has come.
func (s *serving) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// mayTryAgain tells whether another account may do better, whether a second sending
// is harmless, and whether the retry budget pays for it. It is asked once.
func (s *serving) mayTryAgain(t *try) bool {
	v := t.verdict
	if t.resp != nil && t.resp.StatusCode == http.StatusConflict && s.conflicts > 0 {
		return false
	}
	switch {
	case s.left == 0 || !v.Class.Retryable() || s.ctx.Err() != nil || s.isLate() || v.MaybeExecuted && !s.Operation.Repeatable:
		return false
	case s.next != nil || !costs(v, t.status()): // paid already, or for nothing
		return true
	}
	s.paid = s.t.retries.take()
	t.at.record.NoBudget = s.paid == 0
	return s.paid != 0
}
