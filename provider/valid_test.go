package provider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

// notJSON are bytes that are nearly JSON.
var notJSON = []string{
	``, ` `, `-`, `+1`, `01`, `-01`, `1.`, `.5`, `1e`, `1e+`, `nul`, `nulll`, `True`, `[1,]`, `[,1]`, `[1 2]`, `[`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`,
	`{,}`, `{a:1}`, `{"a":1]`, `[1}`, `{} {}`, `"`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"longer\x1f\"", "\xef\xbb\xbf{}", `'a'`,
}

// valued are bytes that are JSON.
var valued = []string{
	`0`, `-0.5e+9`, ` [ ] `, "{\r\n\t}", `{"a" : [ 1 , -2.5E-3, true, false, null ] , "b":{"c":""}}`, `"\u00e9\"\\\/\b\f\n\r\t"`, "\"\xff\x7f\"", `"more than eight bytes of text"`,
}

func TestValidJSON(t *testing.T) {
	for _, s := range notJSON {
		assert.False(t, provider.ValidJSON([]byte(s)), "%q", s)
	}
	for _, s := range valued {
		assert.True(t, provider.ValidJSON([]byte(s)), "%q", s)
	}
	for _, nested := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		deep := func(n int) []byte {
			return []byte(strings.Repeat(nested[0], n) + "[]" + strings.Repeat(nested[1], n))
		}
		assert.True(t, provider.ValidJSON(deep(511)), nested[0])
		assert.False(t, provider.ValidJSON(deep(512)), nested[0])
	}
}

// FuzzValidJSON: what is JSON and not nested deep is what encoding/json says.
func FuzzValidJSON(f *testing.F) {
	for _, s := range append(valued, notJSON...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Count(string(data), "[")+strings.Count(string(data), "{") > 512 {
			return
		}
		if got, want := provider.ValidJSON(data), json.Valid(data); got != want {
			t.Fatalf("%q: %v, encoding/json says %v", data, got, want)
		}
	})
}
