package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// TestNasty goes through twenty-two cases in which clients that rely on net/http, or
// on their luck, hang, leak, send twice, or go where they must not.
func TestNasty(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"01_streams that are always reset", nastyResets},
		{"02_an https proxy that prefers h2", nastyProxyALPN},
		{"03_socks4 is spoken as SOCKS4", nastySOCKS4},
		{"04_a mute SOCKS server", nastyMuteSOCKS},
		{"05_a refused proxy password", nastyProxyPassword},
		{"06_a proxy variable that cannot be read", nastyEnvironment},
		{"07_a dead connection that was idle", nastyIdleConnection},
		{"08_a request that was read and then cut", nastyReadThenCut},
		{"09_refused streams", nastyRefusedStreams},
		{"10_an upload that is not taken", nastyUpload},
		{"11_an answer that stalls", nastyBody},
		{"12_eviction during a stream", nastyEviction},
		{"13_a black hole", nastyBlackHole},
		{"14_one TLS configuration for all", nastyTLSConfig},
		{"15_a cold herd", nastyColdHerd},
		{"16_a missing client certificate", nastyMissingCertificate},
		{"17_compressed answers", nastyCompression},
		{"18_early bytes in a tunnel", nastyEarlyBytes},
		{"19_who resolves names", nastySOCKSNames},
		{"20_a hundred callers of an expired agent", nastyExpiry},
		{"21_an explicit proxy to loopback", nastyLoopback},
		{"22_two client certificates in one pool", nastyTwoCertificates},
	} {
		t.Run(c.name, c.run)
	}
}

func newH1Peer(t testing.TB, config transporttest.H1PeerConfig) *transporttest.H1Peer {
	t.Helper()
	peer, err := transporttest.NewH1Peer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, peer.Close()) })
	return peer
}

func newH2Peer(t testing.TB, config transporttest.H2PeerConfig) *transporttest.H2Peer {
	t.Helper()
	peer, err := transporttest.NewH2Peer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, peer.Close()) })
	return peer
}

// scriptedPeer is an H1Peer or an H2Peer.
type scriptedPeer interface {
	URL() string
	Stats() transporttest.PeerStats
	Wait(ctx context.Context, until func(transporttest.PeerStats) bool) error
}

// startPeer starts an endpoint of the kind that follows a script.
func (u upstream) startPeer(t testing.TB, ca *transporttest.CA, h1 func(*transporttest.H1Exchange), h2 func(*transporttest.H2Stream)) scriptedPeer {
	t.Helper()
	switch {
	case u.h2:
		return newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: h2})
	case u.secure:
		return newH1Peer(t, transporttest.H1PeerConfig{CA: ca, Serve: h1})
	default:
		return newH1Peer(t, transporttest.H1PeerConfig{Serve: h1})
	}
}

func noPeerConns(s transporttest.PeerStats) bool { return s.Open == 0 }

// wiretap is a dialer that notes what is written to its connections.
type wiretap struct {
	mu     sync.Mutex
	dialed []string // host:port of each, in order
	wrote  []*bytes.Buffer
}

type tapped struct {
	net.Conn
	tap *wiretap
	all *bytes.Buffer
}

func (w *wiretap) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	all := new(bytes.Buffer)
	w.dialed, w.wrote = append(w.dialed, addr), append(w.wrote, all)
	return &tapped{conn, w, all}, err
}

func (c *tapped) Write(p []byte) (int, error) {
	c.tap.mu.Lock()
	c.all.Write(p)
	c.tap.mu.Unlock()
	return c.Conn.Write(p)
}

// heard is what was written to each connection.
func (w *wiretap) heard() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([][]byte, len(w.wrote))
	for i, b := range w.wrote {
		all[i] = bytes.Clone(b.Bytes())
	}
	return all
}

// posting is a request whose body net/http would send again by itself: it can be had
// anew, and the key says that twice does no harm.
func posting(t testing.TB, url string) *http.Request {
	t.Helper()
	const question = "a question"
	req := newRequest(t, http.MethodPost, url, nil)
	req.ContentLength = int64(len(question))
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(question))), nil
	}
	req.Body, _ = req.GetBody()
	req.Header.Set("Idempotency-Key", "1")
	return req
}
