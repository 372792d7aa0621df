package balancer

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// What is given back later than the window is long is no credit.
func TestBudgetIsNotCreditedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRetries(RetryBudget{Min: 100})
		var paid []ticket
		for range 100 {
			paid = append(paid, r.take())
			assert.NotZero(t, paid[len(paid)-1])
		}
		time.Sleep(70 * time.Second) // in line, as MaxWait allows
		for _, p := range paid {
			r.giveBack(p)
		}
		n := 0
		for r.take() != 0 {
			n++
		}
		assert.Equal(t, 100, n, "attempts in a minute")
	})
}

func TestRetryBudgetIsChecked(t *testing.T) {
	for share, good := range map[float64]bool{0: true, -1: true, 0.2: true, 3: true, 20: false, math.Inf(1): true, math.NaN(): false} {
		assert.Equal(t, good, RetryBudget{Share: share}.check() == nil, share)
	}
}
