package provider

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secretPrefixes start keys and tokens: OpenAI's and Anthropic's, Google's,
// xAI's, Groq's, OAuth's, JWTs, AWS's, Moonshot's, NVIDIA's.
var secretPrefixes = []string{"sk-", "sk_", "AIza", "xai-", "gsk_", "ya29.", "sess-", "eyJ", "AKIA", "ASIA", "ak-", "nvapi-"}

// idPrefixes start the ids of organisations and projects, which OpenAI quotes
// in its rate limit messages.
var idPrefixes = []string{"org-", "org_", "proj_"}

// maxText bounds what is looked at of a provider's message.
const maxText = 4 << 10

// redact returns at most limit characters of s on one line, with *** for what
// looks like a key, and … at the end if that is not all of it. Providers quote parts of keys in their errors: OpenAI the
// first and last characters, DeepSeek the last four (seen).
func redact(s string, limit int) string {
	l := line{limit: limit, cut: len(s) > maxText}
	s = head(s, maxText)
	l.out = make([]byte, 0, min(len(s), limit)+len(hidden))
	bearer := false // the last word was Bearer
	i := 0
	for i < len(s) && l.n < limit {
		j, seen := i, byte(0)
		for ; j < len(s); j++ {
			c := tokenByte[s[j]]
			if c == 0 && !(bearer && (s[j] == '/' || s[j] == '=')) {
				break
			}
			seen |= c
		}
		if j == i { // what stands between tokens
			if s[i] == ' ' {
				l.space = len(l.out) > 0
				i++
				continue
			}
			bearer = false
			if s[i] > ' ' && s[i] < 0x7f {
				l.word(s[i : i+1])
				i++
				continue
			}
			r, size := utf8.DecodeRuneInString(s[i:])
			l.char(r)
			i += size
			continue
		}
		token := s[i:j]
		if seen&dotByte != 0 {
			token = strings.TrimRight(token, ".")
		}
		if isSecret(token, seen) || bearer && len(token) >= 12 {
			l.word(hidden)
			i += len(token)
		}
		l.word(s[i:j])
		bearer = len(token) == len("bearer") && strings.EqualFold(token, "bearer")
		i = j
	}
	l.cut = l.cut || strings.TrimSpace(s[i:]) != ""
	return l.text()
}

// A line is one line of printable text, with single spaces, of a limited
// number of characters.
type line struct {
	out      []byte
	n, limit int  // characters
	space    bool // goes before what comes next
	cut      bool // something did not fit
}

// text is the line, as far as it goes.
func (l *line) text() string {
	if l.cut && l.n > 0 {
		if l.n >= l.limit {
			_, size := utf8.DecodeLastRune(l.out)
			l.out = l.out[:len(l.out)-size]
		}
		return string(bytes.TrimRight(l.out, " ")) + "…"
	}
	return string(bytes.TrimRight(l.out, " "))
}

// word adds printable ASCII.
func (l *line) word(s string) {
	l.gap()
	l.cut = l.cut || len(s) > l.limit-l.n
	s = head(s, l.limit-l.n)
	l.out = append(l.out, s...)
	l.n += len(s)
}

// char adds any character, or leaves it out.
func (l *line) char(r rune) {
	switch {
	case unicode.IsSpace(r):
		l.space = len(l.out) > 0
	case r != utf8.RuneError && unicode.IsPrint(r):
		l.gap()
		if l.n >= l.limit {
			l.cut = true
		} else {
			l.out = utf8.AppendRune(l.out, r)
			l.n++
		}
	}
}

func (l *line) gap() {
	if l.space && l.n < l.limit {
		l.out = append(l.out, ' ')
		l.n++
	}
	l.space = false
}

// head returns at most n bytes of s.
func head(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// What bytes of tokens are: a bit each.
const (
	lowerByte byte = 1 << iota
	upperByte
	digitByte
	starByte // of these and of dots consists what is hidden of a key
	dotByte
	otherByte
)

// tokenByte says of the bytes that tokens consist of what they are, and of others
// 0; after the word Bearer, / and = are of them too.
var tokenByte = func() (t [256]byte) {
	for bit, bytes := range map[byte]string{
		lowerByte: "abcdefghijklmnopqrstuvwxyz",
		upperByte: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		digitByte: "0123456789",
		starByte:  "*",
		dotByte:   ".",
		otherByte: "-_~+",
	} {
		for _, c := range []byte(bytes) {
			t[c] = bit
		}
	}
	return t
}()

// byFirst sorts prefixes by their first byte.
func byFirst(prefixes []string) (t [256][]string) {
	for _, p := range prefixes {
		t[p[0]] = append(t[p[0]], p)
	}
	return t
}

var secretsByFirst, idsByFirst = byFirst(secretPrefixes), byFirst(idPrefixes)

// hasPrefix reports whether token goes on after one of the prefixes.
func hasPrefix(token string, prefixes *[256][]string) bool {
	for _, p := range prefixes[token[0]] {
		if len(token) > len(p) && strings.HasPrefix(token, p) {
			return true
		}
	}
	return false
}

// isSecret reports whether a token, of bytes like those seen, looks like a key or a
// part of one.
func isSecret(token string, seen byte) bool {
	if len(token) < 4 {
		return false
	}
	if hasPrefix(token, &secretsByFirst) {
		return true
	}
	if seen&starByte != 0 && strings.Contains(token, "**") || seen&dotByte != 0 && strings.Contains(token, "...") {
		return true
	}
	if len(token) >= 11 && seen == digitByte { // a project's number at Google
		return true
	}
	if len(token) >= 32 && seen&digitByte != 0 && seen&(lowerByte|upperByte) != 0 {
		return true
	}
	return seen&(digitByte|upperByte) != 0 && hasPrefix(token, &idsByFirst)
}
