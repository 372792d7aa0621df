package admin

import (
	"math"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// keyInput is what is said of a key that is made or changed.
type keyInput struct {
	Name    optional[string]  `json:"name"`
	UserID  optional[string]  `json:"user_id"`
	Enabled optional[*bool]   `json:"enabled"`
	Expires optional[instant] `json:"expires_at"`

	Models optional[[]string] `json:"models"`
	Groups optional[[]string] `json:"groups"`

	RequestsPerMinute optional[int64]            `json:"requests_per_minute"`
	InFlight          optional[int64]            `json:"in_flight"`
	Quotas            optional[[]resource.Quota] `json:"quotas"`
	PriceRate         optional[float64]          `json:"price_rate"`
}

// apply changes a key by what is said.
func (in *keyInput) apply(k *resource.Key) {
	in.Name.apply(&k.Name)
	in.UserID.apply(&k.UserID)
	in.Enabled.apply(&k.Enabled)
	in.Expires.apply((*instant)(&k.Expires))
	in.Models.apply(&k.Models)
	in.Groups.apply(&k.Groups)
	in.RequestsPerMinute.apply(&k.RequestsPerMinute)
	in.InFlight.apply(&k.InFlight)
	in.Quotas.apply(&k.Quotas)
	in.PriceRate.apply(&k.PriceRate)
}

// validKey says what is wrong with a key.
func validKey(k *resource.Key) error {
	if err := checkName(k.Name); err != nil {
		return err
	}
	switch {
	case len(k.UserID) > 128 || !visible(k.UserID):
		return invalid("user_id", "Write at most 128 bytes, without line breaks.")
	case !k.Expires.IsZero() && (k.Expires.Year() < 2000 || k.Expires.Year() > 9999):
		return invalid("expires_at", "Write a time between the years 2000 and 9999, or null for never.")
	case k.RequestsPerMinute < 0 || k.RequestsPerMinute > math.MaxInt32:
		return invalid("requests_per_minute", "Write a whole number from 0, which is no limit, to %d.", math.MaxInt32)
	case k.InFlight < 0 || k.InFlight > math.MaxInt32:
		return invalid("in_flight", "Write a whole number from 0, which is no limit, to %d.", math.MaxInt32)
	case len(k.Models) > maxEntries:
		return invalid("models", "There are more than %d.", maxEntries)
	case len(k.Quotas) > maxEntries:
		return invalid("quotas", "There are more than %d.", maxEntries)
	}
	for i, m := range k.Models {
		if m == "" || strings.Count(m, "*") > 1 || len(m) > 256 || !visible(m) {
			return invalid(index("models", i), "Write a model's name, with at most one *, which stands for anything.")
		}
	}
	if err := checkGroups(k.Groups); err != nil {
		return err
	}
	if err := checkRate(k.PriceRate); err != nil {
		return err
	}
	for i, q := range k.Quotas {
		one := resource.Key{PriceRate: k.PriceRate, Quotas: []resource.Quota{q}}
		if _, err := one.Limits(); err != nil {
			return invalid(index("quotas", i), "%v", err)
		}
	}
	_, err := k.Limits()
	if err != nil {
		return invalid("quotas", "%v", err)
	}
	return nil
}
