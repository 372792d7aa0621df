package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxReset is how far ahead a reset is believed: longer than a month's quota.
const maxReset = 40 * 24 * time.Hour

// inTime returns t if it is from now to 40 days ahead, else zero.
func inTime(t, now time.Time) time.Time {
	if t.Before(now) || t.After(now.Add(maxReset)) {
		return time.Time{}
	}
	return t
}

// inSeconds returns the time so many seconds after now, or zero if that is
// past, too far off or no number.
func inSeconds(s float64, now time.Time) time.Time {
	if !(s >= 0 && s <= maxReset.Seconds()) { // NaN too
		return time.Time{}
	}
	return now.Add(time.Duration(s * float64(time.Second)))
}

// inDuration returns the time d after now, or zero if that is past or too far
// off.
func inDuration(d time.Duration, now time.Time) time.Time {
	return inTime(now.Add(d), now)
}

// parseReset reads a point in time in any of the forms that providers write:
// RFC 3339, an HTTP date, epoch seconds or milliseconds, seconds from now, or
// a duration like 6m0s, 12ms or 1d2h (provider-facts 2.1). Zero: unreadable,
// past, or too far off.
func parseReset(v string, now time.Time) time.Time {
	v = strings.TrimSpace(v)
	if v == "" {
		return time.Time{}
	}
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case n >= 1e15:
			return time.Time{}
		case n >= 1e12:
			return inTime(time.UnixMilli(int64(n)), now)
		case n >= 1e9:
			return inTime(time.Unix(int64(n), 0), now)
		}
		return inSeconds(n, now)
	}
	if d, ok := parseDuration(v); ok {
		return inDuration(d, now)
	}
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return inTime(t, now)
	}
	if t, err := http.ParseTime(v); err == nil {
		return inTime(t, now)
	}
	return time.Time{}
}

// parseDuration is time.ParseDuration with days.
func parseDuration(v string) (time.Duration, bool) {
	var days time.Duration
	if d, rest, ok := strings.Cut(v, "d"); ok {
		n, err := strconv.ParseUint(d, 10, 16)
		if err != nil {
			return 0, false
		}
		if days = time.Duration(n) * 24 * time.Hour; rest == "" {
			return days, true
		}
		v = rest
	}
	d, err := time.ParseDuration(v)
	return d + days, err == nil
}

// retryAfter reads the headers that say how long to wait. retry-after-ms wins,
// as in the official SDKs (oai-go 3.95, ant-ts).
func retryAfter(h http.Header, now time.Time) time.Time {
	if v := h.Get("Retry-After-Ms"); v != "" {
		if ms, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			if t := inSeconds(ms/1000, now); !t.IsZero() {
				return t
			}
		}
	}
	return parseReset(h.Get("Retry-After"), now)
}

// bucketReset returns the latest reset among the buckets of which 0 remains.
// resetName says of a header whether it is a bucket's remainder, and which
// header has that bucket's reset. Negative remainders, which Azure sends, say
// nothing.
func bucketReset(h http.Header, now time.Time, resetName func(remaining string) (string, bool)) (latest time.Time) {
	for name, values := range h {
		reset, ok := resetName(name)
		if !ok || len(values) == 0 {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(values[0]), 64); err != nil || n != 0 {
			continue
		}
		if t := parseReset(h.Get(reset), now); t.After(latest) {
			latest = t
		}
	}
	return latest
}

// waitWords come before the wait in a message (seen at OpenAI, Groq, Gemini
// and Azure; "try again after" is unsure).
var waitWords = []string{"try again in ", "try again after ", "retry in ", "retry after ", "retry again in "}

// waitInText reads "Please try again in 1.146s", "in 6m0s", "after 22 seconds"
// from a message in lower case. Zero: nothing of the kind.
func waitInText(text string, now time.Time) time.Time {
	for _, words := range waitWords {
		_, rest, ok := strings.Cut(text, words)
		if !ok {
			continue
		}
		fields := strings.Fields(head(rest, 64))
		if len(fields) == 0 {
			continue
		}
		amount := strings.TrimRight(fields[0], ".,;:)")
		if d, ok := parseDuration(amount); ok {
			return inDuration(d, now)
		}
		n, err := strconv.ParseFloat(amount, 64)
		if err != nil {
			continue
		}
		unit := ""
		if len(fields) > 1 {
			unit = strings.TrimRight(fields[1], ".,;:)")
		}
		if scale, ok := waitUnits[strings.TrimSuffix(unit, "s")]; ok {
			return inSeconds(n*scale, now)
		}
	}
	return time.Time{}
}

// waitUnits are in seconds; a final s is cut before looking, so m is ms.
var waitUnits = map[string]float64{
	"": 1, "m": 1e-3, "millisecond": 1e-3, "sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3600, "day": 86400,
}

// dateInText reads "You will regain access on 2026-09-01 at 00:00 UTC" from a
// message in lower case (ant-docs).
func dateInText(text string, now time.Time) time.Time {
	_, rest, ok := strings.Cut(text, "regain access on ")
	const layout = "2006-01-02 at 15:04 utc"
	if !ok || len(rest) < len(layout) {
		return time.Time{}
	}
	t, err := time.Parse(layout, rest[:len(layout)])
	if err != nil {
		return time.Time{}
	}
	return inTime(t, now)
}

// nextMonth returns the first moment of the month after now's, in UTC.
func nextMonth(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}
