package admin

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// optional is a field of a change: absent, null or a value.
type optional[T any] struct {
	set   bool
	null  bool
	value T // zero for null
}

// UnmarshalJSON reads a value or null. It is not called for what is absent.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	o.set = true
	if o.null = string(data) == "null"; o.null {
		return nil
	}
	return json.Unmarshal(data, &o.value)
}

func (optional[T]) held() reflect.Type { return reflect.TypeFor[T]() }

// apply changes what is named: null makes it the zero value.
func (o optional[T]) apply(to *T) {
	if o.set {
		*to = o.value
	}
}

// instant is a time as the configuration takes it, too: a day is its beginning, UTC.
type instant time.Time

// UnmarshalJSON reads a text as in 2027-01-31T18:00:00Z or 2027-01-31.
func (i *instant) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	*i = instant(at.UTC())
	return err
}

var (
	timeType     = reflect.TypeFor[instant]()
	durationType = reflect.TypeFor[resource.Duration]()
)

// kinds are types in words.
var kinds = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.String: "a text",
	reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.Float64: "a number",
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// short is a text of a caller's in a log or a message: on one line, and not long.
func short(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
