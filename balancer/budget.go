package balancer

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// RetryBudget bounds how many attempts follow failures that more load would make
// worse, so that an outage is not multiplied: requests that were sent and not
// answered, time-outs, answers of 500 and above, streams that failed; and those of
// [Hedge]. Over the last minute they are at most Min, or Share of the requests if
// that is more. What was never sent, and 401, 402, 403, 404 and 429, cost nothing of
// it. When it is empty the last answer is returned as it is, and its Attempt says so.
type RetryBudget struct {
	Share float64 // of the requests; 0: 0.2; negative: none; math.Inf(1): no bound
	Min   int     // in a minute, however few the requests; 0: 10; negative: none
}

const (
	defaultRetryShare = 0.2
	defaultRetryMin   = 10
)

func (b RetryBudget) check() error {
	if math.IsNaN(b.Share) {
		return errors.New("balancer: RetryBudget.Share is not a number: write 0.2 for an attempt more to every five requests, 0 for the default")
	}
	if b.Share > maxRetryShare && !math.IsInf(b.Share, 1) {
		return fmt.Errorf("balancer: RetryBudget.Share is %v attempts more for every request: write 0.2 for one to every five requests, math.Inf(1) for no bound", b.Share)
	}
	return nil
}

// maxRetryShare is more than anybody means.
const maxRetryShare = 10

// retries is a RetryBudget and what was spent of it: a window of a minute that slides
// by the second. It is safe for concurrent use.
type retries struct {
	share float64
	least int64

	mu       sync.Mutex
	second   int64 // the newest in the window
	requests [retryWindow]int64
	spent    [retryWindow]int64

	sumRequests, sumSpent int64
}

// retryWindow is the length of the window in seconds.
const retryWindow = 60

func newRetries(b RetryBudget) *retries {
	r := &retries{share: b.Share, least: int64(b.Min)}
	if b.Share == 0 {
		r.share = defaultRetryShare
	}
	if b.Min == 0 {
		r.least = defaultRetryMin
	}
	r.share, r.least = max(r.share, 0), max(r.least, 0)
	return r
}

// slide moves the window to now, and returns the slot of this second. A clock that
// was set back leaves it where it is.
func (r *retries) slide(now time.Time) int64 {
	sec := now.Unix()
	if sec-r.second >= retryWindow {
		r.requests, r.spent = [retryWindow]int64{}, [retryWindow]int64{}
		r.sumRequests, r.sumSpent, r.second = 0, 0, sec
	}
	for r.second < sec {
		r.second++
		i := r.second % retryWindow
		r.sumRequests -= r.requests[i]
		r.sumSpent -= r.spent[i]
		r.requests[i], r.spent[i] = 0, 0
	}
	return r.second % retryWindow
}

// request counts a request.
func (r *retries) request() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests[r.slide(time.Now())]++
	r.sumRequests++
}

// ticket is a payment for one attempt: the second in which it was made. 0: nothing was
// paid.
type ticket int64

// take spends one attempt, or nothing if the budget is empty.
func (r *retries) take() ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.slide(time.Now())
	if most := r.share * float64(r.sumRequests); r.sumSpent >= r.least && float64(r.sumSpent+1) > most {
		return 0
	}
	r.spent[i]++
	r.sumSpent++
	return ticket(r.second)
}

// giveBack returns an attempt that was not made after all, unless the window has left
// it behind. Nothing is given back for nothing.
func (r *retries) giveBack(paid ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slide(time.Now())
	if sec := int64(paid); paid != 0 && r.second-sec < retryWindow {
		r.spent[sec%retryWindow]--
		r.sumSpent--
	}
}

// costs tells whether an attempt that follows such a failure is paid from the budget.
func costs(v provider.Verdict, status int) bool {
	if status >= http.StatusInternalServerError || v.Class == provider.ClassOverloaded {
		return true
	}
	switch v.Class {
	case provider.ClassRateLimited, provider.ClassCapacity, provider.ClassQuotaExhausted, provider.ClassAuthInvalid,
		provider.ClassPermission, provider.ClassEgressBlocked, provider.ClassModelNotFound:
		return false
	default:
		return v.MaybeExecuted
	}
}
