package balancer

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// Account is one way to be served: a credential at a provider, and how to get
// there. Name, Provider and Secret (or Credential) are required. However it is
// printed, logged or marshalled, no secret shows.
type Account struct {
	Name       string              // unique among the accounts; its key in health, hooks and logs, and "account/" + Name in quota
	Provider   *provider.Provider  // whose API, and where: provider.OpenAI, or provider.OpenAI.At(…)
	Secret     string              // the API key; or
	Credential provider.Credential // what yields it; not both. What has to be closed is its maker's to close

	Proxy            string // "": as Config.Transport says; "direct"; "env": as the environment says; or a proxy's URL
	FallbackToDirect bool   // go direct when the proxy cannot be got past; true here or in Config.Transport suffices

	Weight   int      // share of the load among equals; 0: 1
	Priority int      // accounts with a lower number are used first, the others when those cannot be
	Groups   []string // names by which a Hint can ask for the account
	Disabled bool     // not used

	// Models says which models the account serves and what they are called there:
	// asked for → sent. nil: all, as asked; empty is refused. A name is looked up exactly, then by the
	// longest pattern that matches; a pattern is a name with one * in it, and the
	// longest is the one with the longest text before its *. An empty value sends
	// the model as asked; a * in the value stands for what the pattern's * matched.
	Models map[string]string

	// Schedule says when the account may be used. The zero Schedule is always.
	Schedule Schedule

	// Operations narrows what the account serves of what its provider does. nil: all
	// of the provider's. Requests that are not recognised are passed on all the same.
	Operations []provider.OperationKind

	// Limits are what may be used of the account; nil: no limit of ours. Tokens are
	// charged as the provider reports them: an answer that is left before it says
	// so counts as a request alone. So is the cost; an account with a limit of
	// quota.Cost is passed over for models whose price Config.Prices does not know,
	// and for requests that may cost something and name no model.
	Limits []quota.Limit

	// PriceFactor is what the account pays, as a multiple of Config.Prices: 0.8 for
	// a discount of a fifth. 0: 1; what costs nothing has a row of its own there,
	// with Free rates. At most 1000, and counted in millionths.
	PriceFactor float64

	Header http.Header    // set on each request, in place of what the caller set under those names
	Health *health.Policy // nil: Config.Policy

	// Transport changes the account's copy of Config.Transport, after the fields
	// above have been put into it: TLS, time-outs, HTTP/2, what to fall back on.
	Transport func(*transport.Config)
}

// String names the account, its provider and its proxy.
func (a Account) String() string {
	s := fmt.Sprintf("account %q", a.Name)
	if a.Provider != nil {
		s += " at " + a.Provider.Name
	}
	if p := a.proxyText(); p != "" {
		s += " through " + p
	}
	return s
}

// Format prints String for every verb: the fields hold secrets.
func (a Account) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, a.String()) }

// LogValue is String, for log/slog.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText is String, for JSON and its like.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// proxyText is the Proxy field without its password.
func (a Account) proxyText() string {
	switch a.Proxy {
	case "", proxyDirect, proxyEnvironment:
		return a.Proxy
	}
	p, err := transport.ParseProxy(a.Proxy)
	if err != nil {
		return "an invalid proxy"
	}
	return p.String()
}

// What Account.Proxy can say beside a URL.
const (
	proxyDirect      = "direct"
	proxyEnvironment = "env"
)

// accountError says which field of which account is wrong.
func accountError(a *Account, index int, field, format string, args ...any) error {
	who := fmt.Sprintf("account %q", a.Name)
	if a.Name == "" {
		who = fmt.Sprintf("Accounts[%d]", index)
	}
	return fmt.Errorf("balancer: %s: %s: %w", who, field, fmt.Errorf(format, args...))
}

// maxWeight keeps sums of weights in bounds.
const maxWeight = 1_000_000

// check refuses what cannot work, before anything is sent.
func (a *Account) check(index int) error {
	switch {
	case a.Name == "":
		return accountError(a, index, "Name", "it is empty: give each account a name of its own")
	case a.Provider == nil:
		return accountError(a, index, "Provider", "it is nil: write provider.OpenAI, provider.Anthropic, provider.Gemini, or one of them with At(name, base); provider.Lookup returns nil for a name that is not in provider.Names()")
	case strings.TrimSpace(a.Secret) == "" && a.Credential == nil:
		return accountError(a, index, "Secret", "it is empty and there is no Credential: write the API key into one of them (is the environment variable set?)")
	case a.Secret != "" && a.Credential != nil:
		return accountError(a, index, "Secret", "there is a Credential as well: set one of them")
	case a.Weight < 0 || a.Weight > maxWeight:
		return accountError(a, index, "Weight", "it is not from 0 to %d: write 1 or more, or 0 for 1", maxWeight)
	}
	if err := a.checkCredential(index); err != nil {
		return err
	}
	if err := a.Provider.Validate(); err != nil {
		return accountError(a, index, "Provider", "%w", err)
	}
	if a.Proxy != "" && a.Proxy != proxyDirect && a.Proxy != proxyEnvironment {
		if _, err := transport.ParseProxy(a.Proxy); err != nil {
			return accountError(a, index, "Proxy", `%w; or write "direct" or "env"`, err)
		}
	}
	if err := a.checkOperations(index); err != nil {
		return err
	}
	if a.Health != nil {
		if err := a.Health.Validate(); err != nil {
			return accountError(a, index, "Health", "%w", err)
		}
	}
	if err := a.Schedule.check(); err != nil {
		return accountError(a, index, "Schedule", "%w", err)
	}
	for _, l := range a.Limits {
		if err := l.Validate(); err != nil {
			return accountError(a, index, "Limits", "%w", err)
		}
	}
	return nil
}

// checkCredential refuses a credential of which it is plain that it never works.
func (a *Account) checkCredential(index int) error {
	field, credential := "Credential", a.Credential
	if credential == nil {
		field, credential = "Secret", provider.Key(a.Secret)
	}
	if v := reflect.ValueOf(credential); v.Kind() == reflect.Pointer && v.IsNil() {
		return accountError(a, index, field, "it is a nil %T: was the error of what makes it looked at?", credential)
	}
	if v, ok := credential.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return accountError(a, index, field, "%w", err)
		}
	}
	return nil
}
