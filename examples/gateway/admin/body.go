package admin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxBody is how long a request's body may be.
const maxBody = 1 << 20

// input reads the body into a struct. What is not known, stands there twice or has another
// type is an error that names the field. empty: there need not be a body.
func (c *call) input(into any, empty bool) error {
	body, err := c.body()
	switch {
	case err != nil:
		return err
	case len(body) == 0 && empty:
		return nil
	case len(body) == 0:
		return invalid("", "The body is empty: send a JSON object.")
	}
	h := c.r.Header
	if media, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || media != "application/json" || h.Get("Content-Encoding") != "" {
		return &problem{
			status: http.StatusUnsupportedMediaType, Code: codeMediaType,
			Message: "Send plain JSON, with Content-Type: application/json and no Content-Encoding.",
		}
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return invalid("", "The body is no valid JSON.")
	}
	if p := strict(body, reflect.TypeOf(into).Elem(), ""); p != nil {
		return p
	}
	if err := json.Unmarshal(body, into); err != nil {
		return invalid("", "The body does not fit.")
	}
	return nil
}

// nothing is input for what takes no body: {} is none either.
func (c *call) nothing() error { return c.input(&struct{}{}, true) }

// body reads the body whole.
func (c *call) body() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Message: "The body is longer than 1 MiB."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem{status: http.StatusRequestTimeout, Code: codeTimeout, Message: "The body did not come in time.", cause: err}
	case err != nil:
		p := invalid("", "The body did not come whole.")
		p.cause = err
		return nil, p
	}
	return body, nil
}

// holder is a type that holds another one, as optional does.
type holder interface{ held() reflect.Type }

var unmarshalers = []reflect.Type{reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()}

// strict says what in a JSON value does not fit a type, and where. The value is valid.
func strict(raw json.RawMessage, t reflect.Type, path string) *problem {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if h, ok := reflect.Zero(t).Interface().(holder); ok {
		if string(raw) == "null" {
			return nil
		}
		return strict(raw, h.held(), path)
	}
	for _, u := range unmarshalers {
		if reflect.PointerTo(t).Implements(u) {
			return leaf(raw, t, path)
		}
	}
	switch {
	case string(raw) == "null":
		return invalid(path, "It is null: leave it out.")
	case t.Kind() == reflect.Struct:
		return strictStruct(raw, t, path)
	case t.Kind() == reflect.Map:
		return members(raw, path, func(name string, value json.RawMessage) *problem {
			return strict(value, t.Elem(), join(path, short(name)))
		})
	case t.Kind() == reflect.Slice:
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return invalid(path, "It has to be a list.")
		}
		for i, one := range list {
			if p := strict(one, t.Elem(), index(path, i)); p != nil {
				return p
			}
		}
		return nil
	}
	return leaf(raw, t, path)
}

func strictStruct(raw json.RawMessage, t reflect.Type, path string) *problem {
	return members(raw, path, func(name string, value json.RawMessage) *problem {
		for i := range t.NumField() {
			if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == name {
				return strict(value, t.Field(i).Type, join(path, name))
			}
		}
		p := invalid(join(path, short(name)), "There is no such field: see %s/openapi.json.", prefix)
		if p.Code = codeUnknownField; readOnly[name] && path == "" {
			p.Message = "The field is told, and cannot be set: leave it out."
		}
		return p
	})
}

// readOnly are fields of answers that are no input.
var readOnly = map[string]bool{
	"id": true, "from_file": true, "has_secret": true, "state": true, "broken": true, "hint": true, "total_cost": true, "daily_requests": true,
	"rate_limit_reset_at": true, "consecutive_error_count": true, "created_at": true, "updated_at": true,
}

// members calls f with each member of an object; a name that stands there twice is an error.
func members(raw json.RawMessage, path string, f func(name string, value json.RawMessage) *problem) *problem {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return invalid(path, "It has to be an object.")
	}
	seen := make(map[string]bool)
	for d.More() {
		key, err := d.Token()
		name, _ := key.(string)
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return invalid(path, "It is no valid JSON.")
		}
		if seen[name] {
			return invalid(join(path, short(name)), "It stands there twice.")
		}
		seen[name] = true
		if p := f(name, value); p != nil {
			return p
		}
	}
	return nil
}

// leaf says whether a value that has no parts fits.
func leaf(raw json.RawMessage, t reflect.Type, path string) *problem {
	err := json.Unmarshal(raw, reflect.New(t).Interface())
	if err == nil {
		return nil
	}
	what, ok := kinds[t.Kind()]
	switch {
	case t == timeType:
		what = "a time, as in 2027-01-31T18:00:00Z, or a day, as in 2027-01-31, which is its beginning (UTC)"
	case t == durationType:
		what = "a duration, as in 30s, 5m or 1h30m"
	case !ok:
		what = "a text"
	}
	return invalid(path, "It has to be %s.", what)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
