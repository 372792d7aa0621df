package resource

import "time"

// Limits of a page: what is given for none, and the most.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// KeyFilter selects keys. Empty fields select all.
type KeyFilter struct {
	UserID string
	Cursor string // where the page before ended; "": the first page
	Limit  int    // 0: DefaultPage; at most MaxPage
}

// RequestFilter selects records of requests. Empty fields select all.
type RequestFilter struct {
	ID      string
	UserID  string
	KeyID   string
	Account string // that answered or was asked last
	Model   string
	Status  int       // 4 selects 400 to 499, and so on
	Since   time.Time // when they began: not before
	Until   time.Time // before
	Cursor  string    // where the page before ended; "": the newest
	Limit   int       // 0: DefaultPage; at most MaxPage
}

// UsageFilter selects daily usage. Empty fields select all.
type UsageFilter struct {
	UserID string
	KeyID  string
	Model  string
	From   string // 2006-01-02, UTC: the first day
	To     string // the last
	Limit  int    // rows, the newest days first; 0: MaxPage; at most 100 times that
}

// KeyUsage is what a key used in a quarter of an hour; of long ago, in a month.
type KeyUsage struct {
	KeyID        string    `json:"key_id"`
	Start        time.Time `json:"start"`
	Requests     int64     `json:"requests"`
	InputTokens  int64     `json:"input_tokens"`
	OutputTokens int64     `json:"output_tokens"`
	Cost         int64     `json:"cost"`    // nano-USD paid
	Charged      int64     `json:"charged"` // nano-USD charged
}

// AccountUsage is what an account did in a day, UTC.
type AccountUsage struct {
	Date     string `json:"date"` // 2006-01-02
	Account  string `json:"account"`
	Attempts int64  `json:"attempts"`
	Cost     int64  `json:"cost"` // nano-USD paid
}
