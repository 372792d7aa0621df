package resource

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a text that shows in no format: fmt, JSON, YAML and slog print *** in its
// place, and nothing where it is empty. It can be read from JSON and YAML.
type Secret struct{ text *string }

// NewSecret is a Secret of a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal is the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells whether it is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// String is *** or nothing.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return "***"
}

// Format prints String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalJSON reads a text. null leaves it as it is.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a secret has to be a string") // the cause could quote it
	}
	if text != nil {
		*s = NewSecret(*text)
	}
	return nil
}

// UnmarshalText reads a text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
