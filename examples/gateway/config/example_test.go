package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

// noEnv knows no variable.
func noEnv(string) (string, bool) { return "", false }

// load writes a configuration and loads it.
func load(t testing.TB, text string, env func(string) (string, bool)) (*config.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return config.Load(path, env)
}

var commentedOut = regexp.MustCompile(`(?m)^(\s*)#([^ \n].*)$`)

// everything is the example with the fields that have no default.
func everything() string { return commentedOut.ReplaceAllString(config.Example, "$1$2") }

// printed shows a File and all that it points to, secrets revealed.
func printed(f *config.File) string {
	for _, s := range []resource.Secret{f.Database, f.Redis, f.MasterKey, f.AdminToken, f.Proxy} {
		if !s.IsZero() {
			return "a secret is set: " + s.Reveal()
		}
	}
	v := *f
	return fmt.Sprintf("%+v", exported(reflect.ValueOf(v)))
}

// exported are the exported fields of a struct.
func exported(v reflect.Value) map[string]any {
	out := make(map[string]any)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			out[f.Name] = v.Field(i).Interface()
		}
	}
	return out
}

func TestExampleSaysTheRealDefaults(t *testing.T) {
	f, err := load(t, config.Example, noEnv)
	require.NoError(t, err)
	assert.Equal(t, printed(config.Default()), printed(f))

	nothing, err := load(t, "", noEnv)
	require.NoError(t, err)
	assert.Equal(t, printed(config.Default()), printed(nothing), "an empty file is the defaults too")
}

func TestExampleSaysEachDefaultThatIsNotZero(t *testing.T) {
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(config.Example), &doc))
	said := leaves(doc.Content[0], "")
	for _, field := range []string{"session_ttl", "concurrency_ttl", "unavailable_ttl", "timeouts.connect", "timeouts.header", "timeouts.body_idle", "timeouts.first_byte",
		"timeouts.deadline", "timeouts.wait", "timeouts.request_header", "timeouts.request_body", "timeouts.write", "timeouts.idle", "timeouts.shutdown",
		"listen", "data_dir", "max_attempts", "limits.body", "limits.upload", "limits.header", "client_filter.filter_enabled"} {
		assert.Contains(t, said, field, "with its default, not commented out")
	}
}

func TestExampleHasEveryField(t *testing.T) {
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(everything()), &doc))
	said := leaves(doc.Content[0], "")
	for _, field := range fields(reflect.TypeFor[config.File](), "") {
		if strings.HasPrefix(field, "prices.rows.") {
			continue // the library's
		}
		assert.Contains(t, said, field)
	}
}

func TestExampleLoadsWithAllThatIsCommentedOut(t *testing.T) {
	f, err := load(t, everything(), noEnv)
	require.NoError(t, err)
	require.Len(t, f.Accounts, 2)
	main := f.Accounts[0]
	assert.Equal(t, "sk-example", main.Secret.Reveal())
	assert.Equal(t, map[string]string{"gpt-4o": "gpt-5", "gpt-5*": ""}, main.Models)
	assert.Equal(t, resource.Limit{Unit: "usd", Max: 100, Window: "month", Zone: "Europe/Berlin", At: "09:00", On: "1"}, main.Limits[1])
	assert.Equal(t, resource.Duration(30*time.Minute), main.Health.MaxRest)
	assert.True(t, main.FromFile)
	assert.Equal(t, time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC), f.Accounts[1].OAuth.Expiry)
	assert.Equal(t, "socks5://user:password@127.0.0.1:1080", f.Providers["anthropic"].Proxy.Reveal())
	require.Len(t, f.Keys, 1)
	assert.Equal(t, []resource.Quota{{Window: "day", Zone: "Europe/Berlin", USD: 5, Tokens: 1_000_000}}, f.Keys[0].Quotas)
	assert.Len(t, f.Keys[0].Hash, 64)
	assert.NotContains(t, f.Keys[0].Hint, f.Keys[0].Secret.Reveal())
	assert.Len(t, f.TrustedProxies, 2)

	nano, ok := f.PriceTable().Cost("openai", "our-fine-tune-3", provider.Usage{Output: 1_000_000, Complete: true})
	require.True(t, ok)
	assert.EqualValues(t, 10_000_000_000, nano)
	assert.True(t, f.PriceTable().Knows("openai", "gpt-5"), "beside the library's")
}

// leaves are the fields of a node, with those that they are part of.
func leaves(n *yaml.Node, at string) map[string]bool {
	out := map[string]bool{at: true}
	add := func(more map[string]bool) {
		for name := range more {
			out[name] = true
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			add(leaves(n.Content[i+1], strings.TrimPrefix(at+"."+n.Content[i].Value, ".")))
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			add(leaves(item, at))
		}
	}
	return out
}

// fields are the names of all that a configuration can say.
func fields(t reflect.Type, at string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fields(t.Elem(), at)
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct {
			return fields(t.Elem(), at+".anthropic")
		}
		return []string{at}
	case reflect.Struct:
		if t.PkgPath() == "time" || t.PkgPath() == "net/netip" || t == reflect.TypeFor[resource.Secret]() {
			return []string{at}
		}
		var out []string
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			switch {
			case options == "inline":
				out = append(out, fields(t.Field(i).Type, at)...)
			case name != "" && name != "-":
				out = append(out, fields(t.Field(i).Type, strings.TrimPrefix(at+"."+name, "."))...)
			}
		}
		return out
	}
	return []string{at}
}
