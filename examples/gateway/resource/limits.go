package resource

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// USD is an amount of dollars in nano-USD, rounded to the nearest.
func USD(dollars float64) int64 {
	nano := math.Round(dollars * 1e9)
	switch {
	case math.IsNaN(nano):
		return 0
	case nano >= math.MaxInt64:
		return math.MaxInt64
	case nano <= math.MinInt64:
		return math.MinInt64
	}
	return int64(nano)
}

// units are what a Limit may count, by their names.
var units = map[string]quota.Unit{
	"requests": quota.Requests, "input_tokens": quota.InputTokens, "output_tokens": quota.OutputTokens,
	"tokens": quota.Tokens, "usd": quota.Cost, "in_flight": quota.InFlight,
}

// Quota is the limit as the quota stores know it. The error says what to write instead.
func (l Limit) Quota() (quota.Limit, error) {
	unit, ok := units[l.Unit]
	if !ok {
		return quota.Limit{}, fmt.Errorf("unit %.40q is not known: write requests, input_tokens, output_tokens, tokens, usd or in_flight", l.Unit)
	}
	maximum := USD(l.Max)
	if unit != quota.Cost {
		if l.Max != math.Trunc(l.Max) || l.Max >= math.MaxInt64 {
			return quota.Limit{}, fmt.Errorf("max is %v: write a whole number of %s", l.Max, l.Unit)
		}
		maximum = int64(l.Max)
	}
	if maximum <= 0 {
		return quota.Limit{}, fmt.Errorf("max is %v: write a number above 0", l.Max)
	}
	out := quota.Limit{Unit: unit, Max: maximum}
	if unit == quota.InFlight {
		if l.Window != "" {
			return quota.Limit{}, fmt.Errorf("window is %.40q: in_flight has none, leave it out", l.Window)
		}
		return out, out.Validate()
	}
	var err error
	if out.Window, err = window(l.Window, l.Zone, l.At, l.On); err != nil {
		return quota.Limit{}, err
	}
	return out, out.Validate()
}

// window reads a window as Limit and Quota write it.
func window(text, zone, at, on string) (quota.Window, error) {
	location, err := location(zone)
	if err != nil {
		return quota.Window{}, err
	}
	from := time.Duration(0)
	if at != "" {
		if from, err = clock(at); err != nil || from >= 24*time.Hour {
			return quota.Window{}, fmt.Errorf("at %.40q is no time of the day: write it as in 09:00", at)
		}
	}
	switch text {
	case "":
		return quota.Window{}, fmt.Errorf("window is missing: write a duration as in 1m or 5h, or day, week, month or total")
	case "total":
		return quota.Total(), nil
	case "day":
		return quota.Daily(from, location), nil
	case "week":
		day := time.Monday
		if on != "" {
			if day, err = weekday(on); err != nil {
				return quota.Window{}, err
			}
		}
		return quota.Weekly(day, from, location), nil
	case "month":
		day := 1
		if on != "" {
			if day, err = strconv.Atoi(on); err != nil || day < 1 || day > 31 {
				return quota.Window{}, fmt.Errorf("on %.40q is no day of a month: write 1 to 31", on)
			}
		}
		return quota.Monthly(day, from, location), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return quota.Window{}, fmt.Errorf("window %.40q is not known: write a duration as in 1m or 5h, or day, week, month or total", text)
	}
	rolling := quota.Rolling(d)
	if (quota.Limit{Unit: quota.Requests, Max: 1, Window: rolling}).Validate() != nil {
		return quota.Window{}, fmt.Errorf("window is %.40q, too short or too long: write from 1ms to ten years, or total", text)
	}
	return rolling, nil
}

// location is a zone by its name. The machine's own is refused: each has another.
func location(zone string) (*time.Location, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || loc == time.Local {
		return nil, fmt.Errorf("zone %.60q is not known: write it as in Europe/Berlin, or UTC", zone)
	}
	return loc, nil
}

// clock reads a time of the day, 24:00 included.
func clock(text string) (time.Duration, error) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, errH := strconv.Atoi(hours)
	m, errM := strconv.Atoi(minutes)
	if !ok || errH != nil || errM != nil || len(minutes) != 2 || h < 0 || m < 0 || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%.40q is no time of the day: write it as in 09:00", text)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, nil
}

// weekday reads the name of a day of the week.
func weekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%.40q is no day of the week: write it as in monday", text)
}

// Limits are what the key may use, as the quota stores know it. Limits of money are
// those of what is paid, which the price rate makes less or more than what is charged.
// nil: no limit. The error names the field and says what to write instead.
func (k Key) Limits() ([]quota.Limit, error) {
	var limits []quota.Limit
	if k.RequestsPerMinute < 0 || k.InFlight < 0 || k.PriceRate < 0 || math.IsNaN(k.PriceRate) || math.IsInf(k.PriceRate, 0) {
		return nil, fmt.Errorf("requests_per_minute, in_flight or price_rate is below 0: write 0 for the default")
	}
	if k.RequestsPerMinute > 0 {
		limits = append(limits, quota.Limit{Unit: quota.Requests, Max: k.RequestsPerMinute, Window: quota.Rolling(time.Minute)})
	}
	if k.InFlight > 0 {
		limits = append(limits, quota.Limit{Unit: quota.InFlight, Max: k.InFlight})
	}
	for i, q := range k.Quotas {
		of, err := q.limits(k.Rate())
		if err != nil {
			return nil, fmt.Errorf("quotas[%d]: %w", i, err)
		}
		limits = append(limits, of...)
	}
	return limits, nil
}

// Rate is PriceRate, or 1 where that is not said.
func (k Key) Rate() float64 {
	if k.PriceRate == 0 {
		return 1
	}
	return k.PriceRate
}

// limits are the quota's one or two.
func (q Quota) limits(rate float64) ([]quota.Limit, error) {
	w, err := window(q.Window, q.Zone, "", "")
	switch {
	case err != nil:
		return nil, err
	case q.USD < 0 || math.IsNaN(q.USD) || q.Tokens < 0:
		return nil, fmt.Errorf("usd or tokens is below 0: write a number above 0, or leave it out")
	case q.USD == 0 && q.Tokens == 0:
		return nil, fmt.Errorf("limits nothing: write usd, tokens or both")
	}
	var limits []quota.Limit
	if q.USD > 0 {
		limits = append(limits, quota.Limit{Unit: quota.Cost, Max: max(USD(q.USD/rate), 1), Window: w})
	}
	if q.Tokens > 0 {
		limits = append(limits, quota.Limit{Unit: quota.Tokens, Max: q.Tokens, Window: w})
	}
	for _, l := range limits {
		if err := l.Validate(); err != nil {
			return nil, err
		}
	}
	return limits, nil
}
