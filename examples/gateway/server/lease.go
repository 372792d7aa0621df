package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// TokenLeaser is a TokenSaver that several programs share. Without it, two that renew one
// refresh token at the same time make a server that replaces them take it for stolen.
type TokenLeaser interface {
	// LeaseTokens waits until no other program renews the tokens of an account, keeps the
	// others waiting until release is called, or for as long as a renewal can take, and
	// returns the tokens as they are stored then. release may be called more than once.
	LeaseTokens(ctx context.Context, accountID string) (stored provider.OAuthTokens, release func(context.Context) error, err error)
}

// minLeft is how long a token that another program got has to be good for to be used here.
const minLeft = 10 * time.Second

var errReplaced = errors.New("the account's tokens were replaced in the store: they are used in a moment")

// Token is the access token in use, or the next: renewals go by the lease.
func (l *login) Token(ctx context.Context) (string, error) { return l.OAuth.Token(l.leased(ctx)) }

// Renew is Token of another one than stale.
func (l *login) Renew(ctx context.Context, stale string) (string, error) {
	return l.OAuth.Renew(l.leased(ctx), stale)
}

// Close ends the login, after the renewal under way.
func (l *login) Close() error {
	err := l.OAuth.Close()
	l.giveBack()
	return err
}

// leased is a context whose renewals go by the lease.
func (l *login) leased(ctx context.Context) context.Context {
	if way := provider.CarrierFrom(ctx); l.leaser != nil && way != nil {
		return provider.WithCarrier(ctx, &leasedWay{l, way})
	}
	return ctx
}

// leasedWay carries a login's renewals, of which the OAuth makes one at a time.
type leasedWay struct {
	login *login
	way   http.RoundTripper
}

// RoundTrip sends a renewal when no other program makes one, and holds the lease until its
// tokens are saved. Where another program has renewed the tokens meanwhile, those are the
// answer, and nothing is sent.
func (w *leasedWay) RoundTrip(r *http.Request) (*http.Response, error) {
	l := w.login
	l.giveBack() // of an answer whose tokens were of no use
	stored, release, err := l.leaser.LeaseTokens(r.Context(), l.account)
	if err != nil {
		_ = r.Body.Close()
		return nil, &provider.CredentialError{Source: "the lease of the account's tokens", Class: provider.ClassTransient, Err: err}
	}
	l.hold(release)
	resp, err := l.renewed(r, stored)
	if resp == nil && err == nil {
		if resp, err = w.way.RoundTrip(r); err == nil && resp.StatusCode/100 == 2 {
			if mayHoldTokens(resp) {
				return resp, nil // they are still to be saved
			}
		}
	} else {
		_ = r.Body.Close()
	}
	l.giveBack()
	return resp, err
}

// mayHoldTokens tells whether there may be something to save in an answer, which stays as it
// was.
func mayHoldTokens(resp *http.Response) bool {
	const most = 1 << 20 // as for the login
	body := resp.Body
	read, err := io.ReadAll(io.LimitReader(body, most))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), body), body} // an error comes again
	return err != nil || bytes.Contains(read, []byte(`"access_token"`)) || bytes.Contains(read, []byte(`"refresh_token"`))
}

// renewed is the answer that the stored tokens are, or why there can be none; nil: the login
// has them itself, and has to renew them.
func (l *login) renewed(r *http.Request, stored provider.OAuthTokens) (*http.Response, error) {
	mine := l.OAuth.Tokens()
	stored.AccessToken, stored.RefreshToken = strings.TrimSpace(stored.AccessToken), strings.TrimSpace(stored.RefreshToken)
	l.mu.Lock()
	defer l.mu.Unlock()
	left := time.Until(stored.Expiry)
	switch {
	case !l.follows, l.unsaved: // what is stored is another login, or older
		return nil, nil
	case stored.AccessToken != "" && stored.AccessToken != mine.AccessToken && (stored.Expiry.IsZero() || left > minLeft):
	case stored.RefreshToken == mine.RefreshToken:
		return nil, nil
	default:
		return nil, &provider.CredentialError{Source: "the account's tokens", Class: provider.ClassTransient, Err: errReplaced}
	}
	answer := struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token,omitempty"`
		Seconds int64  `json:"expires_in,omitempty"`
	}{stored.AccessToken, stored.RefreshToken, 0}
	if !stored.Expiry.IsZero() {
		answer.Seconds = int64(left / time.Second)
	}
	body, err := json.Marshal(answer) //nolint:gosec // the answer of a token endpoint, which goes no further than this program
	if err != nil {
		return nil, err
	}
	l.read = provider.OAuthTokens{AccessToken: stored.AccessToken, RefreshToken: cmp.Or(stored.RefreshToken, mine.RefreshToken)}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}, nil
}

// hold keeps the lease until giveBack.
func (l *login) hold(release func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release = release
}

// giveBack ends the lease, if it is held.
func (l *login) giveBack() {
	l.mu.Lock()
	release := l.release
	l.release = nil
	l.mu.Unlock()
	if release == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := release(ctx); err != nil {
		l.log.LogAttrs(ctx, slog.LevelWarn, "Lease of tokens not given back, other programs wait until it ends", slog.String("account_id", l.account), slog.Any("error", err))
	}
}
