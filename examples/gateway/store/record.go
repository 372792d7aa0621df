package store

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// maxTrail fits into MySQL's TEXT.
const maxTrail = 60_000

// Record takes the record of a request that has ended, and keeps its Trail and Attempts,
// which must not be changed any more. It waits for no database and cannot fail: where too
// many records wait, the row is dropped and its sums are kept. A day is that of Start, in
// UTC. Texts that are longer than their columns are cut, and amounts that no request can have
// become the nearest that one can. After Close it is too late.
func (db *DB) Record(r resource.Request) {
	if tidy(&r); bound(&r) {
		db.log.Error("a provider claims what no request can have; the most is booked", "request_id", r.ID, "account", r.Account)
	}
	db.writer.record(&r)
}

// AccountState takes how an account is: when its provider's last limit ends, and how many
// requests failed in a row. It returns at once; the last state is written with the next
// batch. Accounts that are not in the database are left out.
func (db *DB) AccountState(name string, resetAt time.Time, consecutiveErrors int64) {
	db.writer.state(clean(name, 128), accountState{millis(resetAt), consecutiveErrors})
}

// Dropped is how many rows of the request log were dropped since Open.
func (db *DB) Dropped() int64 { return db.writer.dropped.Load() }

// tidy has a record be what every database takes.
func tidy(r *resource.Request) {
	if r.Start.IsZero() {
		r.Start = time.Now()
	}
	tidyText(&r.ID, 64)
	tidyText(&r.UserID, 128)
	tidyText(&r.KeyID, 64)
	tidyText(&r.Account, 128)
	tidyText(&r.API, 32)
	tidyText(&r.Operation, 64)
	tidyText(&r.Group, 128)
	tidyText(&r.Model, 255)
	tidyText(&r.Code, 64)
	tidyText(&r.ClientIP, 64)
	tidyText(&r.UsedProxy, 512)
	if len(r.Trail) > maxTrail || !utf8.Valid(r.Trail) || bytes.IndexByte(r.Trail, 0) >= 0 {
		r.Trail = json.RawMessage(`null`)
	}
	switch {
	case len(r.Attempts) > 0:
	case r.Account == "" && r.Model != "" && usage{0, r.InputTokens, r.OutputTokens, r.Cost, r.Charged} == usage{}:
		r.Attempts = []resource.Attempt{} // see bookedModel
	default:
		r.Attempts = nil
	}
	for i := range r.Attempts {
		if name := clean(r.Attempts[i].Account, 128); name != r.Attempts[i].Account {
			r.Attempts = slices.Clone(r.Attempts)
			r.Attempts[i].Account = name
		}
	}
}

func tidyText(text *string, most int) {
	if len(*text) > most || !plain(*text) {
		*text = clean(*text, most)
	}
}

// bound has a record's amounts be possible, and tells whether one was not.
func bound(r *resource.Request) (changed bool) {
	within := func(amount *int64, most int64) {
		if *amount < 0 || *amount > most {
			*amount, changed = min(max(*amount, 0), most), true
		}
	}
	within(&r.InputTokens, resource.MaxTokens)
	within(&r.CachedInputTokens, resource.MaxTokens)
	within(&r.OutputTokens, resource.MaxTokens)
	within(&r.Cost, resource.MaxCost)
	within(&r.Charged, resource.MaxCost)
	for i := range r.Attempts {
		if cost := r.Attempts[i].Cost; cost < 0 || cost > resource.MaxCost {
			r.Attempts = slices.Clone(r.Attempts)
			within(&r.Attempts[i].Cost, resource.MaxCost)
		}
	}
	return changed
}
