package transport_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// presenting is a client's TLS configuration with a certificate of its name.
func presenting(t *testing.T, ca, clients *transporttest.CA, name string) *tls.Config {
	t.Helper()
	certificate, err := clients.Certificate(name)
	require.NoError(t, err)
	return &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{certificate}}
}

// Agents for HTTP/1.1 and HTTP/2, and TLS with a proxy, from one configuration of the
// user's: all work, and it is not changed. net/http changes it.
func nastyTLSConfig(t *testing.T) {
	ca := newCA(t)
	h1 := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text("h1")})
	h2 := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true, Handler: text("h2")})
	proxy := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, HTTP2: true})
	for _, protocols := range [][]string{nil, {"spdy/3"}, {"h2", "http/1.1"}} {
		mine := &tls.Config{RootCAs: ca.Pool(), NextProtos: protocols, MinVersion: tls.VersionTLS12}
		before := exported(mine)
		shared := newPool(t)
		for _, mode := range []transport.HTTP2Mode{transport.HTTP2Auto, transport.HTTP2Never, transport.HTTP2Always} {
			for _, config := range []transport.Config{{TLS: mine}, {TLS: mine, ProxyTLS: mine, Proxy: parse(t, proxy.URL())}} {
				config.HTTP2, config.Pool = mode, shared
				tr := newTransport(t, config)
				for range 2 {
					resp, body := get(t, tr, h1.URL())
					assert.Equal(t, "h1", body)
					assert.Equal(t, "http/1.1", resp.TLS.NegotiatedProtocol)
					resp, body = get(t, tr, h2.URL())
					assert.Equal(t, "h2", body)
					assert.Equal(t, mode != transport.HTTP2Never, resp.ProtoMajor == 2)
				}
			}
		}
		assert.Equal(t, before, exported(mine))
	}
}

// exported are the fields of a TLS configuration that a user sets.
func exported(config *tls.Config) map[string]any {
	fields := make(map[string]any)
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			fields[f.Name] = v.Field(i).Interface()
		}
	}
	return fields
}

// TLS 1.3 tells a client that its certificate is missing only after the handshake,
// when the request may be on its way. It is not sent again, and not taken for an
// endpoint that is down.
func nastyMissingCertificate(t *testing.T) {
	const certificateRequired = 116 // RFC 8446 section 6
	ca, clients := newCA(t), newCA(t)
	for _, up := range upstreams[1:] {
		t.Run(up.name, func(t *testing.T) {
			certificate, err := ca.Certificate()
			require.NoError(t, err)
			config := &tls.Config{
				Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"},
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool(),
			}
			if up.h2 {
				config.NextProtos = []string{"h2"}
			}
			var conns, through atomic.Int64
			addr := listen(t, func(conn *net.TCPConn) {
				conns.Add(1)
				if tls.Server(conn, config).Handshake() == nil {
					through.Add(1)
				}
				// The alert must arrive: closing with anything unread would be a reset.
				_ = conn.CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			})
			for range 20 { // it is a race where the alert is noticed
				before := conns.Load()
				tr := newTransport(t, transport.Config{TLS: trust(ca), Retries: 3, FallbackToDirect: true})
				e := refused(t, tr, newRequest(t, http.MethodPost, "https://"+addr, strings.NewReader("x")))
				assert.Equal(t, certificateRequired, e.Code, "%v", e)
				assert.Contains(t, []transport.Phase{transport.PhaseTargetTLS, transport.PhaseSend, transport.PhaseWait}, e.Phase)
				assert.False(t, e.Timeout())
				assert.Contains(t, e.Error(), "asks for a client certificate")
				assert.Contains(t, e.Error(), "TLS.Certificates")
				assert.Equal(t, int64(1), conns.Load()-before, "tried again")
				assert.Zero(t, tr.Stats().InUse)
			}
			assert.Zero(t, through.Load())
		})
	}
}
