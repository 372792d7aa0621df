package transport_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aitransport/aitransport/transport"
)

// String is an outcome in a few words: "proxy-connect (502), unsent, hits 0".
func (o matrixOutcome) String() string {
	var b strings.Builder
	switch {
	case o.status == http.StatusOK && o.direct > 0:
		b.WriteString("answered directly")
	case o.status == http.StatusOK:
		b.WriteString("answered")
	case o.status != 0:
		fmt.Fprintf(&b, "an answer of %d", o.status)
	default:
		b.WriteString(o.failure())
	}
	fmt.Fprintf(&b, ", hits %d", o.via+o.direct)
	return b.String()
}

func (o matrixOutcome) failure() string {
	text := o.phase.String()
	if o.code != 0 {
		text += fmt.Sprintf(" (%d)", o.code)
	}
	if o.limit != "" {
		text += ", " + string(o.limit)
	}
	return text + map[transport.Sent]string{
		transport.SentNo: ", unsent", transport.SentYes: ", sent", transport.SentUnknown: ", perhaps sent",
	}[o.sent]
}

// matrixReport is what came of the cells.
type matrixReport struct {
	cells   []matrixCell
	missing map[matrixCell]string // why there is no such cell

	mu      sync.Mutex
	results map[matrixCell]string // what was seen
}

func (r *matrixReport) note(c matrixCell, result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[c] = result
}

// played counts the cells that were really played.
func (r *matrixReport) played() int { return len(r.results) }

// String is a table of one line for each scheme, endpoint and fault, and then the
// cells that there are not, with the reasons.
func (r *matrixReport) String() string {
	const line = "%-8s %-9s %-17s %-60s %s\n"
	var b strings.Builder
	b.WriteString("\n")
	fmt.Fprintf(&b, line, "PROXY", "ENDPOINT", "FAULT", "WITHOUT FALLBACK", "WITH FALLBACK")
	for _, c := range r.cells {
		if c.fallback {
			continue
		}
		with := c
		with.fallback = true
		off, on := r.result(c), r.result(with)
		if on == off {
			on = "the same"
		}
		fmt.Fprintf(&b, line, c.scheme, c.targetName(), c.fault, off, on)
	}
	fmt.Fprintf(&b, "%d cells generated = %d played + %d impossible + %d left out by -run\n",
		len(r.cells), r.played(), len(r.missing), len(r.cells)-r.played()-len(r.missing))
	for _, c := range r.cells {
		if reason, ok := r.missing[c]; ok {
			fmt.Fprintf(&b, "impossible: %s: %s\n", c.name(), reason)
		}
	}
	return b.String()
}

func (r *matrixReport) result(c matrixCell) string {
	if _, ok := r.missing[c]; ok {
		return "impossible"
	}
	return cmp.Or(r.results[c], "not played")
}
