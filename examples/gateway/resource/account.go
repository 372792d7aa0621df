package resource

import "time"

// Account is one way to be served: a credential at a provider, and how to get there.
type Account struct {
	ID       string `json:"id" yaml:"-"`                        // of the store; "": not stored yet
	Name     string `json:"name" yaml:"name"`                   // unique; its key in health, quota and logs
	Provider string `json:"provider" yaml:"provider"`           // of the catalogue: openai, anthropic, gemini, deepseek, …
	BaseURL  string `json:"base_url,omitempty" yaml:"base_url"` // "": the provider's own
	Enabled  *bool  `json:"enabled,omitempty" yaml:"enabled"`   // nil: true
	FromFile bool   `json:"from_file,omitempty" yaml:"-"`       // it stands in the configuration, and is changed there

	Secret Secret `json:"secret,omitzero" yaml:"secret"` // the API key; or
	OAuth  *OAuth `json:"oauth,omitempty" yaml:"oauth"`  // what renews a token

	Proxy                 string `json:"proxy_url,omitempty" yaml:"proxy_url"`                               // "": as the provider's, else the gateway's; direct; env; or a URL of at most 512 characters
	ProxyFallbackToDirect *bool  `json:"proxy_fallback_to_direct,omitempty" yaml:"proxy_fallback_to_direct"` // nil: as the provider's, else the gateway's, else false

	Weight    int               `json:"weight,omitempty" yaml:"weight"`         // share of the load among equals; 0: 1
	Priority  int               `json:"priority,omitempty" yaml:"priority"`     // lower first
	Groups    []string          `json:"groups,omitempty" yaml:"groups"`         // by which paths and keys ask for it
	Models    map[string]string `json:"models,omitempty" yaml:"models"`         // asked for → sent, as balancer.Account.Models
	Limits    []Limit           `json:"limits,omitempty" yaml:"limits"`         // what may be used of it
	PriceRate float64           `json:"price_rate,omitempty" yaml:"price_rate"` // what it pays, as a multiple of the price table; 0: 1
	Schedule  *Schedule         `json:"schedule,omitempty" yaml:"schedule"`     // nil: always
	Health    *Health           `json:"health,omitempty" yaml:"health"`         // nil: the gateway's
	Header    map[string]string `json:"header,omitempty" yaml:"header"`         // set on each request

	// What the store knows of it; ignored where an account is written.
	TotalCost         int64     `json:"total_cost" yaml:"-"`                   // nano-USD since it was made
	DailyRequests     int64     `json:"daily_requests" yaml:"-"`               // since midnight UTC
	RateLimitResetAt  time.Time `json:"rate_limit_reset_at,omitzero" yaml:"-"` // when its provider's last limit ends
	ConsecutiveErrors int64     `json:"consecutive_error_count" yaml:"-"`      // in a row
	CreatedAt         time.Time `json:"created_at,omitzero" yaml:"-"`
	UpdatedAt         time.Time `json:"updated_at,omitzero" yaml:"-"`
}

// OAuth renews an account's token; see provider.OAuthConfig.
type OAuth struct {
	TokenURL     string            `json:"token_url" yaml:"token_url"`
	ClientID     string            `json:"client_id,omitempty" yaml:"client_id"`
	ClientSecret Secret            `json:"client_secret,omitzero" yaml:"client_secret"`
	Encoding     string            `json:"encoding,omitempty" yaml:"encoding"` // form or json; "": form
	Scope        string            `json:"scope,omitempty" yaml:"scope"`
	RefreshToken Secret            `json:"refresh_token,omitzero" yaml:"refresh_token"`
	AccessToken  Secret            `json:"access_token,omitzero" yaml:"access_token"` // used until it is time to renew it
	Expiry       time.Time         `json:"expiry,omitzero" yaml:"expiry"`             // of AccessToken
	Header       map[string]string `json:"header,omitempty" yaml:"header"`            // of each renewal
}

// Limit is what may be used in a window: {unit: requests, max: 60, window: 1m}.
type Limit struct {
	Unit   string  `json:"unit" yaml:"unit"`               // requests, input_tokens, output_tokens, tokens, usd, in_flight
	Max    float64 `json:"max" yaml:"max"`                 // above 0; whole but for usd
	Window string  `json:"window,omitempty" yaml:"window"` // a duration (1m, 5h), day, week, month, total; none for in_flight
	Zone   string  `json:"zone,omitempty" yaml:"zone"`     // of day, week and month, as in Europe/Berlin; "": UTC
	At     string  `json:"at,omitempty" yaml:"at"`         // when those begin, as in 09:00; "": midnight
	On     string  `json:"on,omitempty" yaml:"on"`         // a week: the weekday (monday); a month: the day (1 to 31)
}

// Schedule says when an account may be used.
type Schedule struct {
	Zone  string `json:"zone,omitempty" yaml:"zone"` // "": UTC
	Spans []Span `json:"spans" yaml:"spans"`
}

// Span is a part of the day on some days: {days: [monday], from: "22:00", to: "06:00"}.
type Span struct {
	Days []string `json:"days,omitempty" yaml:"days"` // on which it begins; nil: every day
	From string   `json:"from" yaml:"from"`           // as the clock on the wall shows
	To   string   `json:"to" yaml:"to"`               // not above From: on the next day; 24:00 is midnight
}

// Health is how soon an account is left alone; see health.Policy. Durations are
// written as in 30s.
type Health struct {
	Failures         int      `json:"failures,omitempty" yaml:"failures"`                      // in a row before a rest; 0: 5; negative: never
	DisableAfter     int      `json:"disable_after,omitempty" yaml:"disable_after"`            // failures in a row before disabling; 0: never
	AuthFailures     int      `json:"auth_failures,omitempty" yaml:"auth_failures"`            // refusals of the credential before disabling; 0: 2
	Rest             Duration `json:"rest,omitzero" yaml:"rest"`                               // the first; 0: the gateway's unavailable_ttl
	MaxRest          Duration `json:"max_rest,omitzero" yaml:"max_rest"`                       // 0: 30m
	RateLimitRest    Duration `json:"rate_limit_rest,omitzero" yaml:"rate_limit_rest"`         // where the provider named no reset; 0: 30s
	MaxRateLimitRest Duration `json:"max_rate_limit_rest,omitzero" yaml:"max_rate_limit_rest"` // 0: 1h
}
