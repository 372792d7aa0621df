package balancer

import (
	"errors"
	"fmt"
	"time"
)

// check refuses numbers that cannot have been meant.
func (c *Config) check() error {
	if c.MaxAttempts < 0 || c.MaxReplay < 0 || c.Deadline < 0 || c.MaxWait < 0 {
		return errors.New("balancer: MaxAttempts, MaxReplay, Deadline or MaxWait is negative: write 0 for the default")
	}
	if c.MaxReplay > maxMaxReplay {
		return fmt.Errorf("balancer: MaxReplay is %d: write at most 1 GiB", c.MaxReplay)
	}
	for name, d := range map[string]time.Duration{
		"Deadline": c.Deadline, "MaxWait": c.MaxWait, "FirstByteTimeout": c.FirstByteTimeout, "Hold.Time": c.Hold.Time,
		"Hedge.After": c.Hedge.After, "HealthRefresh": c.HealthRefresh, "SessionTTL": c.SessionTTL, "AffinityTTL": c.AffinityTTL,
	} {
		if d > 0 && d < time.Millisecond {
			return fmt.Errorf("balancer: %s is %v: was its unit forgotten? Write %d*time.Second", name, d, int64(d))
		}
	}
	if d, least := c.ReservationTTL, 2*c.silence(); d != 0 && d < least {
		return fmt.Errorf("balancer: ReservationTTL is %v: write at least %v, twice the longest of Transport's time-outs, or shorten those; else it could end while a request waits", d, least)
	}
	return nil
}
