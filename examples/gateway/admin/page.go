package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// page is an answer of a list.
type page[T any] struct {
	Data []T    `json:"data"`
	Next string `json:"next_cursor,omitempty"` // for the page that follows; "": this is the last
}

// query reads the parameters of a request. One that is not known, or given twice, is an
// error, since a filter that is misspelt would select everything.
func query(r *http.Request, known []string) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "The query is not valid.")
	}
	given := make(map[string]string, len(values))
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			p := invalid(short(name), "There is no such query parameter: see %s/openapi.json.", prefix)
			p.Code = codeUnknownField
			return nil, p
		case len(list) > 1:
			return nil, invalid(name, "It is given twice.")
		case len(list[0]) > 1024 || !utf8.ValidString(list[0]) || strings.ContainsRune(list[0], 0):
			return nil, invalid(name, "It is no text of at most 1024 bytes.")
		}
		given[name] = list[0]
	}
	return given, nil
}

// number is a parameter that is a whole number; 0 where it is not given.
func (c *call) number(name string, least, most int) (int, error) {
	text, ok := c.query[name]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, invalid(name, "Write a whole number from %d to %d.", least, most)
	}
	return n, nil
}

// limit is how many a page has at most.
func (c *call) limit() (int, error) {
	n, err := c.number("limit", 1, resource.MaxPage)
	if n == 0 {
		n = resource.DefaultPage
	}
	return n, err
}

// flag is a parameter that is true or false.
func (c *call) flag(name string, otherwise bool) (bool, error) {
	switch c.query[name] {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, invalid(name, "Write true or false.")
}

// time is a parameter that is a time; zero where it is not given.
func (c *call) time(name string) (time.Time, error) {
	text := c.query[name]
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(name, "Write a time as in 2026-01-31T09:00:00Z, with + as %%2B.")
	}
	return t.UTC(), nil
}

// day is a parameter that is a date; "" where it is not given.
func (c *call) day(name string) (string, error) {
	text := c.query[name]
	if _, err := time.Parse(time.DateOnly, text); err != nil && text != "" {
		return "", invalid(name, "Write a date as in 2026-01-31.")
	}
	return text, nil
}

// cursor says where a page ended. Callers cannot make one up by mistake: it has a sum, and
// is for one list.
func cursor(list, at string) string {
	sum := sha256.Sum256([]byte(list + "\x00" + at))
	return base64.RawURLEncoding.EncodeToString(append(sum[:6], at...))
}

// after is where the page before ended; "": this is the first.
func (c *call) after(list string) (at string, err error) {
	text := c.query["cursor"]
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) <= 6 || cursor(list, string(raw[6:])) != text {
		return "", invalid("cursor", "It is none that a page of this list has told: begin without one.")
	}
	return string(raw[6:]), nil
}

// cut is a page of a list that is in order, and the position of its last one; "": it was
// the last page. at tells one's position, which sorts as the list does.
func cut[T any](all []T, after string, limit int, at func(T) string) (page []T, last string) {
	from := 0
	if after != "" {
		from, _ = slices.BinarySearchFunc(all, after, func(one T, after string) int {
			if at(one) <= after {
				return -1
			}
			return 1
		})
	}
	page = all[from:]
	if len(page) <= limit {
		return page, ""
	}
	page = page[:limit]
	return page, at(page[limit-1])
}

// paged is a page of a list that is in the order of at.
func paged[T any](c *call, list string, all []T, at func(T) string) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	after, err := c.after(list)
	if err != nil {
		return nil, err
	}
	some, last := cut(all, after, limit, at)
	answer := page[T]{Data: append([]T{}, some...)}
	if last != "" {
		answer.Next = cursor(list, last)
	}
	return answer, nil
}

// opaque is a name in URLs of something that has several.
func opaque(parts ...string) string {
	text, err := json.Marshal(parts)
	if err != nil { // texts can always be written
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// count is how many something was done to.
type count struct {
	Count int `json:"count"`
}
