package server

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// holder is a key made ready for requests. It does not change.
type holder struct {
	resource.Key
	charges   []quota.Charge // nil: the key has no limits
	estimates bool           // a limit is of tokens or money
	tenant    string
	broken    error // its limits make no sense: it serves nobody
}

func newHolder(k resource.Key) *holder {
	h := &holder{Key: k, tenant: k.UserID}
	if h.tenant == "" {
		h.tenant = k.ID
	}
	limits, err := k.Limits()
	if h.broken = err; len(limits) > 0 && k.ID == "" {
		h.broken = errors.New("it has limits and no ID by which to count: give it one")
	}
	if len(limits) > 0 {
		h.charges = []quota.Charge{{Key: quotaKey(k.ID), Limits: limits}}
	}
	for _, l := range limits {
		h.estimates = h.estimates || l.Unit != quota.Requests && l.Unit != quota.InFlight
	}
	return h
}

// quotaKey is under which name the quota store counts what a key uses.
func quotaKey(id string) string { return "key/" + id }

// usable is why the key cannot be used now; nil: it can.
func (h *holder) usable(now time.Time) *dialect.Problem {
	switch {
	case h.Enabled != nil && !*h.Enabled:
		return &dialect.Problem{Code: dialect.CodeInvalidToken, Message: "The API key is disabled."}
	case !h.Expires.IsZero() && !now.Before(h.Expires):
		return &dialect.Problem{Code: dialect.CodeTokenExpired, Message: "The API key has expired, on " + h.Expires.UTC().Format(time.RFC3339) + "."}
	case h.broken != nil:
		return &dialect.Problem{Code: dialect.CodeInternal, Message: "The limits of the API key are not set up rightly.", Err: h.broken}
	}
	return nil
}

// group is that of the accounts to use: the path's, else the key's first; "": any.
func (h *holder) group(asked string, known map[string]bool) (string, *dialect.Problem) {
	switch {
	case asked == "" && len(h.Groups) == 0:
		return "", nil
	case asked == "":
		return h.Groups[0], nil
	case len(h.Groups) > 0 && !slices.Contains(h.Groups, asked):
		return "", &dialect.Problem{Code: dialect.CodeGroupNotAllowed}
	case len(h.Groups) == 0 && !known[asked]: // one that is the key's may come
		return "", &dialect.Problem{Code: dialect.CodeNotFound, Message: "There is no group " + shown(asked) + ": the path begins with the name of a group of accounts; leave that out for any account."}
	}
	return asked, nil
}

// mayUse tells whether the key may ask for a model.
func (h *holder) mayUse(model string) bool {
	return len(h.Models) == 0 || slices.ContainsFunc(h.Models, func(pattern string) bool { return matches(pattern, model) })
}

// matches tells whether a name fits a pattern with at most one *.
func matches(pattern, name string) bool {
	before, after, open := strings.Cut(pattern, "*")
	if !open {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// allows is why the key may not do something; nil: it may. What names no model is refused
// to a key for certain models where it could use any: by a provider's default, or in a
// file of requests.
func (h *holder) allows(op provider.Operation, method string) *dialect.Problem {
	if len(h.Models) == 0 {
		return nil
	}
	if op.Model != "" {
		if h.mayUse(op.Model) {
			return nil
		}
		return &dialect.Problem{Code: dialect.CodeModelNotAllowed, Message: "This API key may not use the model " + shown(op.Model) + "."}
	}
	switch op.Kind {
	case provider.OpModels, provider.OpFiles:
		return nil
	case provider.OpStored, provider.OpBatches, provider.OpFineTuning, provider.OpVideos, provider.OpUnknown:
		if method != "POST" && method != "PATCH" {
			return nil
		}
	}
	return &dialect.Problem{Code: dialect.CodeModelNotAllowed, Message: "This API key is for certain models, and the request does not name one."}
}

// shown is a client's text in a message.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
