package resource

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that is written as a text: 30s, 5m, 1h30m.
type Duration time.Duration

// String writes it as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%.40q is no duration: write it as in 30s, 5m or 1h30m", text)
	}
	*d = Duration(parsed)
	return nil
}
