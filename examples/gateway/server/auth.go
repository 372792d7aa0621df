package server

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// authenticate finds out who calls, and whether they may.
func (x *exchange) authenticate() *dialect.Problem {
	h, problem := x.s.who(x.r, x.route.API)
	if problem != nil {
		return problem
	}
	x.key = h
	return h.usable(time.Now())
}

// who is whose credential the request bears.
func (s *Server) who(r *http.Request, api dialect.API) (*holder, *dialect.Problem) {
	if s.cfg.Authenticate != nil {
		return s.told(r)
	}
	var few [4]string
	secrets := credentials(r, api, few[:0])
	if len(secrets) == 0 {
		return nil, &dialect.Problem{Code: dialect.CodeInvalidToken, Message: "The API key is missing: send it as Authorization: Bearer, x-api-key or x-goog-api-key."}
	}
	for _, secret := range secrets { // some clients send two, of which one is ours
		switch h, err := s.keys.find(r.Context(), secret); {
		case err != nil:
			return nil, &dialect.Problem{Code: dialect.CodeInternal, Message: "The API key could not be looked up.", Err: err}
		case h != nil:
			return h, nil
		}
	}
	return nil, &dialect.Problem{Code: dialect.CodeInvalidToken, Message: "The API key is not known."}
}

// told asks the embedding program.
func (s *Server) told(r *http.Request) (*holder, *dialect.Problem) {
	key, err := s.cfg.Authenticate(r)
	var problem *dialect.Problem
	switch {
	case err == nil:
		return newHolder(key), nil
	case errors.As(err, &problem) && problem != nil:
		return nil, problem
	case errors.Is(err, ErrUnauthorized):
		return nil, &dialect.Problem{Code: dialect.CodeInvalidToken, Err: err}
	}
	return nil, &dialect.Problem{Code: dialect.CodeInternal, Err: err}
}

// credentials are those that a request bears, in the order in which its API looks for
// them. A header that comes twice counts for nothing: another server might read the
// other one.
func credentials(r *http.Request, api dialect.API, into []string) []string {
	add := func(secret string) {
		if secret = strings.TrimSpace(secret); secret != "" && !slices.Contains(into, secret) {
			into = append(into, secret)
		}
	}
	one := func(name string) string {
		if values := r.Header[name]; len(values) == 1 {
			return values[0]
		}
		return ""
	}
	if api == dialect.Gemini {
		add(one("X-Goog-Api-Key"))
		if strings.Contains(r.URL.RawQuery, "key=") {
			if values := r.URL.Query()["key"]; len(values) == 1 {
				add(values[0])
			}
		}
	}
	if api == dialect.Anthropic {
		add(one("X-Api-Key"))
	}
	if scheme, token, ok := strings.Cut(one("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		add(token)
	}
	add(one("X-Api-Key"))
	add(one("X-Goog-Api-Key"))
	return into
}

// withoutKey is a query without the parameter key, in which Gemini's clients may send
// their credential.
func withoutKey(raw string) string {
	if !strings.Contains(raw, "key") && !strings.Contains(raw, "%") {
		return raw
	}
	parts := slices.DeleteFunc(strings.Split(raw, "&"), func(part string) bool {
		name, _, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		return err != nil || strings.EqualFold(name, "key")
	})
	return strings.Join(parts, "&")
}

// ClientIP is the address of a request's client: that of the connection, or what proxies that
// are trusted say, the last of those who are not.
func (s *Server) ClientIP(r *http.Request) string {
	peer, ok := addressOf(r.RemoteAddr)
	if !ok || !s.trusts(peer) {
		return textOf(peer)
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		parts := strings.Split(lines[i], ",")
		for j := len(parts) - 1; j >= 0; j-- {
			ip, ok := addressOf(strings.TrimSpace(parts[j]))
			if !ok {
				return textOf(peer)
			}
			if peer = ip; !s.trusts(ip) {
				return textOf(ip)
			}
		}
	}
	return textOf(peer)
}

func (s *Server) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func addressOf(text string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}

func textOf(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}
