package crashes_test

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// call is what the journals know of one call.
type call struct {
	id, key       string
	estimate      int64
	flies         bool  // the limit of what is in flight was one of its
	began, ended  int64 // of the Reserve: in between it was charged
	settled       bool
	used, settles int64 // settles: when that began
}

// cost is what the call has spent at least.
func (c call) cost() int64 {
	if c.settled {
		return c.used
	}
	return c.estimate
}

// journals reads what all workers have written down. failures are the calls that the store failed.
func journals(t *testing.T, paths []string) (calls []call, failures int) {
	t.Helper()
	byID := make(map[string]*call)
	for _, path := range paths {
		file, err := os.Open(path)
		require.NoError(t, err)
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var kind, id, key string
			var cost, began, ended int64
			if n, _ := fmt.Sscanf(lines.Text(), "%s %s %s %d %d %d", &kind, &id, &key, &cost, &began, &ended); n != 6 {
				continue // the last one of a worker that was killed
			}
			switch c := byID[id]; {
			case kind == "A" || kind == "L":
				byID[id] = &call{id: id, key: key, estimate: cost, flies: kind == "A", began: began, ended: ended}
			case kind == "S" && c != nil:
				c.settled, c.used, c.settles = true, cost, began
			case kind == "E":
				failures++
			}
		}
		require.NoError(t, file.Close())
	}
	for _, c := range byID {
		calls = append(calls, *c)
	}
	slices.SortFunc(calls, func(a, b call) int { return cmp.Compare(a.began, b.began) })
	return calls, failures
}

// spentOf is what each key has spent at least, by the journals.
func spentOf(calls []call) map[string]int64 {
	spent := make(map[string]int64)
	for _, c := range calls {
		spent[c.key] += c.cost()
	}
	return spent
}

// busiest is the largest number of requests of a key that were for certain charged within one
// window: not canceled, and begun and ended in it.
func busiest(calls []call) (most int) {
	byKey := make(map[string][]call)
	for _, c := range calls {
		if !c.settled || c.used > 0 { // a canceled one was given back
			byKey[c.key] = append(byKey[c.key], c)
		}
	}
	for _, of := range byKey {
		ends := make([]int64, len(of))
		for i, c := range of {
			ends[i] = c.ended
		}
		slices.Sort(ends)
		for i, c := range of { // those that began no earlier than c and ended within a window
			n := 0
			for _, other := range of[i:] {
				if other.ended < c.began+int64(window) {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return most
}

// crowd is the largest number of requests of a key that were in flight at one time for certain:
// reserved, and not yet settled.
func crowd(calls []call) (most int) {
	type step struct {
		at int64
		by int
		of string
	}
	var steps []step
	for _, c := range calls {
		if c.flies && c.settled && c.settles > c.ended {
			steps = append(steps, step{c.ended, 1, c.key}, step{c.settles, -1, c.key})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	flying := make(map[string]int)
	for _, s := range steps {
		flying[s.of] += s.by
		most = max(most, flying[s.of])
	}
	return most
}
