package logfile

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// target is what lines are written to.
type target interface {
	write(line []byte, now time.Time) error
	reopen(now time.Time) error
	close() error
}

// stream is a target that is not ours to open or close.
type stream struct{ io.Writer }

func (s stream) write(line []byte, _ time.Time) error {
	_, err := s.Write(line)
	return err
}
func (stream) reopen(time.Time) error { return nil }
func (stream) close() error           { return nil }

const (
	// turn is how long a line may wait for others.
	turn = 100 * time.Millisecond

	// maxAtOnce is how many lines of a turn are written each by itself: a write is most
	// of what a line costs, and a log that is busy has better to do.
	maxAtOnce = 32

	// maxWaiting is how many bytes of lines wait for their turn to end.
	maxWaiting = 64 << 10
)

// sink writes whole lines, one after the other, and tells once that it cannot.
type sink struct {
	name   string
	errors io.Writer

	mu     sync.Mutex
	to     target
	lost   int // lines since writing last worked
	closed bool

	began   time.Time   // the turn
	atOnce  int         // lines that were written in it
	waiting []byte      // lines that wait for its end
	lines   int         // of them
	since   time.Time   // the first of them waits
	timer   *time.Timer // writes them; nil: none ever waited
}

// Write implements io.Writer. It never fails: whoever logs has nothing to do about it. A
// line is written at once, unless there have been many in this turn.
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return len(line), nil
	}
	now := time.Now()
	if s.lines > 0 && (now.YearDay() != s.since.YearDay() || len(s.waiting)+len(line) > maxWaiting) {
		s.flush()
	}
	if age := now.Sub(s.began); s.lines == 0 && (age >= turn || age < 0) {
		s.began, s.atOnce = now, 0
	}
	if s.lines == 0 && (s.atOnce < maxAtOnce || len(line) > maxWaiting) {
		s.atOnce++
		s.put(line, 1, now)
		return len(line), nil
	}
	if s.lines == 0 {
		s.since = now
		s.wake(turn - now.Sub(s.began))
	}
	s.waiting = append(s.waiting, line...)
	s.lines++
	return len(line), nil
}

// wake has the lines written that wait, after a while.
func (s *sink) wake(after time.Duration) {
	if s.timer != nil {
		s.timer.Reset(after)
		return
	}
	s.timer = time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flush()
	})
}

// flush writes the lines that wait: into the file of their day.
func (s *sink) flush() {
	if s.lines == 0 {
		return
	}
	s.timer.Stop()
	s.put(s.waiting, s.lines, s.since)
	s.waiting, s.lines = s.waiting[:0], 0
}

func (s *sink) put(text []byte, lines int, now time.Time) {
	err := s.to.write(text, now)
	switch {
	case err != nil:
		if s.lost += lines; s.lost == lines {
			fmt.Fprintf(s.errors, "gateway: %s cannot be written: %v: lines are lost until it can; is the disk full?\n", s.name, err)
		}
	case s.lost > 0:
		fmt.Fprintf(s.errors, "gateway: %s is written again: %d lines were lost\n", s.name, s.lost)
		s.lost = 0
	}
}

func (s *sink) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.flush()
	return s.to.reopen(time.Now())
}

func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.flush()
	s.closed = true
	return s.to.close()
}
