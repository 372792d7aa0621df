package transport_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

// TestAConfigIsText: for pages, although much of it is funcs.
func TestAConfigIsText(t *testing.T) {
	proxy, err := transport.ParseProxy("socks5://user:" + marker + "@10.0.0.2:1080")
	require.NoError(t, err)
	choose := func(*url.URL) (*transport.Proxy, error) { return proxy, nil }
	tests := map[string]struct {
		cfg  transport.Config
		want string
	}{
		"zero":    {transport.Config{}, "transport.Config: direct, HTTP/2 auto"},
		"a proxy": {transport.Config{Proxy: proxy, HTTP2: transport.HTTP2Never}, "transport.Config: socks5://user:***@10.0.0.2:1080, HTTP/2 never"},
		"a func":  {transport.Config{ProxyFunc: choose, FallbackToDirect: true}, "transport.Config: as ProxyFunc says, or direct, HTTP/2 auto"},
		"both":    {transport.Config{Proxy: proxy, ProxyFunc: choose}, "transport.Config: socks5://user:***@10.0.0.2:1080, HTTP/2 auto"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tt.cfg)
			require.NoError(t, err)
			var back string
			require.NoError(t, json.Unmarshal(text, &back))
			assert.Equal(t, tt.want, back)
			assertNoSecret(t, tt.cfg)
		})
	}
}
