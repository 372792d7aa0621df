package balancer_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// writesDialer counts how often is written to the connections that it dials.
type writesDialer struct {
	net.Dialer
	writes atomic.Int64
}

func (d *writesDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	return &writesConn{conn, &d.writes}, err
}

type writesConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *writesConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// A system call less here, and a packet and a read less at the provider.
func TestASmallRequestIsSentInOneWrite(t *testing.T) {
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{})})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	dialer := &writesDialer{}
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	cfg := balancer.Config{Accounts: []balancer.Account{account("a", func(a *balancer.Account) { a.Provider = at })}}
	cfg.Transport.Dialer = dialer
	lb := newTransport(t, cfg)
	for range 3 {
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	assert.EqualValues(t, 3, dialer.writes.Load())
}
