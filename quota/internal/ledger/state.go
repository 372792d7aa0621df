package ledger

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/tally"
)

// format is the first byte of a state.
const format = 1

var errDamaged = errors.New("the state is damaged")

// State is the ledger's state, without the counts in which nothing counts any more.
func (l *Ledger) State() []byte {
	l.prune()
	b := make([]byte, 0, 64+96*len(l.counters)+48*len(l.records))
	b = append(b, format)
	b = tally.AppendInt(b, l.clock)
	b = tally.AppendInt(b, l.offset)
	b = tally.AppendInt(b, l.resets)
	b = tally.AppendInt(b, int64(len(l.counters)))
	index := make(map[*counter]int, len(l.counters))
	for i, c := range l.counters {
		index[c] = i
		b = tally.AppendInt(b, int64(c.unit))
		b = c.tally.Append(tally.AppendText(b, c.window.ID()))
	}
	b = tally.AppendInt(b, int64(len(l.records)))
	for _, r := range l.records {
		b = r.append(b, l, index)
	}
	return b
}

// prune drops the counters that are empty and that no reservation is charged to.
func (l *Ledger) prune() {
	charged := make(map[*counter]bool, len(l.counters))
	for _, r := range l.records {
		for _, c := range r.counters {
			charged[c] = true
		}
	}
	l.counters = slices.DeleteFunc(l.counters, func(c *counter) bool { return !charged[c] && c.tally.Empty(l.now) })
}

// append writes the record, its times by their distance from the ledger's.
func (r *record) append(b []byte, l *Ledger, index map[*counter]int) []byte {
	expired := int64(0)
	if r.expired {
		expired = 1
	}
	a := r.estimate
	for _, n := range [...]int64{
		int64(r.id), a.Requests, a.InputTokens, a.OutputTokens, a.Cost, //nolint:gosec // the same bits
		r.at - l.clock, r.ttl, r.due - l.clock, expired, l.resets - r.resets, int64(len(r.counters)),
	} {
		b = tally.AppendInt(b, n)
	}
	for _, c := range r.counters {
		b = tally.AppendInt(b, int64(index[c]))
	}
	return b
}

// load reads a state into an empty ledger.
func (l *Ledger) load(state []byte) error {
	if state[0] != format {
		return fmt.Errorf("the state is in format %d, and this program knows %d: update it", state[0], format)
	}
	from := tally.NewReader(state[1:])
	l.clock, l.offset, l.resets = from.Int(), from.Int(), from.Int()
	for range from.Count(2) {
		u, id := from.Int(), from.Text()
		if from.Bad() || u < int64(quota.Requests) || u >= int64(quota.InFlight) {
			return errDamaged
		}
		w, err := windowOf(id)
		if err != nil {
			return err
		}
		c := newCounter(quota.Unit(u), w)
		c.tally.Load(from)
		l.counters = append(l.counters, c)
	}
	for range from.Count(11) {
		l.records = append(l.records, l.loadRecord(from))
	}
	if from.Bad() || from.Rest() > 0 || l.clock < 0 {
		return errDamaged
	}
	return nil
}

func (l *Ledger) loadRecord(from *tally.Reader) *record {
	r := &record{id: uint64(from.Int())} //nolint:gosec // the same bits
	r.estimate = quota.Amount{Requests: from.Int(), InputTokens: from.Int(), OutputTokens: from.Int(), Cost: from.Int()}
	r.at, r.ttl, r.due = l.clock+from.Int(), from.Int(), l.clock+from.Int()
	r.expired, r.resets = from.Int() != 0, l.resets-from.Int()
	for range from.Count(1) {
		i := from.Int()
		if i < 0 || i >= int64(len(l.counters)) {
			from.Fail()
			break
		}
		r.counters = append(r.counters, l.counters[i])
	}
	if r.ttl <= 0 || r.estimate.Validate() != nil {
		from.Fail()
	}
	return r
}
