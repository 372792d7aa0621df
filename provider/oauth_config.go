package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// OAuthConfig sets up an [OAuth]. TokenURL and one of RefreshToken and Grant are
// required. What stands in it is the embedding program's to choose: no client id
// and no client's manners are built in, and whether a login may be used outside
// the program that it was made for is for its owner to know. However it is printed,
// nothing of it shows.
type OAuthConfig struct {
	unprintable

	TokenURL     string // https; http only for loopback. No user info, no fragment
	ClientID     string // "": not sent
	ClientSecret string // "": a public client
	ClientAuth   OAuthClientAuth
	Encoding     OAuthEncoding
	Scope        string            // "": not sent
	Extra        map[string]string // further fields of each request, beside those of the grant
	Header       http.Header       // further headers of each request, such as anthropic-beta

	// RefreshToken is what the first renewal is done with. A later one comes with
	// the answers, if at all; see Save.
	RefreshToken string

	// Grant makes the fields of another grant than refresh_token, grant_type among
	// them: client_credentials, or an assertion that a workload identity is exchanged
	// for. It is called for each renewal, one at a time; a request of its own goes
	// through CarrierFrom of its context. Its error holds no secret; as a
	// *CredentialError it may be Permanent. Nil: RefreshToken is used.
	Grant func(ctx context.Context) (url.Values, error)

	AccessToken string    // used until it is time to renew it; "": there is none yet
	Expiry      time.Time // of AccessToken; zero: not known, so it is used until it is refused

	// Save keeps the tokens of an answer where the next start of the program finds
	// them. It is called after each renewal, one at a time, and before anybody gets
	// the new token, with a context of its own that ends after RenewTimeout. When it
	// fails, the new tokens are used all the same, Failed is told, and Close tries
	// once more. It must neither ask for a token nor call Close, which wait for it.
	// Nil: nothing is kept, and a refresh token that the server replaces is lost
	// with the process.
	Save func(ctx context.Context, t OAuthTokens) error

	// Failed is told of each renewal that failed, whether anybody waited for it or
	// not, and of each Save that failed. It may be called at any time, and must
	// return soon. Nil: OAuth.Err has the last failure.
	Failed func(error)

	RenewBefore  time.Duration // so long before it expires a token is renewed, in use still; 0: 120 s; negative: not before it must
	WaitBefore   time.Duration // and so long before, callers wait for the next; 0: 30 s; negative: not before it expires
	RenewTimeout time.Duration // for one renewal; 0: 30 s
	Lifetime     time.Duration // of a token that comes without expires_in; 0: 1 hour

	// Transport carries the renewals. Nil: the account's own, which a balancer puts
	// into the context (WithCarrier); without either there is no renewal.
	Transport http.RoundTripper
}

// OAuthClientAuth is how the client says who it is (RFC 6749 2.3.1).
type OAuthClientAuth uint8

// The ways for a client to say who it is.
const (
	OAuthClientInBody OAuthClientAuth = iota // client_id and client_secret among the fields
	OAuthClientBasic                         // as user name and password of the request
)

// OAuthEncoding is how the fields of a token request are written.
type OAuthEncoding uint8

// The encodings.
const (
	OAuthForm OAuthEncoding = iota // application/x-www-form-urlencoded, as RFC 6749 says
	OAuthJSON                      // an object of strings, as some servers want it
)

// OAuthTokens are what a token endpoint gave. For fmt and slog they are ***; as
// JSON they are written out, so that Save can keep them.
type OAuthTokens struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"` // of the access token
}

const (
	defaultRenewBefore  = 120 * time.Second // as is the custom (provider-facts 12.1)
	defaultWaitBefore   = 30 * time.Second
	defaultRenewTimeout = 30 * time.Second

	// defaultLifetime is a guess: of the endpoints that are known all say how long,
	// and none says less than most of an hour. A token that ends sooner is refused,
	// and then renewed.
	defaultLifetime = time.Hour

	// maxLifetime bounds what an answer may claim.
	maxLifetime = 365 * 24 * time.Hour
)

// withDefaults is a copy with the defaults put in.
func (c OAuthConfig) withDefaults() OAuthConfig {
	c.Extra, c.Header = maps.Clone(c.Extra), c.Header.Clone()
	c.ClientSecret, c.RefreshToken = strings.TrimSpace(c.ClientSecret), strings.TrimSpace(c.RefreshToken)
	c.AccessToken = strings.TrimSpace(c.AccessToken)
	c.RenewBefore = margin(c.RenewBefore, defaultRenewBefore)
	c.WaitBefore = margin(c.WaitBefore, defaultWaitBefore)
	if c.RenewTimeout == 0 {
		c.RenewTimeout = defaultRenewTimeout
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	return c
}

// margin is d, or the default for 0, or none below.
func margin(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return max(d, 0)
}

// check says what must be mended, and quotes nothing that could be secret.
func (c *OAuthConfig) check() error {
	if err := checkTokenURL(c.TokenURL); err != nil {
		return fmt.Errorf("provider: OAuthConfig.TokenURL %w", err)
	}
	var problem string
	switch {
	case c.RefreshToken == "" && c.Grant == nil:
		problem = "RefreshToken is empty and there is no Grant: set one of them"
	case c.RefreshToken != "" && c.Grant != nil:
		problem = "RefreshToken and Grant are both set: set one of them"
	case c.ClientAuth > OAuthClientBasic:
		problem = "ClientAuth is unknown: use OAuthClientInBody or OAuthClientBasic"
	case c.Encoding > OAuthJSON:
		problem = "Encoding is unknown: use OAuthForm or OAuthJSON"
	case c.ClientAuth == OAuthClientBasic && c.ClientID == "":
		problem = "ClientAuth is OAuthClientBasic and ClientID is empty: set it"
	case c.RenewTimeout < 0 || c.Lifetime < 0:
		problem = "RenewTimeout or Lifetime is negative: write 0 for the default"
	case c.AccessToken != "" && checkToken(c.AccessToken) != nil:
		problem = "AccessToken holds a space, a line break or a character outside ASCII: leave it empty, and one is fetched"
	default:
		return nil
	}
	return errors.New("provider: OAuthConfig." + problem)
}

const tokenURLForm = "write it as https://host[:port]/path" //nolint:gosec // how an address is written

// checkTokenURL refuses what would show a credential to somebody on the way.
func checkTokenURL(raw string) error {
	if raw == "" {
		return errors.New("is empty: " + tokenURLForm)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil: // url.Error quotes the URL: not passed on
		return errors.New("is not a URL: " + tokenURLForm)
	case u.User != nil:
		return errors.New("holds user info: set ClientID, ClientSecret and OAuthClientBasic")
	case u.Fragment != "":
		return errors.New("holds a fragment: " + tokenURLForm)
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("has no host: " + tokenURLForm)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("is http: use https; http is for loopback only")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not https: " + tokenURLForm)
	}
	return nil
}

// isLoopback reports whether host is this machine by its name or address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
