package sdks_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// way is a way for an account to fail.
type way struct {
	name     string
	streamed bool // only what is streamed can fail so

	// phase is where the first account fails; PhaseUnknown: it answers.
	phase transport.Phase

	// spoil breaks the first account of a fleet, or what stands behind it.
	spoil func(t *testing.T, f *failing)
}

// failing is the first account of a fleet, and where it leads.
type failing struct {
	account *balancer.Account
	fake    *providertest.Fake
	server  *transporttest.Server
	ca      *transporttest.CA
	move    func(url string) // makes the account lead to another server
	heads   func() int       // requests that came there, where that is not the fake
}

// ways are the twenty ways.
var ways = []way{
	{name: "proxy refused", phase: transport.PhaseDialProxy, spoil: behind(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})},
	{name: "proxy mute", phase: transport.PhaseProxyConnect, spoil: behind(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})},
	{name: "proxy 407", phase: transport.PhaseProxyAuth, spoil: refusedByProxy},
	{name: "tunnel TLS cut", phase: transport.PhaseTargetTLS, spoil: behind(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultCutTunnel}})},
	{name: "DNS failure", phase: transport.PhaseDNS, spoil: unknownName},
	{name: "connection refused", phase: transport.PhaseDialTarget, spoil: func(_ *testing.T, f *failing) { f.server.Down() }},
	{name: "TLS certificate wrong", phase: transport.PhaseTargetTLS, spoil: wrongCertificate},
	{name: "reset before headers", phase: transport.PhaseWait, spoil: peer(func(x *transporttest.H1Exchange) {
		_, _ = x.ReadBody() // the reset is what is meant
		x.Reset()
	})},
	{name: "headers never come", phase: transport.PhaseWait, spoil: answers(providertest.Hang())},
	{name: "401", spoil: answers(providertest.Unauthorized())},
	{name: "402", spoil: answers(providertest.Status(http.StatusPaymentRequired, asJSON, `{"error":{"message":"Payment required."}}`))},
	{name: "403 permission", spoil: answers(providertest.PermissionDenied())},
	{name: "404 model", spoil: answers(providertest.ModelNotFound())},
	{name: "408", spoil: answers(providertest.Status(http.StatusRequestTimeout, asJSON, `{"error":{"message":"Request timed out."}}`))},
	{name: "429 with reset", spoil: answers(providertest.RateLimited(rateLimit))},
	{name: "429 without reset", spoil: answers(providertest.RateLimited(0))},
	{name: "500", spoil: answers(providertest.ServerError())},
	{name: "503 HTML", spoil: answers(providertest.Status(http.StatusServiceUnavailable, asHTML, "<html><body>503 Service Temporarily Unavailable</body></html>"))},
	{name: "529", spoil: answers(providertest.Status(529, asJSON, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`))},
	{name: "error inside a 200 stream before content", streamed: true, spoil: failsInside},
}

var (
	asJSON = http.Header{"Content-Type": {"application/json"}}
	asHTML = http.Header{"Content-Type": {"text/html"}}
)

// answers makes the first account's provider answer every call so.
func answers(s providertest.Step) func(*testing.T, *failing) {
	return func(_ *testing.T, f *failing) { f.fake.Always(s) }
}

// failsInside puts an error into each stream, after what comes ahead of content.
func failsInside(_ *testing.T, f *failing) {
	ahead := 1 // a role, or word that the message begins
	if f.account.Provider.API.Name == "gemini" {
		ahead = 0 // its first event is content
	}
	f.fake.Always(providertest.FailInStream(ahead, providertest.Overloaded()))
}

// behind puts the first account behind a proxy.
func behind(cfg transporttest.ProxyConfig) func(*testing.T, *failing) {
	return func(t *testing.T, f *failing) {
		t.Helper()
		proxy, err := transporttest.NewProxy(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, proxy.Close()) })
		f.account.Proxy = proxy.URL()
	}
}

// refusedByProxy puts the first account behind a proxy whose password it does not
// know.
func refusedByProxy(t *testing.T, f *failing) {
	proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{User: user, Password: password})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	f.account.Proxy = "http://" + user + ":not-the-one@" + proxy.Addr()
}

// unknownName moves the first account to a host that no name server knows.
func unknownName(_ *testing.T, f *failing) {
	f.move("https://api.invalid")
	f.account.Transport = func(c *transport.Config) { c.Dialer = noSuchHost{} }
}

// noSuchHost is a network whose name server knows no name.
type noSuchHost struct{}

func (noSuchHost) DialContext(_ context.Context, _, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// wrongCertificate moves the first account to a server that nobody trusts.
func wrongCertificate(t *testing.T, f *failing) {
	other, err := transporttest.NewCA()
	require.NoError(t, err)
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: f.fake, CA: other})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	f.move(server.URL())
}

// peer moves the first account to a server that does what it is told.
func peer(serve func(*transporttest.H1Exchange)) func(*testing.T, *failing) {
	return func(t *testing.T, f *failing) {
		t.Helper()
		p, err := transporttest.NewH1Peer(transporttest.H1PeerConfig{CA: f.ca, Serve: serve})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		f.move(p.URL())
		f.heads = p.Requests
	}
}
