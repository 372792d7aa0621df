package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// A Credential yields the token that Authorize puts into a request. Token is
// called once for each attempt, by many goroutines at the same time; it
// returns as soon as ctx ends, and its error does not hold the token.
//
// One that can tell without asking anybody that it never will yield anything has a
// method Validate() error as well, which balancer.New heeds.
type Credential interface {
	Token(ctx context.Context) (string, error)
}

// A Renewer is a Credential that can be told that a token was refused before its
// time. Renew returns a token other than stale: the current one, if that is
// another already, or else a new one that it has fetched since it was called. It
// may return stale again if there is none other to be had. Many goroutines may
// call it at the same time, also beside Token; it returns as soon as ctx ends, and
// its error holds no token.
type Renewer interface {
	Renew(ctx context.Context, stale string) (string, error)
}

// A Signer is a Credential that signs whole requests, as the clouds want it. Sign
// is called once for each sending, after everything else that changes a request,
// and changes the header or the URL of r, which is its own; ctx is that of the
// request. It does not read r.Body: the bytes to be sent are to be had from
// r.GetBody, which is nil for a body that can be had once only. An error keeps the
// request from being sent, and holds no secret.
//
// Token is called all the same, before; a Signer without a token returns "" and no
// error, and then nothing is authorized before it signs.
type Signer interface {
	Sign(ctx context.Context, r *http.Request) error
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
	return &key{secret: func() string { return secret }}
}

// A key hides the secret in a closure, where no reflection finds it.
type key struct {
	unprintable
	secret func() string
}

func (k *key) Token(context.Context) (string, error) {
	s := k.secret()
	if s == "" {
		return "", errors.New("provider: the key is empty: set the account's Secret or Credential")
	}
	return s, nil
}

// Validate tells whether the key can be sent at all.
func (k *key) Validate() error { return checkToken(k.secret()) }

const hidden = "***"

// unprintable makes what it is embedded in print as *** in every way.
type unprintable struct{}

// String gives "***".
func (unprintable) String() string { return hidden }

// GoString gives "***".
func (unprintable) GoString() string { return hidden }

// Format prints *** for every verb.
func (unprintable) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// LogValue gives "***", for log/slog.
func (unprintable) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText gives "***".
func (unprintable) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON gives "***".
func (unprintable) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

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
