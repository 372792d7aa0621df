package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxHitFields = 64      // fields of a form that are kept with its hit
	maxHitField  = 4 << 10 // of each of them
)

// upload is a file in a form.
type upload struct {
	name, contentType string
	content           []byte
}

// read reads the body as an operation wants it, and tells what is wrong.
func (c *call) read(n needs) kind {
	switch isForm := strings.HasPrefix(c.header.Get("Content-Type"), "multipart/"); {
	case isForm && n&takesForm != 0, n&takesForm != 0 && n&takesJSON == 0:
		if !c.decodeForm() {
			return kindBadForm
		}
	case n&takesJSON != 0:
		if !c.decode() {
			return kindBrokenBody
		}
	}
	return kindNone
}

// decodeForm reads a multipart body as far as it goes, and tells whether it
// could be.
func (c *call) decodeForm() bool {
	_, parameters, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return false
	}
	c.fields, c.files = make(url.Values), make(map[string]upload)
	parts := multipart.NewReader(bytes.NewReader(c.body), parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			c.form.Stream = c.fields.Get("stream") == "true"
			if c.model == "" {
				c.model = c.fields.Get("model")
			}
			return errors.Is(err, io.EOF)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return false
		}
		// A file has a name, or at least a type: some clients leave the name out.
		if name, typ := part.FileName(), part.Header.Get("Content-Type"); name != "" || typ != "" {
			c.files[part.FormName()] = upload{name, typ, content}
		} else {
			c.fields.Add(part.FormName(), string(content))
		}
	}
}

// text is a field of a form, or a member of a JSON body: a string, or whatever
// stands there as it is written. "": there is none.
func (c *call) text(name string) string {
	if c.fields != nil {
		return c.fields.Get(name)
	}
	raw := c.member(name)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// member is a member of a JSON body, as it is written.
func (c *call) member(name string) json.RawMessage {
	if c.members == nil {
		c.members = make(map[string]json.RawMessage)
		if json.Unmarshal(c.body, &c.members) != nil {
			return nil
		}
	}
	return c.members[name]
}

// count is a number in the body, at least least and at most most; usual if
// there is none.
func (c *call) count(name string, usual, least, most int) int {
	n, err := strconv.Atoi(c.text(name))
	if err != nil {
		return usual
	}
	return min(max(n, least), most)
}

// hitFields are the fields of a form as a hit keeps them.
func (c *call) hitFields() url.Values {
	if c.fields == nil {
		return nil
	}
	kept, left := make(url.Values), maxHitFields
	for name, values := range c.fields {
		for _, v := range values {
			if left--; left < 0 {
				return kept
			}
			kept.Add(name[:min(len(name), maxHitField)], v[:min(len(v), maxHitField)])
		}
	}
	return kept
}
