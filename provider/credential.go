package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// A Credential yields the token that Authorize puts into a request. Token is
// called once for each attempt, by many goroutines at the same time; it
// returns as soon as ctx ends, and its error does not hold the token.
type Credential interface {
	Token(ctx context.Context) (string, error)
}

// CredentialFunc is a func as a Credential.
type CredentialFunc func(ctx context.Context) (string, error)

// Token calls f.
func (f CredentialFunc) Token(ctx context.Context) (string, error) { return f(ctx) }

// Key returns a Credential that always yields secret, without the white space
// around it that a key read from a file tends to have. It cannot be printed:
// every fmt verb, slog, JSON and text encoding give "***". An empty key gives
// an error when it is used.
func Key(secret string) Credential {
	secret = strings.TrimSpace(secret)
	return key{func() string { return secret }}
}

// A key hides the secret in a closure, where no reflection finds it.
type key struct{ secret func() string }

const hidden = "***"

func (k key) Token(context.Context) (string, error) {
	s := k.secret()
	if s == "" {
		return "", errors.New("provider: the key is empty: set the account's Secret or Credential")
	}
	return s, nil
}

func (key) String() string               { return hidden }
func (key) GoString() string             { return hidden }
func (key) Format(w fmt.State, _ rune)   { _, _ = io.WriteString(w, hidden) }
func (key) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (key) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (key) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// checkToken refuses what would not be sent as it is.
func checkToken(token string) error {
	if token == "" {
		return errors.New("provider: the token is empty: set the account's Secret or Credential")
	}
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f {
			return errors.New("provider: the token holds a space, a line break or a character outside ASCII: was more than the key copied?")
		}
	}
	return nil
}
