package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Provider is a place where an API is spoken. Its fields are set before it
// is used and not changed afterwards; from then on any number of goroutines
// may use it, and its methods do not change it. It holds no credential.
type Provider struct {
	Name    string // unique among the providers in use
	BaseURL string // https://host[:port][/path]; what Match is about and what Address writes
	API     *API   // the protocol spoken there

	// Vendor is whose service this is, as the catalogue calls it: "deepseek". At
	// keeps it, and prices, probes and balances go by it. "": Name says it.
	Vendor string

	// Operations are those that are served here; nil: all of the API's.
	Operations []OperationKind

	// Rewrite changes a request where this place differs from the API: a
	// cloud's paths, an added header. It is called after Address and before
	// Authorize; the credentials in the caller's headers are gone already, and what
	// it adds of the kind goes too. Nil: nothing to change.
	Rewrite func(*http.Request, Operation) error

	Classify  func(Answer) Verdict                  // nil: the API's
	NewMeter  func(Operation, http.Header) Meter    // nil: the API's
	Authorize func(r *http.Request, t string) error // nil: the API's; or BearerAuth, HeaderAuth("api-key"), AnthropicOAuth

	// RateLimits reads what is left from the headers of an answer, good ones
	// included. Nil: as RateLimits of this package does.
	RateLimits func(http.Header, time.Time) []RateLimit

	// StreamUsage says that streams of chats and completions tell their usage only
	// when stream_options.include_usage asks for it, and that this may be asked
	// here: see [Operation.AskUsage].
	StreamUsage bool

	// Source says where what is known about this place comes from.
	Source string

	parsed *base // of BaseURL as it was when p was made; nil: parsed when needed
}

// At returns a provider that speaks p's API in p's way at another base URL:
//
//	relay := provider.OpenAI.At("relay", "https://relay.example.com/v1")
//
// The base stands where p.BaseURL stands, so for OpenAI it ends in /v1 as a
// rule and for Anthropic and Gemini it does not. At never fails: what is wrong
// with name or base is said by Validate. A base with user info is kept without
// it, and is refused all the same.
func (p *Provider) At(name, base string) *Provider {
	q := *p
	q.Name, q.BaseURL, q.parsed = name, cutUserInfo(base), nil
	if b, err := parseBase(q.BaseURL); err == nil {
		q.parsed = b
	}
	return &q
}

// Serves reports whether an operation of that kind is served here. One that was
// not recognised counts as served: the place itself knows better.
func (p *Provider) Serves(k OperationKind) bool {
	return p.Operations == nil || k == OpUnknown || slices.Contains(p.Operations, k)
}

// cutUserInfo puts *** where a URL's user info stands, so that a Provider can
// be printed.
func cutUserInfo(base string) string {
	at := strings.LastIndexByte(base, '@')
	if at < 0 {
		return base
	}
	from := 0
	if i := strings.Index(base[:at], "://"); i >= 0 {
		from = i + len("://")
	}
	return base[:from] + "***" + base[at:]
}

// base returns the parts of p.BaseURL.
func (p *Provider) base() (*base, error) {
	if b := p.parsed; b != nil && b.raw == p.BaseURL {
		return b, nil
	}
	return parseBase(p.BaseURL)
}

// Validate says what must be mended before p can be used: it names the field
// and what to write instead. It quotes no part of BaseURL that could be a
// credential.
func (p *Provider) Validate() error {
	if p == nil {
		return errors.New("provider is nil: use provider.OpenAI, provider.Anthropic, provider.Gemini, or one of them with At")
	}
	if p.Name == "" {
		return errors.New("provider: Name is empty: give the provider a name of its own")
	}
	if _, err := p.base(); err != nil {
		return fmt.Errorf("provider %q: BaseURL %w", p.Name, err)
	}
	a := p.API
	if a == nil {
		return fmt.Errorf("provider %q: API is nil: use provider.OpenAI.API, provider.Anthropic.API, provider.Gemini.API or your own", p.Name)
	}
	var missing string
	switch {
	case a.Name == "":
		missing = "API.Name is empty"
	case a.Describe == nil:
		missing = "API.Describe is nil"
	case a.Classify == nil && p.Classify == nil:
		missing = "neither Classify nor API.Classify is set"
	case a.NewMeter == nil && p.NewMeter == nil:
		missing = "neither NewMeter nor API.NewMeter is set"
	case a.Authorize == nil && p.Authorize == nil:
		missing = "neither Authorize nor API.Authorize is set"
	default:
		return nil
	}
	return fmt.Errorf("provider %q: %s: an API must bring them all", p.Name, missing)
}

// Match says whether u is below p.BaseURL, on the boundary of a path segment,
// and returns the escaped path below it: "" or a path that starts with "/".
// Scheme and host are compared without regard to case, and the scheme's own
// port may be written or not. The query plays no part. A provider at its API's
// official base matches whatever API.Match does. A path with a "." or ".."
// segment, escaped or not, is below no base.
func (p *Provider) Match(u *url.URL) (rest string, ok bool) {
	b, err := p.base()
	if err != nil || u == nil {
		return "", false
	}
	if rest, ok := b.below(u); ok {
		return rest, true
	}
	if p.API == nil || p.API.Match == nil {
		return "", false
	}
	own := url.URL{Scheme: b.scheme, Host: b.host, Path: b.path}
	if below, ok := p.API.Match(&own); !ok || below != "" {
		return "", false
	}
	return p.API.Match(u)
}

// Address points r at p: r.URL becomes a new URL of p's scheme and host, with
// p's path followed by rest, which is escaped as Match returns it, and r.Host
// becomes p's host. The query stays as it is, byte for byte; user info and
// fragment are dropped. r must be the caller's to change; the URL it came with
// is left alone.
func (p *Provider) Address(r *http.Request, rest string) error {
	b, err := p.base()
	if err != nil {
		return fmt.Errorf("provider %q: BaseURL %w", p.Name, err)
	}
	if rest != "" && rest[0] != '/' {
		return fmt.Errorf("provider %q: the path below the base does not start with /", p.Name)
	}
	escaped := b.path + rest
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return fmt.Errorf("provider %q: the path below the base is not escaped properly", p.Name)
	}
	if hasDotSegment(path) {
		return fmt.Errorf("provider %q: the path below the base has a . or .. segment", p.Name)
	}
	u := url.URL{Scheme: b.scheme, Host: b.host}
	if r.URL != nil {
		u.RawQuery, u.ForceQuery = r.URL.RawQuery, r.URL.ForceQuery
	}
	setPath(&u, path, escaped)
	r.URL, r.Host = &u, b.host
	return nil
}

// setPath sets both forms of u's path, RawPath only where it is needed.
func setPath(u *url.URL, path, escaped string) {
	u.Path, u.RawPath = path, ""
	if u.EscapedPath() != escaped {
		u.RawPath = escaped
	}
}
