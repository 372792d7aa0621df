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

// sink writes whole lines, one after the other, and tells once that it cannot.
type sink struct {
	name   string
	errors io.Writer

	mu     sync.Mutex
	to     target
	lost   int // lines since writing last worked
	closed bool
}

// Write implements io.Writer. It never fails: whoever logs has nothing to do about it.
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return len(line), nil
	}
	err := s.to.write(line, time.Now())
	switch {
	case err != nil:
		if s.lost++; s.lost == 1 {
			fmt.Fprintf(s.errors, "gateway: %s cannot be written: %v: lines are lost until it can; is the disk full?\n", s.name, err)
		}
	case s.lost > 0:
		fmt.Fprintf(s.errors, "gateway: %s is written again: %d lines were lost\n", s.name, s.lost)
		s.lost = 0
	}
	return len(line), nil
}

func (s *sink) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.to.reopen(time.Now())
}

func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.to.close()
}
