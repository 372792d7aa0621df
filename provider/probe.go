package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Probe is one small request that tells how an account is: how to ask, and
// what the answers mean. It is data: it can be read from JSON, changed and
// replaced, and a copy with fields of one's own is a new probe. Validate says
// what is wrong with one. Methods do not change it, so any number of goroutines
// may use it.
type Probe struct {
	Name   string `json:"name"`             // for reports
	Method string `json:"method,omitempty"` // GET, HEAD or POST; "": GET

	// Path is where to ask below the provider's base, escaped, with its query.
	// {model} in it, and in Body, stands for a model: see ForModel.
	Path string `json:"path,omitempty"`
	Root bool   `json:"root,omitempty"` // Path is below the base's host, not below the base

	// URL is where to ask in place of Path, for what lives on a host other than
	// the provider's; the credential then goes to that host, and to none that
	// is not written here or in BaseURL. https only, but for loopback.
	URL string `json:"url,omitempty"`

	Header map[string]string `json:"header,omitempty"` // no credentials
	Body   string            `json:"body,omitempty"`   // JSON, for POST
	Auth   ProbeAuth         `json:"auth,omitempty"`   // how the credential is shown; "": not at all
	Model  string            `json:"model,omitempty"`  // whom it asks about; set by ForModel

	Rules []ProbeRule `json:"rules,omitempty"` // what the answers mean; the first that matches counts

	Proves     []Proof `json:"proves,omitempty"`     // what a good answer proves
	Credential string  `json:"credential,omitempty"` // the kind it is for, in words

	// Undocumented says that the vendor does not describe it: it may change or
	// end any day, and may be against the terms of a plan. Such a probe is
	// never chosen by default.
	Undocumented bool   `json:"undocumented,omitempty"`
	Cost         string `json:"cost,omitempty"`   // what asking costs, in words
	Source       string `json:"source,omitempty"` // where what it knows comes from
}

// A ProbeAuth says how a probe shows the account's credential: one of the
// constants, or "cookie:" and the name of the cookie that holds it.
type ProbeAuth string

// The ways to show a credential.
const (
	AuthNone    ProbeAuth = ""        // not at all
	AuthAccount ProbeAuth = "account" // as the provider's Authorize does
	AuthBearer  ProbeAuth = "bearer"  // in Authorization, as RFC 6750 says

	authCookie = "cookie:"
)

// A Proof is what a good answer to a probe proves.
type Proof string

// The proofs.
const (
	ProvesReach      Proof = "reach"      // the place is reached, by the way that was taken
	ProvesCredential Proof = "credential" // the credential is accepted
	ProvesModel      Proof = "model"      // the credential may use the model
	ProvesMoney      Proof = "money"      // there is money, or room in the plan
)

// Bounds of what a probe may be.
const (
	maxProbeBody  = 64 << 10
	maxProbeRules = 32
	maxProbePath  = 4 << 10
)

const modelMark = "{model}"

// ForModel returns the probe with {model} replaced by model: escaped in Path,
// quoted for JSON in Body. Gemini's "models/" before the name is left out. One
// without {model} is returned as it is.
func (p Probe) ForModel(model string) Probe {
	if !strings.Contains(p.Path+p.URL+p.Body, modelMark) {
		return p
	}
	p.Model = strings.TrimPrefix(model, "models/")
	quoted, _ := json.Marshal(p.Model) // a string: cannot fail
	p.Path = strings.ReplaceAll(p.Path, modelMark, url.PathEscape(p.Model))
	p.URL = strings.ReplaceAll(p.URL, modelMark, url.PathEscape(p.Model))
	p.Body = strings.ReplaceAll(p.Body, modelMark, string(quoted[1:len(quoted)-1]))
	return p
}

// Validate says what must be mended before p can be used: it names the field
// and what to write instead, and quotes no part of it that could be a
// credential.
func (p *Probe) Validate() error {
	if p == nil || p.Name == "" {
		return errors.New("probe: Name is empty: give the probe a name of its own")
	}
	if err := p.validateRequest(); err != nil {
		return fmt.Errorf("probe %q: %w", head(p.Name, maxCode), err)
	}
	if len(p.Rules) > maxProbeRules {
		return fmt.Errorf("probe %q: Rules: more than %d", head(p.Name, maxCode), maxProbeRules)
	}
	for i := range p.Rules {
		if err := p.Rules[i].validate(); err != nil {
			return fmt.Errorf("probe %q: Rules[%d]: %w", head(p.Name, maxCode), i, err)
		}
	}
	return nil
}

// wrongField is an error that begins with the name of the field it is about.
func wrongField(what string) error { return errors.New(what) }

func (p *Probe) validateRequest() error {
	switch {
	case !slices.Contains([]string{"", http.MethodGet, http.MethodHead, http.MethodPost}, p.Method):
		return wrongField("Method is neither GET nor HEAD nor POST")
	case (p.Path == "") == (p.URL == ""):
		return errors.New("set Path or URL, and one of them only")
	case p.URL != "" && p.Root:
		return wrongField("Root goes with Path, not with URL")
	case len(p.Path)+len(p.URL) > maxProbePath || len(p.Body) > maxProbeBody:
		return wrongField(fmt.Sprintf("Path or URL is longer than %d bytes, or Body than %d", maxProbePath, maxProbeBody))
	case strings.Contains(p.Path+p.URL+p.Body, modelMark):
		return errors.New("it is about a model: name it with ForModel")
	case p.Body != "" && cmp.Or(p.Method, http.MethodGet) != http.MethodPost:
		return wrongField("Body goes with Method POST only")
	}
	for name, value := range p.Header {
		if credentialHeaders[strings.ReplaceAll(strings.ToLower(name), "_", "-")] {
			return wrongField(fmt.Sprintf("Header holds %.64q: the credential is the account's, and Auth says how it is shown", name))
		}
		if name == "" || strings.ContainsAny(name+value, "\r\n\x00") || strings.ContainsAny(name, " :") {
			return wrongField("Header holds a name or value that cannot be sent")
		}
	}
	if err := p.Auth.validate(); err != nil {
		return err
	}
	if p.URL != "" {
		_, err := p.parseURL()
		return err
	}
	return p.validatePath()
}

func (p *Probe) validatePath() error {
	path, query, _ := strings.Cut(p.Path, "?")
	plain, err := url.PathUnescape(path)
	switch {
	case err != nil || path == "" || path[0] != '/':
		return wrongField("Path does not start with / or is not escaped properly: write it as /models?limit=1")
	case hasDotSegment(plain):
		return wrongField("Path has a . or .. segment")
	case strings.ContainsAny(p.Path, "# \t\r\n"):
		return wrongField("Path has a fragment or white space")
	case stripQuery(query) != query:
		return wrongField("Path holds a credential in its query: Auth says how the credential is shown")
	}
	return nil
}

func (a ProbeAuth) validate() error {
	if name, ok := strings.CutPrefix(string(a), authCookie); ok {
		if name == "" || strings.ContainsAny(name, " \t\r\n=;,\"\\") {
			return wrongField("Auth names a cookie that cannot be: write it as cookie:name")
		}
		return nil
	}
	switch a {
	case AuthNone, AuthAccount, AuthBearer:
		return nil
	}
	return wrongField(`Auth is not known: write "account", "bearer", "cookie:name" or nothing`)
}

// parseURL reads URL. Its errors quote nothing of it.
func (p *Probe) parseURL() (*url.URL, error) {
	const form = "write it as https://host[:port]/path"
	u, err := url.Parse(p.URL)
	switch {
	case err != nil:
		return nil, wrongField("URL is not a URL: " + form)
	case u.User != nil || u.Fragment != "" || u.Opaque != "" || u.Hostname() == "":
		return nil, wrongField("URL has user info or a fragment, or no host: " + form)
	case stripQuery(u.RawQuery) != u.RawQuery:
		return nil, wrongField("URL holds a credential in its query: Auth says how the credential is shown")
	case hasDotSegment(u.Path):
		return nil, wrongField("URL has a . or .. segment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, wrongField("URL is not https: " + form)
	}
	return u, nil
}

// Request makes the probe's request to pr, without a credential: see Authorize.
// What pr's Rewrite does is done to a request below the base. The answer must
// be judged as it came: a client that follows redirects would carry the
// credential elsewhere.
func (p *Probe) Request(ctx context.Context, pr *Provider) (*http.Request, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	body := io.Reader(http.NoBody)
	if p.Body != "" {
		body = strings.NewReader(p.Body)
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(p.Method, http.MethodGet), "/", body)
	if err != nil { // a method and a path that are known to be good
		return nil, fmt.Errorf("probe %q: %w", p.Name, err)
	}
	if p.Body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range p.Header {
		r.Header.Set(name, value)
	}
	if err := p.address(r, pr); err != nil {
		return nil, fmt.Errorf("probe %q: %w", p.Name, err)
	}
	return r, nil
}

// address makes the URL that r leaves with.
func (p *Probe) address(r *http.Request, pr *Provider) error {
	if p.URL != "" {
		u, err := p.parseURL()
		if err != nil {
			return err
		}
		r.URL, r.Host = u, u.Host
		return nil
	}
	b, err := pr.base()
	if err != nil {
		return fmt.Errorf("provider %q: BaseURL %w", pr.Name, err)
	}
	path, query, _ := strings.Cut(p.Path, "?")
	r.URL.RawQuery = query
	if p.Root {
		root := Provider{Name: pr.Name, BaseURL: b.scheme + "://" + b.host}
		return root.Address(r, path)
	}
	if err := pr.Address(r, path); err != nil || pr.Rewrite == nil {
		return err
	}
	return pr.Rewrite(r, pr.API.Describe(r, []byte(p.Body)))
}

// Authorize shows token in a request that Request made, as Auth says. It
// refuses a token that cannot stand where it belongs, without quoting it.
func (p *Probe) Authorize(pr *Provider, r *http.Request, token string) error {
	if name, ok := strings.CutPrefix(string(p.Auth), authCookie); ok {
		if strings.ContainsAny(token, ";,\"\\") {
			return errors.New("provider: the token holds a character that cannot stand in a cookie: was more than the cookie's value copied?")
		}
		return setCredential(r, "Cookie", name+"=", token)
	}
	switch {
	case p.Auth == AuthNone:
		return nil
	case p.Auth == AuthBearer:
		return bearer(r, token)
	case p.Auth != AuthAccount:
		return p.Auth.validate()
	case pr.Authorize != nil:
		return pr.Authorize(r, token)
	case pr.API != nil && pr.API.Authorize != nil:
		return pr.API.Authorize(r, token)
	}
	return fmt.Errorf("provider %q: neither Authorize nor API.Authorize is set", pr.Name)
}
