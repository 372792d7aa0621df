package redisquota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/quota"
)

// TestClockPutBackWhileFull has a key used up when the server's clock is put back: refusals alone must let time go on.
func TestClockPutBackWhileFull(t *testing.T) {
	for _, w := range []quota.Window{quota.Rolling(24 * time.Hour), quota.Daily(9*time.Hour, nil)} {
		t.Run(w.String(), func(t *testing.T) {
			c, limit := setClock(t), quota.Limit{Unit: quota.Requests, Max: 10, Window: w}
			c.sleep(100 * 24 * time.Hour) // somebody set it wrong
			c.spend(limit, 10)
			c.sleep(-100 * 24 * time.Hour)
			var err error
			for range 60 { // hours
				if _, err = c.Reserve(t.Context(), "acme", []quota.Limit{limit}, quota.Amount{Requests: 1}, time.Hour); err == nil {
					return
				}
				c.sleep(time.Hour)
			}
			assert.NoError(t, err, "two windows and a half later it is over")
		})
	}
}
