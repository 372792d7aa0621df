package provider

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A base is a base URL taken apart. It is not changed once made.
type base struct {
	raw    string // what it was made from
	scheme string // http or https
	host   string // lower case, without the scheme's own port
	path   string // escaped, without a slash at its end
}

const baseForm = "write it as https://host[:port][/path]"

// parseBase reads a base URL. Its errors quote no part of raw in which a key
// or a password could stand.
func parseBase(raw string) (*base, error) {
	switch {
	case raw == "":
		return nil, errors.New("is empty: " + baseForm)
	case strings.TrimSpace(raw) != raw:
		return nil, errors.New("has white space around it: " + baseForm)
	case strings.Contains(raw, "@"):
		return nil, errors.New("holds user info: give the key as the account's Secret (an @ in a path is written %40); " + baseForm)
	case strings.Contains(raw, "?"):
		return nil, errors.New("holds a query: give keys as the account's Secret; " + baseForm)
	case strings.Contains(raw, "#"):
		return nil, errors.New("holds a fragment: " + baseForm)
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, errors.New("has no scheme: " + baseForm)
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("has the scheme %s: use https, or http for a server of your own", quoteScheme(scheme))
	}
	authority, _, _ := strings.Cut(rest, "/")
	if err := checkAuthority(authority); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil { // url.Error quotes the URL: not passed on
		return nil, errors.New("is not a URL: " + baseForm)
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if hasDotSegment(u.Path) {
		return nil, errors.New("has a . or .. in its path: write the path without them")
	}
	return &base{raw: raw, scheme: scheme, host: canonicalHost(scheme, u.Host), path: path}, nil
}

// checkAuthority finds the mistakes that url.Parse lets pass in one Go version
// or another, and names them.
func checkAuthority(authority string) error {
	host, port := authority, ""
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return errors.New("has an IPv6 address without its ]: write it as https://[::1]:8443")
		}
		host, port = authority[:end+1], authority[end+1:]
		if port != "" && port[0] != ':' {
			return errors.New("has something other than a port after the IPv6 address: write it as https://[::1]:8443")
		}
		port = strings.TrimPrefix(port, ":")
	} else if h, p, ok := strings.Cut(authority, ":"); ok {
		host, port = h, p
	}
	if host == "" {
		return errors.New("has no host: " + baseForm)
	}
	if strings.ContainsAny(host, " \t\\%<>\"") {
		return errors.New("has a character in its host that no host name has: " + baseForm)
	}
	if strings.HasSuffix(authority, ":") {
		return errors.New("has a colon but no port after its host: " + baseForm)
	}
	if port == "" {
		return nil
	}
	if strings.Trim(port, "0123456789:") != "" {
		return errors.New("has a port that is not a number: " + baseForm)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("has the port %.20q, which is not one number from 1 to 65535: %s", port, baseForm)
	}
	return nil
}

// quoteScheme repeats a scheme only if it looks like one.
func quoteScheme(s string) string {
	if s == "" || len(s) > 10 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+") != "" {
		return "(unreadable)"
	}
	return strconv.Quote(s)
}

// canonicalHost returns host in lower case without the scheme's own port.
func canonicalHost(scheme, host string) string {
	host = strings.ToLower(host)
	host = strings.TrimSuffix(host, ":")
	switch {
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// below returns what of u's escaped path comes after the base.
func (b *base) below(u *url.URL) (string, bool) {
	if u == nil || u.Host == "" || u.Opaque != "" || !strings.EqualFold(u.Scheme, b.scheme) {
		return "", false
	}
	if canonicalHost(b.scheme, u.Host) != b.host || hasDotSegment(u.Path) {
		return "", false
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), b.path)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return rest, true
}

// hasDotSegment reports whether a server could leave the base by resolving
// path, which is in its unescaped form.
func hasDotSegment(path string) bool {
	if strings.IndexByte(path, '.') < 0 {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// matchBelow returns an API.Match for an official base.
func matchBelow(raw string) func(*url.URL) (string, bool) {
	return officialBase(raw).below
}

// officialBase is parseBase for a base that is known to be good.
func officialBase(raw string) *base {
	b, err := parseBase(raw)
	if err != nil {
		panic("provider: official base: " + err.Error())
	}
	return b
}
