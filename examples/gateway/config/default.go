package config

import (
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// Default is the configuration of a gateway that was told nothing.
func Default() *File {
	return &File{
		Listen:         "127.0.0.1:8080",
		DataDir:        "gateway-data",
		SessionTTL:     resource.Duration(5 * time.Minute),
		ConcurrencyTTL: resource.Duration(30 * time.Minute),
		UnavailableTTL: resource.Duration(30 * time.Second),
		Timeouts: Timeouts{
			Connect:       resource.Duration(30 * time.Second),
			Header:        resource.Duration(10 * time.Minute),
			BodyIdle:      resource.Duration(10 * time.Minute),
			FirstByte:     resource.Duration(2 * time.Minute),
			RequestHeader: resource.Duration(10 * time.Second),
			RequestBody:   resource.Duration(30 * time.Second),
			Write:         resource.Duration(2 * time.Minute),
			Idle:          resource.Duration(2 * time.Minute),
			Shutdown:      resource.Duration(30 * time.Second),
		},
		MaxAttempts: 3,
		Limits:      Limits{Body: 32 << 20, Upload: 512 << 20, Header: 64 << 10},
		HealthChecks: HealthChecks{
			Interval:     resource.Duration(5 * time.Minute),
			Concurrency:  4,
			Timeout:      resource.Duration(30 * time.Second),
			DisableAfter: 5,
		},
		Log:       Log{Level: "info"},
		Retention: Retention{RequestLogs: resource.Duration(30 * 24 * time.Hour), LogFiles: resource.Duration(14 * 24 * time.Hour)},
		Prices:    Prices{Starter: true},
		Quota:     Quota{Store: QuotaAuto, WhenBroken: BrokenClosed},
	}
}
