package resource

import "time"

// Key is who may call the gateway. Its secret is told once, when it is made; what is
// kept is its SHA-256.
type Key struct {
	ID       string    `json:"id" yaml:"-"`
	Name     string    `json:"name" yaml:"name"`
	UserID   string    `json:"user_id,omitempty" yaml:"user_id"`      // whose it is; "": nobody's
	Hint     string    `json:"hint,omitempty" yaml:"-"`               // how its secret begins and ends, for people
	Hash     string    `json:"-" yaml:"-"`                            // SHA-256 of its secret, in hex
	Enabled  *bool     `json:"enabled,omitempty" yaml:"enabled"`      // nil: true
	FromFile bool      `json:"from_file,omitempty" yaml:"-"`          // it stands in the configuration, and is changed there
	Expires  time.Time `json:"expires_at,omitzero" yaml:"expires_at"` // zero: never

	Models []string `json:"models,omitempty" yaml:"models"` // that it may ask for, each with at most one *; nil: all
	Groups []string `json:"groups,omitempty" yaml:"groups"` // of accounts, that it may use, the first unless the path names another; nil: all accounts

	RequestsPerMinute int64   `json:"requests_per_minute,omitempty" yaml:"requests_per_minute"` // 0: no limit
	InFlight          int64   `json:"in_flight,omitempty" yaml:"in_flight"`                     // at the same time; 0: no limit
	Quotas            []Quota `json:"quotas,omitempty" yaml:"quotas"`
	PriceRate         float64 `json:"price_rate,omitempty" yaml:"price_rate"` // what it is charged, as a multiple of what is paid; 0: 1

	CreatedAt time.Time `json:"created_at,omitzero" yaml:"-"`
	UpdatedAt time.Time `json:"updated_at,omitzero" yaml:"-"`
	TotalCost int64     `json:"total_cost" yaml:"-"` // nano-USD that it was charged since it was made
}

// Quota is what a key may use in a window, in money or tokens or both.
type Quota struct {
	Window string  `json:"window" yaml:"window"`           // 5h, day, week, month, total
	Zone   string  `json:"zone,omitempty" yaml:"zone"`     // of day, week and month; "": UTC
	USD    float64 `json:"usd,omitempty" yaml:"usd"`       // 0: no limit of money
	Tokens int64   `json:"tokens,omitempty" yaml:"tokens"` // 0: no limit of tokens
}
