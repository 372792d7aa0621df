package transport_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blackHole is an address where connections are neither accepted nor refused: the
// queue of its listener has room for one, nobody takes that one, and the kernel
// drops what comes after it.
func blackHole(t testing.TB) (addr, reason string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	raw, err := listener.(*net.TCPListener).SyscallConn()
	require.NoError(t, err)
	var shrunk error
	require.NoError(t, raw.Control(func(fd uintptr) { shrunk = syscall.Listen(int(fd), 0) }))
	require.NoError(t, shrunk)

	filler, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, filler.Close()) })
	conn, err := net.DialTimeout("tcp", listener.Addr().String(), brief)
	if err == nil {
		_ = conn.Close()
		return "", "the queue of a listener has room for more than was asked for"
	}
	require.True(t, isDeadline(err), "%v", err)
	return listener.Addr().String(), ""
}

// keepClosed keeps a port that nobody listens on from being given to anybody else:
// it is bound, and refuses connections.
func keepClosed(t testing.TB, addr string) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	require.NoError(t, err)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Close(fd)) })
	require.NoError(t, syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}))
}
