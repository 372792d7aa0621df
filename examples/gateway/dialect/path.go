package dialect

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	maxPath     = 2048
	maxSegments = 16
	maxGroup    = 64
)

// segments takes an escaped path apart and decodes the parts. Empty ones are dropped. It
// is false for a path that two servers could read in two ways.
func segments(u *url.URL, into []string) ([]string, bool) {
	raw := u.EscapedPath()
	if len(raw) > maxPath || raw != "" && raw[0] != '/' {
		return nil, false
	}
	for part := range strings.SplitSeq(raw, "/") {
		if part == "" {
			continue
		}
		text, err := url.PathUnescape(part)
		if err != nil || !plain(text) || len(into) == maxSegments {
			return nil, false
		}
		into = append(into, text)
	}
	return into, true
}

// plain tells whether a decoded segment holds nothing that could be read as more, or
// other, than one segment.
func plain(segment string) bool {
	if segment == "." || segment == ".." || !utf8.ValidString(segment) {
		return false
	}
	for i := range len(segment) {
		switch c := segment[i]; {
		case c < ' ', c == 0x7f, c == '\\', c == '%', c == '?', c == '#':
			return false
		}
	}
	// A server that strips what follows a semicolon would see a dot segment.
	head, _, _ := strings.Cut(segment, ";")
	return head != "." && head != ".."
}

// escaped is the segments as a path.
func escaped(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(url.PathEscape(part), "%3A", ":"))
	}
	return b.String()
}

// isGroup tells whether a segment can be the name of a group.
func isGroup(segment string) bool {
	if segment == "" || len(segment) > maxGroup || reserved[segment] || isVersion(segment) {
		return false
	}
	for i := range len(segment) {
		switch c := segment[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// isVersion tells whether a segment is v and a digit, and so meant as a version.
func isVersion(segment string) bool {
	return len(segment) > 1 && segment[0] == 'v' && '0' <= segment[1] && segment[1] <= '9'
}

// reserved are the first segments of paths, which no group can have for a name.
var reserved = map[string]bool{
	"upload": true, "openai": true, "anthropic": true, "gemini": true,
	"responses": true, "chat": true, "embeddings": true, "models": true,
	"api": true, "admin": true, "healthz": true, "readyz": true, "metrics": true,
}

// IsGroup tells whether a group's name can stand in a path.
func IsGroup(name string) bool { return isGroup(name) }
