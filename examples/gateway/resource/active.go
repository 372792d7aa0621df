package resource

import "time"

// Active is a request in flight.
type Active struct {
	ID      string    `json:"id"`
	UserID  string    `json:"user_id,omitempty"`
	KeyID   string    `json:"key_id,omitempty"`
	Account string    `json:"account,omitempty"` // that it was given to last; "": none yet
	API     string    `json:"api"`
	Path    string    `json:"path"`
	Since   time.Time `json:"since"`
}
