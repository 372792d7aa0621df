package config_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/config"
)

const hidden = "hidden0secret0hidden"

// secretive knows every variable, and says the same of each.
func secretive(string) (string, bool) { return hidden, true }

// FuzzLoad: whatever stands in a configuration, Load returns a File or an *Error, and
// what the environment says is in neither's text.
func FuzzLoad(f *testing.F) {
	f.Add(config.Example)
	f.Add(everything())
	for _, c := range bad {
		f.Add(c.text)
	}
	for _, text := range []string{
		"secret:" + hidden, "accounts:\n  - secret:" + hidden, "${A}: ${B}", "accounts: [${A}]", "a: &x [*x]", "? [a]\n: b", "prices:\n  rows:\n    - {models: [${A}], input: ${B}}",
		"providers: {${A}: {}}", "keys: [{name: ${A}, secret: ${B}}]", "admin_token: file:${A}", "- a", "!!binary x", "%TAG ! x\n---\na: !b c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") || strings.Contains(text, hidden) {
			t.Skip("it reads this machine's files, or says the secret where it may be quoted")
		}
		file, err := load(t, text, secretive)
		if err == nil {
			assert.NotContains(t, fmt.Sprintf("%v", file), "0secret0")
			return
		}
		var found *config.Error
		assert.ErrorAs(t, err, &found)
		assert.NotContains(t, err.Error(), "0secret0")
	})
}

// Whatever is done to a good configuration, no secret of it is told.
func TestNoErrorTellsASecret(t *testing.T) {
	good := strings.NewReplacer("sk-example", hidden, "at-least-16-characters", hidden, "user:password", "user:"+hidden, "-example}", "-"+hidden+"}",
		"database: ${DATABASE_URL:-postgres://gateway:password@127.0.0.1:5432/gateway}", "database: postgres://u:"+hidden+"@h/n", "redis: ${REDIS_URL:-redis://127.0.0.1:6379/0}", "redis: redis://u:"+hidden+"@h", "master_key: ${GATEWAY_MASTER_KEY:-}", "master_key: "+hidden,
		"admin_token: ${GATEWAY_ADMIN_TOKEN:-}", "admin_token: "+hidden).Replace(everything())
	rng := rand.New(rand.NewPCG(1, 2))
	signs := []string{"", "\n", "\t", ":", " ", "*", "&", "-", "[", "]", "{", "}", "\"", "'", "#", "!", "|", ">", "%", "@", "$", "${", "file:", "x"}
	wrong := 0
	for range 600 {
		text := []byte(good)
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(text))
			sign := signs[rng.IntN(len(signs))]
			text = append(text[:at:at], append([]byte(sign), text[min(len(text), at+rng.IntN(4)):]...)...)
		}
		_, err := load(t, string(text), noEnv)
		if err == nil {
			continue
		}
		wrong++
		if !assert.NotContains(t, err.Error(), "secret0") {
			t.Logf("%s", text)
			return
		}
	}
	assert.Greater(t, wrong, 300, "or nothing was shown")
}
