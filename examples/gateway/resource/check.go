package resource

import (
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/provider"
)

// FieldError is what is wrong with one field of an account or a key, in the words of the
// configuration and of the admin API.
type FieldError struct {
	Field   string // as in limits[0].max
	Message string // what is wrong, and what to write instead; holds no secret
	Err     error  // what it came from; nil: nothing
}

// Error is the field and the message.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// Unwrap is Err.
func (e *FieldError) Unwrap() error { return e.Err }

const (
	maxWeight = 1_000_000
	maxRate   = 1000
	minRate   = 1e-6
)

// Check says what of an account no gateway can use, whatever its provider and its
// settings; the error is a *FieldError. It looks at what the library would refuse in words
// of its own; that the provider is known, the proxy and the limits are for others.
func (a *Account) Check() error {
	for _, check := range []func(*Account) *FieldError{checkShares, checkSecret, checkLogin, checkBase, checkModels} {
		if wrong := check(a); wrong != nil {
			return wrong
		}
	}
	return nil
}

func checkShares(a *Account) *FieldError {
	switch {
	case a.Name == "":
		return &FieldError{Field: "name", Message: "it is missing: write a name that no other has"}
	case a.Weight < 0 || a.Weight > maxWeight:
		return &FieldError{Field: "weight", Message: "write a whole number from 0 to 1000000"}
	case math.IsNaN(a.PriceRate) || a.PriceRate < 0 || a.PriceRate > maxRate || a.PriceRate > 0 && a.PriceRate < minRate:
		return &FieldError{Field: "price_rate", Message: "write a factor of at most 1000 that is not negative, as in 0.8 for a fifth less"}
	}
	return nil
}

func checkSecret(a *Account) *FieldError {
	switch key := a.Secret.Reveal(); {
	case key != "" && a.OAuth != nil:
		return &FieldError{Field: "oauth", Message: "there is a secret as well: write one of them"}
	case !isToken(strings.TrimSpace(key)):
		return &FieldError{Field: "secret", Message: "a space, a line break or a character outside ASCII stands in it: write the API key alone"}
	}
	return nil
}

// isToken tells whether a text can be sent as a credential.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func checkLogin(a *Account) *FieldError {
	o := a.OAuth
	switch {
	case o == nil:
		return nil
	case !isTokenURL(o.TokenURL):
		return &FieldError{Field: "oauth.token_url", Message: "it is no address for secrets: write it as in https://auth.example.com/oauth/token, without user and fragment; http is for this machine alone"}
	case o.Encoding != "" && o.Encoding != "form" && o.Encoding != "json":
		return &FieldError{Field: "oauth.encoding", Message: "write form or json"}
	case strings.TrimSpace(o.RefreshToken.Reveal()) == "":
		return &FieldError{Field: "oauth.refresh_token", Message: "it is missing, and nothing else renews a token: write it, or for a token that lasts write that as secret in place of oauth"}
	case !isToken(strings.TrimSpace(o.AccessToken.Reveal())):
		return &FieldError{Field: "oauth.access_token", Message: "a space, a line break or a character outside ASCII stands in it: leave it out, and one is fetched"}
	}
	return nil
}

// isTokenURL tells whether secrets can be sent to an address.
func isTokenURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return false
	}
	ip, _ := netip.ParseAddr(u.Hostname()) // a name is no loopback address
	return u.Scheme == "https" || u.Scheme == "http" && (strings.EqualFold(u.Hostname(), "localhost") || ip.Unmap().IsLoopback())
}

func checkBase(a *Account) *FieldError {
	if a.BaseURL == "" || provider.OpenAI.At("own", a.BaseURL).Validate() == nil {
		return nil
	}
	return &FieldError{Field: "base_url", Message: "it is no address of an API: write it as https://host[:port][/path], without a user, a query, a fragment, spaces, or . and .. in its path"}
}

func checkModels(a *Account) *FieldError {
	if a.Models != nil && len(a.Models) == 0 {
		return &FieldError{Field: "models", Message: "it names no model, so that the account would serve none: leave it out for all"}
	}
	for _, asked := range slices.Sorted(maps.Keys(a.Models)) {
		sent := a.Models[asked]
		switch stars := strings.Count(asked, "*"); {
		case asked == "":
			return &FieldError{Field: "models", Message: "a model has no name: write one, or * for all"}
		case stars > 1 || strings.Count(sent, "*") > 1:
			return &FieldError{Field: "models", Message: "a name has more than one *: write one, which stands for anything"}
		case stars == 0 && strings.Contains(sent, "*"):
			return &FieldError{Field: "models", Message: "a model is sent under a name with *, and asked for under one without: nothing can stand for it"}
		}
	}
	return nil
}
