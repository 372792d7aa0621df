package store

import (
	"fmt"
	"strings"
)

// Report is what Reconcile found. Money is in nano-USD.
type Report struct {
	Requests    int64        `json:"requests"`            // in daily_usages
	Rows        int64        `json:"rows"`                // of the request log
	Dropped     int64        `json:"dropped"`             // requests that never had a row
	Purged      int64        `json:"purged"`              // requests whose rows were old
	Cost        int64        `json:"cost"`                // of all requests in daily_usages
	Charged     int64        `json:"charged"`             // of them
	Differences []Difference `json:"differences"`         // nil: all sums agree. At most 1,000
	Truncated   bool         `json:"truncated,omitempty"` // there are more
}

// Agrees tells whether all sums agree.
func (r Report) Agrees() bool { return len(r.Differences) == 0 }

// String is what a person reads: a line, and one for each difference.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests (%d in the log, %d dropped, %d purged) that cost %s, charged %s: ",
		r.Requests, r.Rows, r.Dropped, r.Purged, usd(r.Cost), usd(r.Charged))
	if r.Agrees() {
		b.WriteString("all sums agree")
		return b.String()
	}
	more := ""
	if r.Truncated {
		more = " and more"
	}
	fmt.Fprintf(&b, "%d%s sums do not agree", len(r.Differences), more)
	for _, d := range r.Differences {
		b.WriteString("\n" + d.String())
	}
	return b.String()
}

// Difference is a sum that two places do not agree about.
type Difference struct {
	Of      string `json:"of"`      // date=2006-01-02 key_id="key_…" …
	Measure string `json:"measure"` // requests, input_tokens, output_tokens, attempts; in nano-USD: cost, charged
	Left    string `json:"left"`    // where
	InLeft  int64  `json:"in_left"`
	Right   string `json:"right"` // where else
	InRight int64  `json:"in_right"`
}

// String says by how much they do not agree.
func (d Difference) String() string {
	amount := func(n int64) string { return fmt.Sprint(n) }
	if d.Measure == "cost" || d.Measure == "charged" {
		amount = usd
	}
	return fmt.Sprintf("%s: %s: %s in %s, %s in %s: a difference of %s",
		d.Of, d.Measure, amount(d.InLeft), d.Left, amount(d.InRight), d.Right, amount(d.InLeft-d.InRight))
}

// usd writes nano-USD exactly.
func usd(nano int64) string {
	sign := ""
	if nano < 0 {
		sign = "-"
	}
	whole, part := nano/1e9, nano%1e9
	return fmt.Sprintf("%s$%d.%09d", sign, max(whole, -whole), max(part, -part))
}
