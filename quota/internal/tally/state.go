package tally

import (
	"encoding/binary"
	"math"
	"time"
)

// Reader reads a state. What is not there is 0, and Bad from then on.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader reads b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Bad reports whether anything read was missing or out of its bounds.
func (r *Reader) Bad() bool { return r.bad }

// Rest is how many bytes are left.
func (r *Reader) Rest() int { return len(r.b) }

// Fail makes the Reader Bad.
func (r *Reader) Fail() { r.b, r.bad = nil, true }

// Int reads what [AppendInt] wrote.
func (r *Reader) Int() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// Count reads how many there are of what takes at least so many bytes each.
func (r *Reader) Count(size int) int {
	n := r.Int()
	if n < 0 || n > int64(len(r.b)/size) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Text reads what [AppendText] wrote.
func (r *Reader) Text() string {
	n := r.Count(1)
	text := string(r.b[:n])
	r.b = r.b[n:]
	return text
}

// Time reads what [AppendTime] wrote.
func (r *Reader) Time() time.Time {
	switch n := r.Int(); n {
	case math.MinInt64:
		return time.Time{}
	default:
		return time.Unix(0, n).UTC()
	}
}

// AppendInt writes a number.
func AppendInt(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

// AppendText writes a text with its length.
func AppendText(b []byte, s string) []byte { return append(AppendInt(b, int64(len(s))), s...) }

// AppendTime writes a time to the nanosecond, without its zone: the zero time, or one in the years 1678 to 2261.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return AppendInt(b, math.MinInt64)
	}
	return AppendInt(b, t.UnixNano())
}

// Append implements [Tally].
func (t *Total) Append(b []byte) []byte { return AppendInt(b, t.sum) }

// Load implements [Tally].
func (t *Total) Load(r *Reader) { t.sum = r.Int() }

// Append writes the slots, each by its distance from the one before.
func (r *Rolling) Append(b []byte) []byte {
	b = AppendInt(b, int64(len(r.slots)))
	last := int64(0)
	for _, s := range r.slots {
		b = AppendInt(AppendInt(b, s.number-last), s.spent)
		last = s.number
	}
	return b
}

// Load implements [Tally].
func (r *Rolling) Load(from *Reader) {
	most := (math.MaxInt64-r.length)/r.grain - 1 // whose end is a number
	last := int64(0)
	n := from.Count(2)
	for i := range n {
		step, spent := from.Int(), from.Int()
		if step < 0 || step > most-last || i > 0 && step == 0 || n > rollingSlots+2 {
			from.Fail()
			return
		}
		last += step
		r.slots = append(r.slots, slot{last, spent})
		r.sum = Book(r.sum, spent)
	}
}

// Append implements [Tally].
func (z *Zoned) Append(b []byte) []byte {
	b = AppendTime(AppendTime(b, z.start), z.end)
	return AppendTime(AppendInt(AppendInt(b, z.since), z.sum), z.spent)
}

// Load implements [Tally].
func (z *Zoned) Load(r *Reader) {
	z.start, z.end = r.Time(), r.Time()
	z.since, z.sum, z.spent = r.Int(), r.Int(), r.Time()
}
