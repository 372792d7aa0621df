package transporttest_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

const connected = "HTTP/1.1 200 Connection established\r\n\r\n"

// connect opens a tunnel through an HTTP proxy. What follows the head of the
// request comes in the same packet.
func connect(t *testing.T, proxy *transporttest.Proxy, addr, early string) *net.TCPConn {
	t.Helper()
	conn := dial(t, proxy.Addr())
	send(t, conn, "CONNECT "+addr+" HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"+early)
	expect(t, conn, connected)
	return conn
}

// echo answers with everything it read, once the client has ended.
func echo(conn *net.TCPConn) {
	all, err := io.ReadAll(conn)
	if err == nil {
		_, _ = conn.Write(all)
	}
}

func TestTunnelPassesTheClientsHalfClose(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{})
	for name, message := range map[string]string{
		"after nothing":        "",
		"after a little":       "hello",
		"after a good deal":    strings.Repeat("hello", 200_000),
		"after more than most": strings.Repeat("hello", 2_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, proxy, target(t, echo), "")
			send(t, conn, message)
			require.NoError(t, conn.CloseWrite())
			assert.True(t, message == rest(t, conn), "the echo differs")
		})
	}
}

func TestTunnelPassesTheTargetsHalfClose(t *testing.T) {
	got := make(chan string, 1)
	addr := target(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "goodbye")
		_ = conn.CloseWrite()
		all, _ := io.ReadAll(conn)
		got <- string(all)
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := connect(t, proxy, addr, "")
	assert.Equal(t, "goodbye", rest(t, conn))
	send(t, conn, "one more thing")
	require.NoError(t, conn.CloseWrite())
	assert.Equal(t, "one more thing", <-got)
	require.NoError(t, proxy.Wait(bounded(t), idle))
}

func TestTunnelKeepsWhatTheClientSendsTooEarly(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := connect(t, proxy, target(t, echo), "early and ")
	send(t, conn, "late")
	require.NoError(t, conn.CloseWrite())
	assert.Equal(t, "early and late", rest(t, conn))
}

func TestTunnelEndsWhenTheClientResets(t *testing.T) {
	gone := make(chan struct{})
	addr := target(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1))
		close(gone)
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := connect(t, proxy, addr, "")
	require.NoError(t, conn.SetLinger(0))
	require.NoError(t, conn.Close())
	<-gone
	require.NoError(t, proxy.Wait(bounded(t), idle))
}

func TestTunnelEndsWhenTheTargetResets(t *testing.T) {
	addr := target(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1)) // an earlier reset could fail the dial
		_ = conn.SetLinger(0)
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := connect(t, proxy, addr, "")
	send(t, conn, "x")
	assert.Empty(t, rest(t, conn))
	require.NoError(t, conn.Close())
	require.NoError(t, proxy.Wait(bounded(t), idle))
}

func TestTargetThatEndsWhileTheClientSendsIsHeardOut(t *testing.T) {
	addr := target(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "enough") })
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := connect(t, proxy, addr, "")
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, strings.Repeat("more ", 1_000_000))
		sent <- err
	}()
	assert.Equal(t, "enough", rest(t, conn))
	require.NoError(t, <-sent)
}
