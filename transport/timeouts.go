package transport

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// TimeoutsFromEnvironment puts the time-outs that users of other gateways know into
// a Config: FETCH_CONNECT_TIMEOUT, FETCH_HEADERS_TIMEOUT and FETCH_BODY_TIMEOUT in
// milliseconds, and UPSTREAM_TIMEOUT in seconds for headers and body. The FETCH_
// ones win. A variable that is not set changes nothing; 0 means no time-out; one
// that is no number is an error that names it, and the Config is as before.
func TimeoutsFromEnvironment(c *Config) error {
	read := *c
	for _, v := range []struct {
		name string
		unit time.Duration
		into []*time.Duration
	}{
		{"UPSTREAM_TIMEOUT", time.Second, []*time.Duration{&read.HeaderTimeout, &read.BodyIdleTimeout}},
		{"FETCH_CONNECT_TIMEOUT", time.Millisecond, []*time.Duration{&read.ConnectTimeout}},
		{"FETCH_HEADERS_TIMEOUT", time.Millisecond, []*time.Duration{&read.HeaderTimeout}},
		{"FETCH_BODY_TIMEOUT", time.Millisecond, []*time.Duration{&read.BodyIdleTimeout}},
	} {
		text := os.Getenv(v.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(v.unit) {
			return fmt.Errorf("transport: environment variable %s: %q is not a number of %ss: write digits only, or 0 for none",
				v.name, text, unitName(v.unit))
		}
		d := time.Duration(n) * v.unit
		if n == 0 {
			d = -1 // none
		}
		for _, into := range v.into {
			*into = d
		}
	}
	*c = read
	return nil
}

func unitName(d time.Duration) string {
	if d == time.Second {
		return "second"
	}
	return "millisecond"
}
