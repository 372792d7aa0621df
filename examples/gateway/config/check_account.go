package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/examples/gateway/resource"
)

func (d *decoder) checkAccounts(f *File) {
	first := make(map[string]int)
	for i := range f.Accounts {
		a := &f.Accounts[i]
		at := fmt.Sprintf("accounts[%d]", i)
		before := d.wrong.count()
		d.name(at, a.Name, first, i)
		if a.Provider == "" {
			d.fail(at+".provider", "it is missing: write a name of the catalogue, as in openai, anthropic or gemini")
		} else {
			d.providerName(at+".provider", a.Provider)
		}
		d.baseURL(at+".base_url", a.BaseURL, f.AllowLinkLocal)
		d.credential(at, a)
		d.proxy(at+".proxy_url", a.Proxy, f.AllowLinkLocal)
		d.between(at+".weight", int64(a.Weight), 0, 1_000_000)
		d.between(at+".priority", int64(a.Priority), math.MinInt32, math.MaxInt32)
		d.groups(at+".groups", a.Groups)
		d.models(at, a.Models)
		for j, l := range a.Limits {
			d.limit(fmt.Sprintf("%s.limits[%d]", at, j), l)
		}
		d.rate(at+".price_rate", a.PriceRate)
		if a.Schedule != nil {
			d.schedule(at+".schedule", a.Schedule)
		}
		if a.Health != nil {
			d.health(at+".health", a.Health)
		}
		d.headers(at+".header", a.Header)
		if d.wrong.count() == before {
			d.unusable(at, a, f)
		}
		for _, w := range a.Warnings() {
			if field := at + "." + w.Field; len(f.warnings) < maxProblems {
				f.warnings = append(f.warnings, Problem{File: d.file, Line: d.lines[field], Field: field, Message: w.Message})
			}
		}
	}
}

// unusable tells of what passes for right above, and no gateway can use all the same.
func (d *decoder) unusable(at string, a *resource.Account, f *File) {
	err := a.Check()
	if err == nil {
		at += ".health"
		_, err = a.Health.Policy(time.Duration(f.UnavailableTTL))
	}
	var wrong *resource.FieldError
	if errors.As(err, &wrong) {
		d.fail(at+"."+wrong.Field, "%s", wrong.Message)
	}
}

// name checks what is looked for by its name, and only once.
func (d *decoder) name(at, name string, first map[string]int, i int) {
	at += ".name"
	earlier, twice := first[name]
	switch {
	case name == "":
		d.fail(at, "it is missing: write a name that no other has")
		return
	case len(name) > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.fail(at, "a name has at most 100 bytes and no line breaks: write a shorter one")
	case twice:
		list, _, _ := strings.Cut(at, "[")
		other := fmt.Sprintf("%s[%d].name", list, earlier)
		d.fail(at, "%s on line %d is the same: write a name that no other has", other, d.lines[other])
	}
	if !twice {
		first[name] = i
	}
}

func (d *decoder) baseURL(field, raw string, linkLocal bool) {
	if raw == "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		d.fail(field, "it is no address: write it as in https://api.example.com/v1")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		d.fail(field, "it has a user, a query or a fragment: write the address alone, and the credential as secret")
	case !linkLocal && isLinkLocal(u.Hostname()):
		d.fail(field, "%s", noLinkLocal)
	}
}

// isLinkLocal tells whether a host is at an address that machines ask about themselves.
func isLinkLocal(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "metadata" || host == "metadata.google.internal" || host == "instance-data" {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.WithZone("").Unmap()
	return a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() ||
		a == netip.MustParseAddr("fd00:ec2::254") || a == netip.MustParseAddr("100.100.100.200") || a == netip.MustParseAddr("192.0.0.192")
}

func (d *decoder) credential(at string, a *resource.Account) {
	hasKey := strings.TrimSpace(a.Secret.Reveal()) != ""
	switch {
	case hasKey && a.OAuth != nil:
		d.fail(at+".oauth", "there is a secret as well: write one of them")
	case !hasKey && a.OAuth == nil:
		d.fail(at+".secret", "it is missing or empty: write the API key, as in ${OPENAI_API_KEY} or file:/run/secrets/openai, or oauth; a server that wants none takes any text")
	}
	if strings.ContainsFunc(a.Secret.Reveal(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.fail(at+".secret", "a line break or the like stands in it: write the API key alone")
	}
	if a.OAuth == nil {
		return
	}
	o, at := a.OAuth, at+".oauth"
	if u, err := url.Parse(o.TokenURL); err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		d.fail(at+".token_url", "it is no address: write it as in https://auth.example.com/oauth/token")
	}
	if o.Encoding != "" {
		d.oneOf(at+".encoding", o.Encoding, "form", "json")
	}
	if o.RefreshToken.IsZero() {
		d.fail(at+".refresh_token", "it is missing, and nothing else renews a token: write it, or for a token that lasts write that as secret in place of oauth")
	}
	d.headers(at+".header", o.Header)
}

func (d *decoder) headers(field string, h map[string]string) {
	for _, name := range keysOf(h) {
		at := field
		if isWord(name) {
			at += "." + name
		}
		d.headerName(at, name)
		if strings.ContainsFunc(h[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			d.fail(at, "a line break or the like stands in it: write it on one line")
		}
	}
}

// groups checks names that stand in paths, as in /team-a/v1/messages.
func (d *decoder) groups(field string, names []string) {
	for i, name := range names {
		ok := name != "" && len(name) <= 64
		for _, c := range []byte(name) {
			ok = ok && (c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
		}
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !ok || strings.Trim(name, ".") == "":
			d.fail(at, "a group stands in paths: write letters, digits, -, _ and ., at most 64")
		case !dialect.IsGroup(name):
			d.fail(at, "paths of the gateway begin with it: write another name")
		case slices.Contains(names[:i], name):
			d.fail(at, "it stands here twice: keep one of them")
		}
	}
}

func (d *decoder) models(at string, models map[string]string) {
	field := at + ".models"
	if models != nil && len(models) == 0 {
		d.fail(field, "it names no model, so that the account would serve none: remove it for all models, or write enabled: false")
	}
	for _, asked := range keysOf(models) {
		stars, sent := strings.Count(asked, "*"), strings.Count(models[asked], "*")
		switch {
		case asked == "":
			d.fail(field, "a model has no name: write one, or \"*\" for all")
		case stars > 1 || sent > 1:
			d.fail(field, "a name has more than one *: write one, which stands for anything")
		case stars == 0 && sent > 0:
			d.fail(field, "a model is sent under a name with *, and asked for under one without: nothing can stand for it")
		}
	}
}

func (d *decoder) rate(field string, rate float64) {
	if rate < 0 || rate > 1000 || rate > 0 && rate < 1e-6 {
		d.fail(field, "write a factor of at most 1000 that is not negative, as in 0.8 for a fifth less")
	}
}

func (d *decoder) schedule(at string, s *resource.Schedule) {
	d.zone(at+".zone", s.Zone)
	if len(s.Spans) == 0 {
		d.fail(at+".spans", "there is none, which is never: write one, remove the schedule, or write enabled: false")
	}
	for i, span := range s.Spans {
		at := fmt.Sprintf("%s.spans[%d]", at, i)
		for j, day := range span.Days {
			if !isWeekday(day) {
				d.fail(fmt.Sprintf("%s.days[%d]", at, j), "it is no day: write it as in monday")
			}
		}
		if span.Days != nil && len(span.Days) == 0 {
			d.fail(at+".days", "it is on no day: remove days for every day")
		}
		from, ok := clock(span.From)
		if !ok || from == 24*time.Hour {
			d.fail(at+".from", "it is no time of the day: write it as in \"09:00\"")
		}
		to, ok := clock(span.To)
		if !ok {
			d.fail(at+".to", "it is no time of the day: write it as in \"18:00\", or \"24:00\" for midnight")
		}
		if ok && from == to {
			d.fail(at, "it begins and ends at the same time: for a whole day write from: \"00:00\" and to: \"24:00\"")
		}
	}
}

func (d *decoder) zone(field, name string) {
	if name == "Local" {
		d.fail(field, "each machine has a Local of its own: write a name, as in Europe/Berlin, or none for UTC")
		return
	}
	if _, err := time.LoadLocation(name); err != nil {
		d.fail(field, "this machine knows no such zone: write it as in Europe/Berlin, or none for UTC; on a small image install tzdata")
	}
}

// clock reads a time of the day.
func clock(text string) (since time.Duration, ok bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", text)
	return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), err == nil
}

func isWeekday(text string) bool {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()) {
			return true
		}
	}
	return false
}

func (d *decoder) health(at string, h *resource.Health) {
	for _, n := range []struct {
		name  string
		value int
		least int64
	}{{"failures", h.Failures, math.MinInt32}, {"disable_after", h.DisableAfter, 0}, {"auth_failures", h.AuthFailures, 0}} {
		d.between(at+"."+n.name, int64(n.value), n.least, math.MaxInt32)
	}
	for _, t := range []struct {
		name  string
		value resource.Duration
	}{{"rest", h.Rest}, {"max_rest", h.MaxRest}, {"rate_limit_rest", h.RateLimitRest}, {"max_rate_limit_rest", h.MaxRateLimitRest}} {
		d.duration(at+"."+t.name, t.value, time.Second, year, true)
	}
	if h.MaxRest > 0 && h.Rest > h.MaxRest {
		d.fail(at+".rest", "it is longer than max_rest: write a shorter one")
	}
}
