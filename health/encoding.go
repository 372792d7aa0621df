package health

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// stateFormat is the first byte of a state kept as bytes. A change to the fields needs a new number, and UnmarshalBinary
// goes on reading the old ones: instances of two versions share a store while they are being replaced.
// Format 1 ends at the reason, format 2 at the window's counts.
const stateFormat = 2

const (
	flagProbeDue = 1 << iota
	flagDisabled
	flagsKnown = flagProbeDue | flagDisabled
)

var (
	errStateCut = errors.New("health: state: cut short")
	errCount    = errors.New("health: state: a count out of range")
)

// MarshalBinary is the state as bytes: a byte with the format's number, then the fields; some 90 bytes and the reason.
// It never fails.
func (s State) MarshalBinary() ([]byte, error) {
	var flags byte
	if s.ProbeDue {
		flags |= flagProbeDue
	}
	if s.Disabled {
		flags |= flagDisabled
	}
	b := make([]byte, 0, 112+len(s.Reason))
	b = append(b, stateFormat, flags, byte(s.Cause))
	for _, n := range [...]int{s.Failures, s.AuthFailures, s.Rests} {
		b = binary.AppendVarint(b, int64(n))
	}
	b = appendTimes(b, s.RestUntil, s.ProbeFrom, s.ProbeUntil, s.Since, s.LastFailure)
	b = binary.AppendUvarint(b, s.Version)
	b = binary.AppendUvarint(b, uint64(len(s.Reason)))
	b = append(b, s.Reason...)
	b = appendTimes(b, s.LastCheck, s.Recovered, s.Window.From)
	for _, n := range [...]int{s.Window.Failures, s.Window.Successes, s.Window.PastFailures, s.Window.PastSuccesses} {
		b = binary.AppendVarint(b, int64(n))
	}
	return b, nil
}

func appendTimes(b []byte, times ...time.Time) []byte {
	for _, t := range times {
		b = binary.AppendVarint(b, t.Unix())
		b = binary.AppendVarint(b, int64(t.Nanosecond()))
	}
	return b
}

// UnmarshalBinary reads what MarshalBinary wrote, also that of earlier versions, whose states lack what has been added
// since. A format of a later version, bytes cut short and bytes left over are errors, and leave the state as it was.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errStateCut
	}
	if data[0] < 1 || data[0] > stateFormat {
		return fmt.Errorf("health: state: format %d is not known here, only 1 to %d: was it written by a later version?", data[0], stateFormat)
	}
	r := stateReader{rest: data[1:]}
	flags := r.byte()
	next := State{
		ProbeDue: flags&flagProbeDue != 0, Disabled: flags&flagDisabled != 0, Cause: Cause(r.byte()),
		Failures: r.int(), AuthFailures: r.int(), Rests: r.int(),
		RestUntil: r.time(), ProbeFrom: r.time(), ProbeUntil: r.time(), Since: r.time(), LastFailure: r.time(),
		Version: r.uint(), Reason: r.string(),
	}
	if data[0] >= 2 {
		next.LastCheck, next.Recovered = r.time(), r.time()
		next.Window = Window{From: r.time(), Failures: r.count(), Successes: r.count(), PastFailures: r.count(), PastSuccesses: r.count()}
	}
	switch {
	case r.err != nil:
		return r.err
	case flags&^flagsKnown != 0:
		return fmt.Errorf("health: state: unknown flags %#x", flags)
	case len(r.rest) > 0:
		return fmt.Errorf("health: state: %d bytes left over", len(r.rest))
	}
	*s = next
	return nil
}

// stateReader takes fields off the front of rest until one is not there; then err is set and every field is zero.
type stateReader struct {
	rest []byte
	err  error
}

// fail remembers the first error.
func (r *stateReader) fail(err error) {
	if r.err == nil {
		r.rest, r.err = nil, err
	}
}

func (r *stateReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail(errStateCut)
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *stateReader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *stateReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		n = -1
	}
	if r.take(n); r.err != nil {
		return 0
	}
	return v
}

func (r *stateReader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		n = -1
	}
	if r.take(n); r.err != nil {
		return 0
	}
	return v
}

func (r *stateReader) int() int {
	v := r.varint()
	if int64(int(v)) != v || v < 0 {
		r.fail(errCount)
		return 0
	}
	return int(v)
}

// count is one of a Window.
func (r *stateReader) count() int {
	n := r.int()
	if n > maxCount {
		r.fail(errCount)
		return 0
	}
	return n
}

func (r *stateReader) time() time.Time {
	seconds, nanos := r.varint(), r.varint()
	if r.err != nil {
		return time.Time{}
	}
	if nanos < 0 || nanos >= int64(time.Second) {
		r.fail(errors.New("health: state: a time out of range"))
		return time.Time{}
	}
	return time.Unix(seconds, nanos).UTC()
}

func (r *stateReader) string() string {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail(errStateCut)
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
