package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// An OAuth is a [Credential] whose access token is renewed: by the refresh grant of
// RFC 6749, or by a grant of the user's. It is a [Renewer] too, and safe for
// concurrent use. Close it.
//
//	expiry - 120 s          expiry - 30 s           expiry
//	      │                       │                    │
//	──────┼───────────────────────┼────────────────────┼──────►
//	 used │ used, and one renewal │ callers wait for   │ of no use
//	      │ runs beside           │ the renewal        │
//
// There is one renewal at a time, whoever waits for it. It goes on when its callers
// have left, since the server may have replaced the refresh token by then, and ends
// by its own time-out. After one that failed, nothing is tried for 5 s,
// then 10 s, up to 5 min, or for as long as the server asked, within an hour; the
// old token goes on being used while it is valid. A login that is no longer valid,
// or a client that is not set up rightly, is final: every later call fails at once
// with the same error, and a new OAuth has to be made. A balancer whose account it was
// gets that by SetAccounts, which enables the account again.
//
// For tokens that come for less than four minutes, the two margins are no more than
// a half and a quarter of that.
//
// One refresh token has one owner: two programs, or two OAuths, that use the same
// one make a server that replaces them take it for stolen.
//
// Errors are [*CredentialError], or those of the caller's context. However an OAuth
// is printed, logged or marshalled, it is ***.
type OAuth struct {
	unprintable
	own func() *oauth // hides the tokens from reflection
}

// oauth is what an OAuth consists of.
type oauth struct {
	renewing
	cfg OAuthConfig
	url string // of the token endpoint, for people

	tokensMu sync.Mutex
	tokens   OAuthTokens
	unsaved  error // of the last Save; nil: it was done, or there is none
}

// NewOAuth makes an OAuth. Nothing is sent before the first Token. The error names
// the field that is wrong and what to write instead.
func NewOAuth(c OAuthConfig) (*OAuth, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	o := &oauth{cfg: c, url: plainURL(c.TokenURL)}
	o.tokens = OAuthTokens{AccessToken: c.AccessToken, RefreshToken: c.RefreshToken, Expiry: c.Expiry}
	o.source, o.timeout, o.precious, o.failed = "token endpoint "+o.url, c.RenewTimeout, true, c.Failed
	o.fetch, o.carrier = o.renew, o.way
	o.ctx, o.stop = context.WithCancel(context.Background())
	o.lease = lease{token: c.AccessToken}
	if !c.Expiry.IsZero() {
		o.lease = leaseUntil(c.AccessToken, c.Expiry, c.RenewBefore, c.WaitBefore)
	}
	return &OAuth{own: func() *oauth { return o }}, nil
}

// Token returns the access token in use, or waits for the next; it returns when ctx
// ends, and the renewal goes on.
func (o *OAuth) Token(ctx context.Context) (string, error) { return o.own().Token(ctx) }

// Renew returns another access token than stale, which was refused: the one in use,
// if it is another, or that of a renewal begun after stale came into use.
func (o *OAuth) Renew(ctx context.Context, stale string) (string, error) {
	return o.own().Renew(ctx, stale)
}

// Tokens returns the tokens in use, for whoever keeps them in another way than by
// OAuthConfig.Save.
func (o *OAuth) Tokens() OAuthTokens {
	own := o.own()
	own.tokensMu.Lock()
	defer own.tokensMu.Unlock()
	return own.tokens
}

// Err returns why the last renewal failed, or else why the last Save did; nil:
// neither did.
func (o *OAuth) Err() error {
	own := o.own()
	own.mu.Lock()
	failure := own.failure
	own.mu.Unlock()
	if failure != nil {
		return failure
	}
	own.tokensMu.Lock()
	defer own.tokensMu.Unlock()
	return own.unsaved
}

// Close refuses every later call and waits for the renewal under way, which ends
// after RenewTimeout at the latest: the server may have replaced the refresh token
// already, and what it answers is kept. When the last Save failed it tries that
// once more; the error is that one's. It may be called again, and then does nothing
// but that.
func (o *OAuth) Close() error {
	own := o.own()
	own.close()
	own.tokensMu.Lock()
	unsaved, tokens := own.unsaved != nil, own.tokens
	own.tokensMu.Unlock()
	if !unsaved {
		return nil
	}
	return own.save(tokens)
}

// errNoCarrier says that there is no way to the token endpoint.
var errNoCarrier = errors.New("there is nothing to send a renewal through: " +
	"set OAuthConfig.Transport, or give Token a context with WithCarrier, as a balancer does")

// way is what carries a renewal.
func (o *oauth) way(ctx context.Context) (http.RoundTripper, error) {
	if o.cfg.Transport != nil {
		return o.cfg.Transport, nil
	}
	if rt := CarrierFrom(ctx); rt != nil {
		return rt, nil
	}
	return nil, &CredentialError{Source: o.source, Class: ClassTransient, Err: errNoCarrier}
}

// renew is one renewal. Only one runs at a time.
func (o *oauth) renew(ctx context.Context) (lease, error) {
	began := time.Now()
	fields, err := o.fields(ctx)
	if err != nil {
		return lease{}, err
	}
	answer, err := o.exchange(ctx, fields)
	if err != nil {
		o.keepRefresh(answer.refresh)
		return lease{}, err
	}
	lifetime := o.cfg.Lifetime
	if answer.lifetime > 0 {
		lifetime = answer.lifetime
	}
	expiry := began.Add(lifetime)
	o.tokensMu.Lock()
	o.tokens.AccessToken, o.tokens.Expiry = answer.access, expiry
	if answer.refresh != "" && o.cfg.Grant == nil {
		o.tokens.RefreshToken = answer.refresh
	}
	tokens := o.tokens
	o.tokensMu.Unlock()
	if err := o.save(tokens); err != nil {
		o.report(err)
	}
	return leaseUntil(answer.access, expiry, min(o.cfg.RenewBefore, lifetime/2), min(o.cfg.WaitBefore, lifetime/4)), nil
}

// keepRefresh keeps a refresh token that came without an access token that is of
// use: the one before it is spent.
func (o *oauth) keepRefresh(token string) {
	if token == "" || o.cfg.Grant != nil {
		return
	}
	o.tokensMu.Lock()
	o.tokens.RefreshToken = token
	tokens := o.tokens
	o.tokensMu.Unlock()
	if err := o.save(tokens); err != nil {
		o.report(err)
	}
}

// leaseUntil is a lease that ends at expiry and is renewed so long before.
func leaseUntil(token string, expiry time.Time, renewBefore, waitBefore time.Duration) lease {
	return lease{token: token, early: expiry.Add(-renewBefore), late: expiry.Add(-waitBefore), expiry: expiry}
}

// save hands tokens to Save. It is not ended by Close, which waits for it: what is
// not kept now may be lost for good.
func (o *oauth) save(tokens OAuthTokens) error {
	if o.cfg.Save == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.cfg.RenewTimeout)
	defer cancel()
	err := o.cfg.Save(ctx, tokens)
	if err != nil {
		err = fmt.Errorf("provider: %s: OAuthConfig.Save failed, and the new tokens are kept in memory only: %w", o.source, err)
	}
	o.tokensMu.Lock()
	defer o.tokensMu.Unlock()
	o.unsaved = err
	return err
}

// plainURL is a URL without what may be secret in it. It was parsed before.
func plainURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Format prints *** for every verb.
func (OAuthTokens) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// LogValue gives "***", for log/slog.
func (OAuthTokens) LogValue() slog.Value { return slog.StringValue(hidden) }
