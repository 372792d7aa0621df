package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// accountState is what AccountState takes.
type accountState struct {
	ResetAt, Errors int64
}

// writer has what waits to be written, and the goroutine that writes it, which Close
// ends.
type writer struct {
	db      *DB
	id      string
	most    int // rows of a batch
	dropped atomic.Int64
	wake    chan struct{} // a batch is full
	urgent  chan struct{} // somebody waits
	ended   chan struct{} // closed with the goroutine
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	queue    [][]resource.Request // batches: the last is being filled
	spare    []resource.Request   // for a next one
	rows     int                  // in the queue
	bytes    int                  // of their trails
	filled   int                  // of the trails of the last batch
	lost     sums                 // of rows that were dropped
	distinct int                  // sums that are kept apart by model in lost
	states   map[string]accountState
	taken    int64 // records so far
	written  int64 // of them
	progress chan struct{}
	closing  bool
	err      error // of the last try, nil: it went well

	// Of the goroutine.
	batch    *batch // that has not been written yet; nil: none
	last     int64  // number of a batch
	row      int64  // number of a row
	tries    int    // of the batch
	suspects int    // rows from the batch's on, among which some are that the database refuses
	guilty   int    // of them that were found
	purgedAt time.Time
}

func newWriter(db *DB) *writer {
	ctx, cancel := context.WithCancel(context.Background())
	return &writer{
		db: db, id: newID("writer"), ctx: ctx, cancel: cancel,
		most: max(min(batchRows, db.config.MaxRows/2), 1), // so that there is room for more while a batch is written
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), ended: make(chan struct{}),
		row:  rand.Int64N(1 << 62), //nolint:gosec // it has to be apart from others', not secret
		lost: newSums(), distinct: maxDistinct, states: map[string]accountState{}, progress: make(chan struct{}),
	}
}

func (w *writer) record(r *resource.Request) {
	w.mu.Lock()
	if w.closing {
		w.mu.Unlock()
		w.db.log.Error("a request was recorded after the store was closed", "request_id", r.ID, "key_id", r.KeyID, "cost", r.Cost)
		return
	}
	w.taken++
	full := false
	if w.rows < w.db.config.MaxRows && w.bytes < maxQueued {
		full = w.enqueue(r)
	} else {
		w.lost.add(r, w.distinct)
		w.dropped.Add(1)
	}
	w.mu.Unlock()
	if full {
		rouse(w.wake)
	}
}

// enqueue appends a row, and tells whether it fills a batch.
func (w *writer) enqueue(r *resource.Request) (full bool) {
	last := len(w.queue) - 1
	if last < 0 || w.full(last) {
		if w.spare == nil {
			w.spare = make([]resource.Request, 0, w.most)
		}
		w.queue, w.spare, w.filled, last = append(w.queue, w.spare), nil, 0, last+1
	}
	w.queue[last] = append(w.queue[last], *r)
	w.rows++
	w.bytes += len(r.Trail)
	w.filled += len(r.Trail)
	return w.full(last)
}

// full tells whether the last batch takes no more.
func (w *writer) full(last int) bool { return len(w.queue[last]) >= w.most || w.filled >= batchBytes }

func (w *writer) state(name string, s accountState) {
	const most = 10_000 // accounts
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.states[name]; known || len(w.states) < most {
		w.states[name] = s
	}
}

func rouse(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default: // it is awake
	}
}

// run writes until Close.
func (w *writer) run() {
	defer close(w.ended)
	tick := time.NewTimer(w.db.config.Flush)
	defer tick.Stop()
	wake := w.wake
	for {
		select {
		case <-tick.C:
		case <-wake:
		case <-w.urgent:
		}
		pause := w.db.config.Flush
		if err := w.drain(); err != nil {
			wake, pause = nil, w.backoff()
		} else {
			wake = w.wake
			w.maintain()
		}
		if w.isClosing() {
			w.end()
			return
		}
		tick.Reset(pause)
	}
}

// backoff is how long a broken database is left alone: up to 5 s, or until
// somebody waits.
func (w *writer) backoff() time.Duration {
	return min(w.db.config.Flush/4<<min(w.tries, 10), 5*time.Second)
}

func (w *writer) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

// drain writes all that waits.
func (w *writer) drain() error {
	for w.next() {
		if err := w.write(); err != nil {
			return err
		}
	}
	return nil
}

// next takes a batch, unless one is waiting, and tells whether there is one.
func (w *writer) next() bool {
	if w.batch != nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rows == 0 && w.lost.empty() && len(w.states) == 0 {
		return false
	}
	w.last++
	b := &batch{Writer: w.id, Number: w.last, First: w.row, States: w.states, lost: w.lost}
	if len(w.queue) > 0 {
		b.Rows = w.queue[0]
		w.queue = slices.Delete(w.queue, 0, 1)
	}
	w.row += int64(len(b.Rows))
	w.rows -= len(b.Rows)
	for i := range b.Rows {
		w.bytes -= len(b.Rows[i].Trail)
	}
	w.lost, w.states = newSums(), map[string]accountState{}
	w.batch, w.tries = b, 0
	return true
}

// write tries to write the batch. When the database is there and refuses it again and
// again, the rows that are at fault are found and dropped, which money does not depend on.
func (w *writer) write() error {
	w.tries++
	ctx, cancel := context.WithTimeout(w.ctx, batchTime)
	defer cancel()
	err := w.db.apply(ctx, w.batch)
	if err == nil {
		w.done()
		return nil
	}
	err = failed(err, "writing records")
	w.mu.Lock()
	first := w.err == nil
	w.err = err
	w.mu.Unlock()
	if first {
		w.db.log.Error("records cannot be written; they wait", "error", err)
	}
	if (w.tries >= refusals || w.suspects > 0) && len(w.batch.Rows) > 0 && w.refused(ctx, err) {
		w.narrow(err)
		return w.write()
	}
	return err
}

// narrow halves a batch that the database refuses, until the row that is at fault is alone: it
// is dropped. The other half is the next batch. Where many are at fault, it is not they, but the
// log: all that are left are dropped.
func (w *writer) narrow(err error) {
	b := w.batch
	if w.suspects == 0 {
		w.suspects, w.guilty = len(b.Rows), 0
	}
	w.tries = 0
	if rows := len(b.Rows); rows == 1 || w.guilty >= mostGuilty {
		w.db.log.Error("the database refuses rows of the request log; they are dropped", "rows", rows, "request_id", b.Rows[0].ID, "error", err)
		w.dropped.Add(int64(rows))
		w.suspects, w.guilty = w.suspects-rows, w.guilty+rows
		b.dropRows()
		return
	}
	half := len(b.Rows) / 2
	rest := b.Rows[half:]
	b.Rows = b.Rows[:half:half] // the room behind them is taken
	trails := 0
	for i := range rest {
		trails += len(rest[i].Trail)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.filled = trails
	}
	w.queue = slices.Insert(w.queue, 0, rest)
	w.rows, w.bytes = w.rows+len(rest), w.bytes+trails
}

// done tells those who wait that the batch is written.
func (w *writer) done() {
	b := w.batch
	if n := b.lostRows(); n > 0 {
		w.db.log.Warn("rows of the request log were dropped; their sums are kept", "rows", n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		w.db.log.Info("records are written again")
	}
	w.suspects = max(w.suspects-len(b.Rows), 0)
	w.written += int64(len(b.Rows)) + b.lostRows()
	clear(b.Rows)
	w.spare = b.Rows[:0]
	w.batch, w.err = nil, nil
	close(w.progress)
	w.progress = make(chan struct{})
}

// refused tells whether it is the batch that is at fault, and not the way to the
// database.
func (w *writer) refused(ctx context.Context, err error) bool {
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !w.db.target.undone(err) &&
		w.db.sql.PingContext(ctx) == nil
}

// Flush returns when all that was recorded before is in the database. An error is the
// context's, with that of the last try.
func (db *DB) Flush(ctx context.Context) error {
	w := db.writer
	w.mu.Lock()
	until := w.taken
	w.mu.Unlock()
	rouse(w.urgent)
	for {
		w.mu.Lock()
		done, progress := w.written >= until, w.progress
		w.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-progress:
		case <-w.ended:
			if w.settled(until) {
				return nil
			}
			return failed(errors.New("it was closed"), "flushing records")
		case <-ctx.Done():
			return failed(errors.Join(ctx.Err(), w.lastErr()), "flushing records")
		}
	}
}

func (w *writer) settled(until int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written >= until
}

// Close writes what waits and disconnects. What cannot be written until ctx ends, or in
// three tries, goes to a file in Config.SpoolDir, which the next Open reads in; that is no
// error but is logged. Close may be called again.
func (db *DB) Close(ctx context.Context) error {
	w := db.writer
	w.mu.Lock()
	again := w.closing
	w.closing = true
	w.mu.Unlock()
	rouse(w.urgent)
	select {
	case <-w.ended:
	case <-ctx.Done():
		w.cancel()
		<-w.ended // it has nothing to wait for any more
	}
	w.cancel()
	if again {
		return nil
	}
	return errors.Join(w.lastErr(), failed(db.disconnect(), "closing the database"))
}

func (w *writer) lastErr() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// end writes what is left or puts it into a file.
func (w *writer) end() {
	err := w.drain()
	for try := 1; err != nil && try < closingTries && w.ctx.Err() == nil; try++ {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-w.ctx.Done():
		}
		err = w.drain()
	}
	if err != nil {
		err = w.spool(err)
	}
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
}
