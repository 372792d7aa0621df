package server_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/server"
)

// FuzzMember proves that the gateway reads the same model out of a body as encoding/json,
// and so as a provider does.
func FuzzMember(f *testing.F) {
	for _, seed := range []string{
		`{"model":"a"}`, ` { "x" : [1,{"model":"no"}] , "model" : "b" , "y":"\"model\":1"}`, `{"mod\u0065l":"c"}`,
		`{"model":"a","model":"b\\"}`, `{"a\\":"\\\\","model":{"x":"}"}}`, `{"model":-1.5e3}`, `{"model":[]}`, `{}`, `[{"model":1}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]json.RawMessage
		if !utf8.Valid(body) || json.Unmarshal(body, &want) != nil {
			t.Skip("the gateway refuses it before")
		}
		got := server.Member(body, "model")
		assert.Equal(t, string(bytes.TrimSpace(want["model"])), string(got))
	})
}

func TestMemberFindsTheLast(t *testing.T) {
	require.Equal(t, `"b"`, string(server.Member([]byte(`{"model":"a","x":{"model":"c"},"model":"b"}`), "model")))
	require.Nil(t, server.Member([]byte(`{"x":1}`), "model"))
}
