package provider

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a table.
const (
	maxPriceRows  = 20_000
	maxRowModels  = 100
	maxRowLong    = 16
	maxRowTiers   = 16
	maxPriceNotes = 1024 // bytes of a source, and of a tier's name
)

// check says what is wrong with a row.
func (r *PriceRow) check() error {
	if err := checkPattern(cmp.Or(r.Provider, "*")); err != nil {
		return fmt.Errorf("provider: %w", err)
	}
	switch {
	case len(r.Models) == 0:
		return errors.New("models: there is none: write at least one name or pattern")
	case len(r.Models) > maxRowModels:
		return fmt.Errorf("models: there are %d: at most %d are taken in a row", len(r.Models), maxRowModels)
	case len(r.Long) > maxRowLong:
		return fmt.Errorf("long: there are %d prices: at most %d are taken", len(r.Long), maxRowLong)
	case len(r.Source) > maxPriceNotes:
		return fmt.Errorf("source: it has %d bytes: at most %d are kept", len(r.Source), maxPriceNotes)
	}
	for _, m := range r.Models {
		if err := checkPattern(m); err != nil {
			return fmt.Errorf("models: %w", err)
		}
	}
	if r.AsOf != "" {
		if _, err := time.Parse(time.DateOnly, r.AsOf); err != nil {
			return fmt.Errorf("asOf: %.40q is no day: write it as 2006-01-02", r.AsOf)
		}
	}
	if r.Price == (Price{}) {
		return errors.New("it has no price: write at least one rate, Free (in JSON 0) for what costs nothing")
	}
	if err := r.Price.check(); err != nil {
		return err
	}
	if err := r.checkLong(); err != nil {
		return err
	}
	return r.checkTiers()
}

func (r *PriceRow) checkLong() error {
	var before int64
	for i := range r.Long {
		l := &r.Long[i]
		if l.Above <= before {
			return fmt.Errorf("long: above %d: it must be a number of tokens above %d, the shortest first", l.Above, before)
		}
		before = l.Above
		if l.Input == 0 && r.Input != 0 || l.Output == 0 && r.Output != 0 {
			return fmt.Errorf("long: above %d: it lacks the rate of input or output that the row has: write it again", l.Above)
		}
		if err := l.Price.check(); err != nil {
			return fmt.Errorf("long: above %d: %w", l.Above, err)
		}
	}
	return nil
}

func (r *PriceRow) checkTiers() error {
	if len(r.Tiers) > maxRowTiers {
		return fmt.Errorf("tiers: there are %d: at most %d are taken", len(r.Tiers), maxRowTiers)
	}
	seen := make(map[string]bool, len(r.Tiers))
	for name, f := range r.Tiers {
		switch folded := strings.ToLower(name); {
		case name == "" || len(name) > maxPriceNotes:
			return errors.New("tiers: a name is empty or too long: write it as answers call the tier")
		case seen[folded]:
			return fmt.Errorf("tiers: %.40q stands there twice, in different case: keep one", name)
		default:
			seen[folded] = true
		}
		if f <= 0 || f > maxFactor {
			return fmt.Errorf("tiers: %.40q: %d millionths is not above 0 and at most %d times: write 0.5 * Times for half the price", name, f, maxFactor/Times)
		}
	}
	return nil
}

// rates are the price's rates by the names they have in JSON.
func (p *Price) rates() [13]struct {
	name string
	rate Rate
} {
	return [...]struct {
		name string
		rate Rate
	}{
		{"input", p.Input},
		{"cachedInput", p.CachedInput},
		{"cacheWrite", p.CacheWrite},
		{"cacheWrite1h", p.CacheWrite1h},
		{"audioInput", p.AudioInput},
		{"imageInput", p.ImageInput},
		{"output", p.Output},
		{"reasoning", p.Reasoning},
		{"audioOutput", p.AudioOutput},
		{"imageOutput", p.ImageOutput},
		{"image", p.Image},
		{"audioHour", p.AudioHour},
		{"webSearch", p.WebSearch},
	}
}

// check says which rate is out of bounds.
func (p *Price) check() error {
	for _, r := range p.rates() {
		if r.rate < Free || r.rate > maxRate {
			return fmt.Errorf("%s: %d nano-USD is not a rate: write from 0 to %d dollars; what costs nothing is Free", r.name, r.rate, maxRate/USD)
		}
	}
	return nil
}
