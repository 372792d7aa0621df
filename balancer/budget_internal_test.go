package balancer

import (
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
