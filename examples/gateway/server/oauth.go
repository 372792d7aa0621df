package server

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

// login is an account's credential that is renewed. It outlives changes of the account
// that are not about the login, since one refresh token has one owner.
type login struct {
	*provider.OAuth
	spec    resource.OAuth // as it was when the login was made
	account string         // its id in the store
	log     *slog.Logger
	leaser  TokenLeaser // nil: no other program renews its tokens
	follows bool        // what other programs store of the account is this login's

	mu      sync.Mutex
	saved   provider.OAuthTokens        // the last that were given to the store, or read there
	read    provider.OAuthTokens        // the last that were read there
	unsaved bool                        // the store has not taken the last
	release func(context.Context) error // of the lease that is held; nil: none is
}

// newLogin makes the credential of an account with OAuth, which is stored, or is to be tried.
// The error names the account and the field.
func (s *Server) newLogin(a *resource.Account, stored bool) (*login, error) {
	o := a.OAuth
	if err := s.cfg.address(o.TokenURL); err != nil {
		return nil, fieldError(a, "oauth.token_url", err)
	}
	l := &login{spec: *o, account: a.ID, log: s.log, follows: stored}
	l.spec.Header = maps.Clone(o.Header)
	c := provider.OAuthConfig{
		TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), Scope: o.Scope,
		RefreshToken: o.RefreshToken.Reveal(), AccessToken: o.AccessToken.Reveal(), Expiry: o.Expiry,
	}
	for name, value := range o.Header {
		if c.Header == nil {
			c.Header = make(http.Header)
		}
		c.Header.Set(name, value)
	}
	switch o.Encoding {
	case "", "form":
	case "json":
		c.Encoding = provider.OAuthJSON
	default:
		return nil, fieldError(a, "oauth.encoding", errEncoding)
	}
	name := a.Name
	c.Failed = func(err error) {
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "Token not renewed", slog.String("account", name), slog.Any("error", err))
	}
	if saver, ok := s.cfg.Store.(TokenSaver); ok && a.ID != "" && !a.FromFile && (stored || s.spends(a)) {
		c.Save = func(ctx context.Context, t provider.OAuthTokens) error {
			if s.replaced(l) {
				l.giveBack()
				return nil
			}
			return l.save(ctx, saver, t)
		}
		l.leaser, _ = s.cfg.Store.(TokenLeaser)
	}
	oauth, err := provider.NewOAuth(c)
	if err != nil {
		return nil, fieldError(a, "oauth", err)
	}
	l.OAuth = oauth
	return l, nil
}

// spends tells whether an account that is to be tried has the refresh token of the one that is
// stored, which may be of no use afterwards: what comes in its place has to be kept. Of
// another login nothing may be.
func (s *Server) spends(a *resource.Account) bool {
	for _, e := range s.roster.Load().entries {
		if e.from.ID == a.ID && e.login != nil {
			refresh := strings.TrimSpace(a.OAuth.RefreshToken.Reveal())
			return refresh == strings.TrimSpace(e.login.spec.RefreshToken.Reveal()) || refresh == e.login.OAuth.Tokens().RefreshToken
		}
	}
	return false
}

// replaced tells whether the account has another login by now, with a refresh token that this
// one never had: the tokens of this one are not to be put in its place.
func (s *Server) replaced(l *login) bool {
	r := s.roster.Load()
	if r == nil || !l.follows {
		return false
	}
	for _, e := range r.entries {
		if e.from.ID != l.account || e.login == nil || e.login == l {
			continue
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		refresh := e.login.spec.RefreshToken.Reveal()
		return refresh != l.spec.RefreshToken.Reveal() && refresh != l.saved.RefreshToken && refresh != l.read.RefreshToken
	}
	return false
}

// save keeps new tokens in the store, unless it has them from there, and remembers them: the
// account will come back with them. Then others may renew them.
func (l *login) save(ctx context.Context, to TokenSaver, t provider.OAuthTokens) error {
	defer l.giveBack()
	l.mu.Lock()
	l.saved = t
	had := t.AccessToken == l.read.AccessToken && t.RefreshToken == l.read.RefreshToken
	l.mu.Unlock()
	if had {
		return nil
	}
	err := to.SaveTokens(ctx, l.account, t)
	l.mu.Lock()
	l.unsaved = err != nil
	l.mu.Unlock()
	return err
}

// serves tells whether the login is still the account's: the same client and place, and
// tokens that it was made with or has saved itself.
func (l *login) serves(a *resource.Account) bool {
	o := a.OAuth
	if o == nil || l.account != a.ID || o.TokenURL != l.spec.TokenURL || o.ClientID != l.spec.ClientID ||
		o.ClientSecret.Reveal() != l.spec.ClientSecret.Reveal() || cmp.Or(o.Encoding, "form") != cmp.Or(l.spec.Encoding, "form") ||
		o.Scope != l.spec.Scope || !maps.Equal(o.Header, l.spec.Header) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	refresh, access := o.RefreshToken.Reveal(), o.AccessToken.Reveal()
	asMade := refresh == l.spec.RefreshToken.Reveal() && access == l.spec.AccessToken.Reveal()
	asSaved := access == l.saved.AccessToken && (refresh == l.saved.RefreshToken || l.saved.RefreshToken == "")
	return asMade || l.saved.AccessToken != "" && asSaved
}
