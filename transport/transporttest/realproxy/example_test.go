package realproxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// A test sends a request through squid and proves by squid's own log that it
// went that way.
func Example() {
	_ = func(t *testing.T) {
		p := realproxy.Squid(t, realproxy.Config{User: "alice", Password: "p@ss"})
		upstream := httptest.NewServer(http.NotFoundHandler())
		defer upstream.Close()

		address, err := url.Parse(p.URL())
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}
		resp, err := client.Get(upstream.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		client.CloseIdleConnections()

		p.WaitLog(t, "GET "+strings.TrimSuffix(upstream.URL, "/"))
	}
}
