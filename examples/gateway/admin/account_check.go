package admin

import (
	"errors"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// What an account can have.
const (
	maxName    = 100
	maxURL     = 512
	maxEntries = 1000 // of a list
	maxWeight  = 1_000_000
	maxRate    = 1000
	maxRest    = 365 * 24 * time.Hour
)

// valid says what is wrong with an account, as the configuration would.
func (a *api) valid(acc *resource.Account) error {
	for _, check := range []func(*resource.Account) error{checkIdentity, checkCredential, checkWay, checkShares, checkModels, checkTimes} {
		if err := check(acc); err != nil {
			return err
		}
	}
	if err := acc.Check(); err != nil {
		return err
	}
	if a.Validate == nil {
		return nil
	}
	err := a.Validate(*acc)
	if err == nil || errors.As(err, new(*FieldError)) {
		return err
	}
	return invalid("", "The account cannot be used: %s", err.Error())
}

// within is what is wrong with a field that is part of another.
func within(field string, err error) *problem {
	var inner *FieldError
	if errors.As(err, &inner) {
		return invalid(join(field, inner.Field), "%s", sentence(inner.Message))
	}
	return invalid(field, "%s", sentence(err.Error()))
}

// sentence is a message of the configuration in the form of this API's.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	return strings.TrimSuffix(s, ".") + "."
}

func checkName(name string) error {
	switch {
	case name == "":
		return invalid("name", "It is missing: write a name that no other has.")
	case len(name) > maxName || strings.TrimSpace(name) != name || !visible(name):
		return invalid("name", "Write a name of at most %d bytes, without line breaks and without spaces at its ends.", maxName)
	}
	return nil
}

// visible tells whether a text is on one line.
func visible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func checkIdentity(a *resource.Account) error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	if a.Provider == "" {
		return invalid("provider", "It is missing: write a name of the catalogue, as in openai, anthropic or gemini.")
	}
	if _, ok := provider.Lookup(a.Provider); !ok {
		return invalid("provider", "There is no such provider in the catalogue: write openai, anthropic, gemini or another one, and base_url for a server of your own.")
	}
	return checkURL("base_url", a.BaseURL)
}

// checkURL looks at an address; "" is none.
func checkURL(field, raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(raw) > maxURL:
		return invalid(field, "It is no address: write it as in https://api.example.com/v1, with at most %d characters.", maxURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return invalid(field, "It has a user, a query or a fragment: write the address alone, and the credential as secret.")
	}
	return nil
}

func checkCredential(a *resource.Account) error {
	key := a.Secret.Reveal()
	switch {
	case key != "" && a.OAuth != nil:
		return invalid("oauth", "There is a secret as well: write one of them, and null for the other.")
	case key == "" && a.OAuth == nil:
		return invalid("secret", "It is missing: write the API key, or oauth; a server that wants none takes any text.")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return invalid("secret", "A space, a line break or a character outside ASCII stands in it: write the API key alone.")
	}
	if err := checkHeader("header", a.Header); err != nil || a.OAuth == nil {
		return err
	}
	o := a.OAuth
	if o.TokenURL == "" {
		return invalid("oauth.token_url", "It is missing: write it as in https://auth.example.com/oauth/token.")
	}
	if err := checkURL("oauth.token_url", o.TokenURL); err != nil {
		return err
	}
	switch {
	case o.Encoding != "" && o.Encoding != "form" && o.Encoding != "json":
		return invalid("oauth.encoding", "Write form or json.")
	case o.RefreshToken.IsZero():
		return invalid("oauth.refresh_token", "It is missing, and nothing else renews a token: write it.")
	}
	return checkHeader("oauth.header", o.Header)
}

func checkHeader(field string, h map[string]string) error {
	if len(h) > maxEntries {
		return invalid(field, "It has more than %d entries.", maxEntries)
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		token := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
		})
		if !token {
			return invalid(join(field, short(name)), "It is no name of a header.")
		}
		if !visible(h[name]) {
			return invalid(join(field, name), "A line break or the like stands in it: write it on one line.")
		}
	}
	return nil
}

func checkWay(a *resource.Account) error {
	if a.Proxy == "" || a.Proxy == "direct" || a.Proxy == "env" {
		return nil
	}
	if len(a.Proxy) > maxURL {
		return invalid("proxy_url", "It is longer than %d characters.", maxURL)
	}
	if _, err := transport.ParseProxy(a.Proxy); err != nil { // its text shows no password
		return invalid("proxy_url", "%v; or write direct or env.", err)
	}
	return nil
}

func checkShares(a *resource.Account) error {
	switch {
	case a.Weight < 0 || a.Weight > maxWeight:
		return invalid("weight", "Write a whole number from 0 to %d.", maxWeight)
	case a.Priority < math.MinInt32 || a.Priority > math.MaxInt32:
		return invalid("priority", "Write a whole number from %d to %d.", math.MinInt32, math.MaxInt32)
	case len(a.Limits) > maxEntries:
		return invalid("limits", "There are more than %d.", maxEntries)
	}
	if err := checkRate(a.PriceRate); err != nil {
		return err
	}
	for i, l := range a.Limits {
		if _, err := l.Quota(); err != nil {
			return invalid(index("limits", i), "%v", err)
		}
	}
	return checkGroups(a.Groups)
}

func checkRate(rate float64) error {
	if rate < 0 || rate > maxRate || rate > 0 && rate < 1e-6 {
		return invalid("price_rate", "Write a factor of at most %d that is not negative, as in 0.8 for a fifth less.", maxRate)
	}
	return nil
}

func checkGroups(groups []string) error {
	if len(groups) > maxEntries {
		return invalid("groups", "There are more than %d.", maxEntries)
	}
	for i, name := range groups {
		ok := name != "" && len(name) <= 64 && strings.Trim(name, ".") != ""
		for _, c := range []byte(name) {
			ok = ok && (c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
		}
		switch {
		case !ok:
			return invalid(index("groups", i), "A group stands in paths: write letters, digits, -, _ and ., at most 64.")
		case !dialect.IsGroup(name):
			return invalid(index("groups", i), "Paths of the gateway begin with it: write another name.")
		case slices.Contains(groups[:i], name):
			return invalid(index("groups", i), "It stands here twice.")
		}
	}
	return nil
}

func checkModels(a *resource.Account) error {
	if a.Models != nil && len(a.Models) == 0 {
		return invalid("models", "It names no model, so that the account would serve none: write null for all.")
	}
	if len(a.Models) > maxEntries {
		return invalid("models", "There are more than %d.", maxEntries)
	}
	for _, asked := range slices.Sorted(maps.Keys(a.Models)) {
		sent := a.Models[asked]
		switch stars := strings.Count(asked, "*"); {
		case asked == "" || !visible(asked) || !visible(sent) || len(asked) > 256 || len(sent) > 256:
			return invalid("models", "A model has no name, or one that is none: write one, or * for all.")
		case stars > 1 || strings.Count(sent, "*") > 1:
			return invalid(join("models", asked), "It has more than one *: write one, which stands for anything.")
		case stars == 0 && strings.Contains(sent, "*"):
			return invalid(join("models", asked), "It is sent under a name with *, and nothing can stand for that.")
		}
	}
	return nil
}

func checkTimes(a *resource.Account) error {
	if a.Schedule != nil {
		if _, err := a.Schedule.Balancer(); err != nil {
			return invalid("schedule", "%v", err)
		}
	}
	return checkHealth(a.Health)
}

// checkHealth is stricter than the balancer, for which what is negative is never.
func checkHealth(h *resource.Health) error {
	if h == nil {
		return nil
	}
	switch {
	case h.DisableAfter < 0:
		return invalid("health.disable_after", "Write a whole number from 0, which is never.")
	case h.AuthFailures < 0:
		return invalid("health.auth_failures", "Write a whole number from 0, which is the default.")
	}
	for _, f := range []struct {
		name string
		d    resource.Duration
	}{{"rest", h.Rest}, {"max_rest", h.MaxRest}, {"rate_limit_rest", h.RateLimitRest}, {"max_rate_limit_rest", h.MaxRateLimitRest}} {
		if d := time.Duration(f.d); d != 0 && d < time.Second || d > maxRest {
			return invalid("health."+f.name, "Write a duration from 1s to %d hours, or 0s for the default.", int(maxRest.Hours()))
		}
	}
	if _, err := h.Policy(0); err != nil {
		return within("health", err)
	}
	return nil
}
