package pool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
)

const secret = "5ec4e7"

func TestKeyString(t *testing.T) {
	for want, k := range map[string]pool.Key{
		"https://h:443":                       {Scheme: "https", Host: "h:443", Variant: 9},
		"https://h:443 through a proxy":       {Scheme: "https", Host: "h:443", Route: secret},
		"https://h:443 (h2)":                  {Scheme: "https", Host: "h:443", HTTP2: true},
		"http://h:80 through a proxy (h2)":    {Scheme: "http", Host: "h:80", Route: secret, HTTP2: true},
		"https://[::1]:443 through a proxy":   {Scheme: "https", Host: "[::1]:443", Route: secret},
		"https://h:8443 through a proxy (h2)": {Scheme: "https", Host: "h:8443", Route: secret, HTTP2: true},
	} {
		assert.Equal(t, want, k.String())
	}
	assert.Equal(t, "https://h:443", pool.Key{Scheme: "https", Host: "h:443", Route: secret, HTTP2: true}.Origin())
}

func TestNothingPrintsTheRoute(t *testing.T) {
	k := pool.Key{Scheme: "https", Host: "h:443", Route: secret, HTTP2: true, Variant: 3}
	p, m := newPool(t, pool.Config{}), &maker{}
	lease := acquire(t, p, k, m)
	// A creation under way keeps its key, too.
	slow := k
	slow.Variant++
	gate, began, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		l, err := p.Acquire(t.Context(), slow, func(ctx context.Context) (pool.Agent, error) {
			close(began)
			<-gate
			return m.create(ctx)
		})
		assert.NoError(t, err)
		l.Release()
	}()
	<-began
	for name, value := range map[string]any{
		"Key": k, "*Key": &k, "[]Key": []pool.Key{k}, "map of Key": map[pool.Key]int{k: 1}, "struct": struct{ K pool.Key }{k},
		"error": fmt.Errorf("at %v", k), "Stats": p.Stats(), "Lease": lease, "Pool": p,
		"hidden Lease": struct{ l pool.Lease }{lease}, "hidden Pool": struct{ p *pool.Pool }{p}, "hidden *Lease": struct{ l *pool.Lease }{&lease},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20v"} {
			shown := fmt.Sprintf(verb, value)
			assert.NotContains(t, shown, secret, "%s by %s", name, verb)
			assert.NotContains(t, shown, fmt.Sprintf("%x", secret), "%s by %s", name, verb)
		}
		if encoded, err := json.Marshal(value); err == nil {
			assert.NotContains(t, string(encoded), secret, "%s as JSON", name)
		}
		for _, log := range []func(*logBuffer) slog.Handler{
			func(b *logBuffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *logBuffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b logBuffer
			slog.New(log(&b)).Info("x", "value", value)
			require.NotEmpty(t, b.String())
			assert.NotContains(t, b.String(), secret, "%s in a log", name)
		}
	}
	assert.Equal(t, "https://h:443 through a proxy (h2)", fmt.Sprint(lease))
	assert.Equal(t, "agent pool (agents: 1, draining: 0)", fmt.Sprintf("%+v", p))
	assert.Equal(t, "no agent", fmt.Sprintf("%#v", pool.Lease{}))
	assert.Contains(t, fmt.Sprintf("%+v", struct{ P *pool.Pool }{}), "<nil>")
	close(gate)
	<-ended
	lease.Release()
}
