package providertest

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// How answers get large: by what each API has room in, else by blanks.

// fill makes an answer large, where that is natural for the API.
func (c *call) fill(n int) {
	switch {
	case n == 0:
	case c.op == opResponses:
		c.echo = strings.Repeat("x", n)
	case c.op == opImages, c.op == opImageEdits, c.op == opImageVariation, c.op == opSpeech, c.op == opCompact:
		c.bulk = n
	default:
		config := *c.Config
		config.Text += " " + strings.Repeat("x", n)
		c.Config = &config
	}
}

// picture is the picture that is shown, with zeros after it if it has to be
// large; who decodes it does not look at them.
func (c *call) picture() string {
	if c.bulk == 0 {
		return picture
	}
	file, err := base64.StdEncoding.DecodeString(picture)
	if err != nil {
		return picture
	}
	return base64.StdEncoding.EncodeToString(append(file, make([]byte, c.bulk*3/4)...))
}

// spaced is the answer with blanks in it if nothing that it says is of n bytes:
// in its body, and in its stream in the first event that is an object.
func (a answer) spaced(n int) answer {
	if n == 0 {
		return a
	}
	if a.raw == nil {
		if body := encode(a.body); len(body) < n {
			a.raw = spread(body, n)
		}
	}
	if slices.ContainsFunc(a.events, func(e event) bool { return len(e.data) >= n }) {
		return a
	}
	if i := slices.IndexFunc(a.events, func(e event) bool { return bytes.HasPrefix(e.data, []byte{'{'}) }); i >= 0 {
		a.events = slices.Clone(a.events)
		a.events[i].data = spread(a.events[i].data, n)
	}
	return a
}

// spread is a JSON object of n bytes: blanks come after its brace.
func spread(data []byte, n int) []byte {
	if len(data) >= n || !bytes.HasPrefix(data, []byte{'{'}) {
		return data
	}
	return slices.Concat(data[:1], bytes.Repeat([]byte{' '}, n-len(data)), data[1:])
}

// lengthened is an error of at least n bytes, in the words that it is told in.
func (r reply) lengthened(n int) reply {
	if n <= len(r.body) {
		return r
	}
	more := " " + strings.Repeat("x", n)
	v, ok := parsedAny(r.body)
	switch {
	case ok && lengthen(v, more):
		r.body = encode(v)
	case ok:
		r.body = spread(r.body, n)
	case bytes.HasPrefix(r.body, []byte{'<'}):
		r.body = slices.Concat(r.body, []byte("<!--"), []byte(more), []byte(" -->\n"))
	default:
		r.body = append(slices.Clip(r.body), more...)
	}
	return r
}

// wordMembers are where errors have their words, in the order in which one looks
// for them.
var wordMembers = []string{"message", "msg", "status_msg", "detail", "error", "title"}

// lengthen adds to the first words in a value, and tells whether it has some.
func lengthen(v any, more string) bool {
	switch v := v.(type) {
	case object:
		for _, name := range wordMembers {
			for i := range v {
				if words, ok := v[i].value.(string); ok && v[i].name == name {
					v[i].value = words + more
					return true
				}
			}
		}
		return slices.ContainsFunc(v, func(m member) bool { return lengthen(m.value, more) })
	case list:
		return slices.ContainsFunc(v, func(e any) bool { return lengthen(e, more) })
	}
	return false
}
