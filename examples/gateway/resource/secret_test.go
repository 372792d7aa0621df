package resource_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

func TestSecretShowsInNoFormat(t *testing.T) {
	a := resource.Account{Name: "main", Secret: resource.NewSecret("sk-hidden"), OAuth: &resource.OAuth{RefreshToken: resource.NewSecret("rt-hidden")}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", a.Secret)
		fmt.Fprintf(&out, verb+"\n", a)
		fmt.Fprintf(&out, verb+"\n", *a.OAuth)
	}
	data, err := json.Marshal(a)
	require.NoError(t, err)
	out.Write(data)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("account", "account", a, "secret", a.Secret)
	assert.NotContains(t, out.String(), "hidden")
	assert.NotContains(t, out.String(), "68696464656e", "nor in hex")
	assert.Contains(t, string(data), `"secret":"***"`)
}

func TestSecretIsReadFromJSON(t *testing.T) {
	var a resource.Account
	require.NoError(t, json.Unmarshal([]byte(`{"secret":"sk-1"}`), &a))
	assert.Equal(t, "sk-1", a.Secret.Reveal())
	require.NoError(t, json.Unmarshal([]byte(`{"secret":null}`), &a))
	assert.Equal(t, "sk-1", a.Secret.Reveal(), "null leaves it")
	assert.Error(t, json.Unmarshal([]byte(`{"secret":17}`), &a))
}

func TestDurationIsWrittenAsText(t *testing.T) {
	var h resource.Health
	require.NoError(t, json.Unmarshal([]byte(`{"rest":"1h30m"}`), &h))
	data, err := json.Marshal(h)
	require.NoError(t, err)
	assert.JSONEq(t, `{"rest":"1h30m0s"}`, string(data))
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"rest":"soon"}`), &h), "write it as in 30s")
}
