package resource

import (
	"encoding/json"
	"time"
)

// What a record can have at most. What a provider claims beyond that is taken for this much, so
// that no sum outgrows the books.
const (
	MaxCost   = 1_000_000_000_000_000 // nano-USD: a million dollars
	MaxTokens = 1_000_000_000_000     // of each kind
)

// Request is the record of a request that has ended.
type Request struct {
	ID        string `json:"id"` // as the client was told: X-Request-Id
	UserID    string `json:"user_id,omitempty"`
	KeyID     string `json:"key_id,omitempty"`
	Account   string `json:"account,omitempty"` // that answered, or was asked last; "": none was asked
	API       string `json:"api"`               // openai, anthropic, gemini
	Operation string `json:"operation"`         // in provider.OperationKind's words
	Group     string `json:"group,omitempty"`
	Model     string `json:"model,omitempty"` // as asked
	Stream    bool   `json:"stream,omitempty"`
	Status    int    `json:"status"`         // that the client was told; 499: it had gone
	Code      string `json:"code,omitempty"` // of the gateway's own error
	ClientIP  string `json:"client_ip,omitempty"`

	InputTokens       int64 `json:"input_tokens"`
	CachedInputTokens int64 `json:"cached_input_tokens,omitempty"`
	OutputTokens      int64 `json:"output_tokens"`
	Cost              int64 `json:"cost"`       // nano-USD paid, of all attempts
	Charged           int64 `json:"charged"`    // nano-USD that the key was charged: Cost times its price rate
	CostKnown         bool  `json:"cost_known"` // Cost is all of it

	UsedProxy string          `json:"used_proxy,omitempty"` // redacted; direct
	Trail     json.RawMessage `json:"trail,omitempty"`      // the attempts, as balancer.Trail writes them; cut to 16 KiB by leaving out the middle ones; of a single one that went well at once, account, provider, proxy, class and status alone; nil: none was made
	Start     time.Time       `json:"start"`
	FirstByte time.Duration   `json:"first_byte_ns,omitempty"` // until the first byte of the body went to the client
	Duration  time.Duration   `json:"duration_ns"`

	// By account, what its attempts cost and how they went.
	Attempts []Attempt `json:"-"`
}

// Attempt is what a request did to one account's books.
type Attempt struct {
	Account string
	Cost    int64 // nano-USD
}

// DailyUsage is what a user used of a model in a day, UTC.
type DailyUsage struct {
	Date         string `json:"date"` // 2006-01-02
	UserID       string `json:"user_id,omitempty"`
	KeyID        string `json:"key_id,omitempty"`
	Model        string `json:"model,omitempty"` // (other): of requests that no account was asked for, which may name anything
	Requests     int64  `json:"requests"`
	InputTokens  int64  `json:"input_tokens"`
	OutputTokens int64  `json:"output_tokens"`
	Cost         int64  `json:"cost"`    // nano-USD paid
	Charged      int64  `json:"charged"` // nano-USD charged
}
