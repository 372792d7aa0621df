package transporttest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// portBytes are the two bytes of addr's port.
func portBytes(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return string([]byte{byte(n >> 8), byte(n)})
}

// toEcho is a Dial that remembers addresses and connects all of them to addr.
func toEcho(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// assertEcho uses an open tunnel to an echo.
func assertEcho(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	send(t, conn, "hello")
	require.NoError(t, conn.CloseWrite())
	assert.Equal(t, "hello", rest(t, conn))
}

func TestSOCKS5Addresses(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "socks5", Dial: toEcho(target(t, echo))})
	for _, tt := range []struct{ address, want string }{
		{"\x01\x7f\x00\x00\x01", "127.0.0.1:443"},
		{"\x03\x0eAPI.openai.com", "API.openai.com:443"},
		{"\x03\x05a:b@c", "[a:b@c]:443"},
		{"\x04" + strings.Repeat("\x00", 15) + "\x01", "[::1]:443"},
		{"\x04" + strings.Repeat("\x00", 10) + "\xff\xff\x01\x02\x03\x04", "[::ffff:1.2.3.4]:443"},
	} {
		conn := dial(t, proxy.Addr())
		send(t, conn, "\x05\x01\x00")
		expect(t, conn, "\x05\x00")
		send(t, conn, "\x05\x01\x00"+tt.address+"\x01\xbb")
		expect(t, conn, "\x05\x00\x00\x01\x7f\x00\x00\x01")
		_, err := io.ReadFull(conn, make([]byte, 2)) // the port of the proxy's own end
		require.NoError(t, err)
		assertEcho(t, conn)
		targets := proxy.Targets()
		assert.Equal(t, tt.want, targets[len(targets)-1])
	}
}

func TestSOCKS5ReplyHasTheProxysIPv6Address(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{
		Scheme: "socks5",
		Dial: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			far.Close()
			return ipv6Conn{near}, nil
		},
	})
	conn := dial(t, proxy.Addr())
	send(t, conn, "\x05\x01\x00\x05\x01\x00\x03\x01x\x00\x50")
	expect(t, conn, "\x05\x00"+"\x05\x00\x00\x04"+string(net.ParseIP("2001:db8::1"))+"\x12\x34")
	assert.Empty(t, rest(t, conn))
}

type ipv6Conn struct{ net.Conn }

func (ipv6Conn) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 0x1234}
}

func TestSOCKS5TakesEverythingAtOnce(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{
		Scheme: "socks5", User: "user", Password: "secret", Dial: toEcho(target(t, echo)),
	})
	conn := dial(t, proxy.Addr())
	send(t, conn, "\x05\x02\x00\x02"+"\x01\x04user\x06secret"+"\x05\x01\x00\x03\x01x\x00\x50"+"early and ")
	expect(t, conn, "\x05\x02"+"\x01\x00"+"\x05\x00\x00\x01\x7f\x00\x00\x01")
	_, err := io.ReadFull(conn, make([]byte, 2))
	require.NoError(t, err)
	send(t, conn, "late")
	require.NoError(t, conn.CloseWrite())
	assert.Equal(t, "early and late", rest(t, conn))
}

func TestSOCKS5Refusals(t *testing.T) {
	const open, protected = "", "user"
	for _, tt := range []struct {
		name, user, sent, want string
		failures               int
	}{
		{"method not offered", open, "\x05\x01\x02", "\x05\xff", 0},
		{"no password offered", protected, "\x05\x01\x00", "\x05\xff", 1},
		{"wrong password", protected, "\x05\x01\x02\x01\x04user\x05guess", "\x05\x02\x01\x01", 1},
		{"bind", open, "\x05\x01\x00\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", "\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00", 0},
		{"unknown address type", open, "\x05\x01\x00\x05\x01\x00\x02", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00", 0},
		{"empty name", open, "\x05\x01\x00\x05\x01\x00\x03\x00", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := transporttest.ProxyConfig{Scheme: "socks5"}
			if tt.user != "" {
				config.User, config.Password = tt.user, "secret"
			}
			proxy := newProxy(t, config)
			conn := dial(t, proxy.Addr())
			send(t, conn, tt.sent)
			assert.Equal(t, tt.want, rest(t, conn))
			assert.Equal(t, tt.failures, proxy.AuthFailures())
			assert.Empty(t, proxy.Targets())
		})
	}
}

func TestSOCKSRepliesForATargetOutOfReach(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code byte
	}{
		"refused":             {os.NewSyscallError("connect", syscall.ECONNREFUSED), 5},
		"host unreachable":    {os.NewSyscallError("connect", syscall.EHOSTUNREACH), 4},
		"network unreachable": {os.NewSyscallError("connect", syscall.ENETUNREACH), 3},
		"unknown name":        {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, 4},
		"anything else":       {errors.New("bad luck"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			config := transporttest.ProxyConfig{
				Scheme: "socks5",
				Dial: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: tt.err}
				},
			}
			conn := dial(t, newProxy(t, config).Addr())
			send(t, conn, "\x05\x01\x00\x05\x01\x00\x03\x01x\x00\x50")
			assert.Equal(t, "\x05\x00\x05"+string(rune(tt.code))+"\x00\x01\x00\x00\x00\x00\x00\x00", rest(t, conn))

			config.Scheme = "socks4"
			conn = dial(t, newProxy(t, config).Addr())
			send(t, conn, "\x04\x01\x00\x50\x01\x02\x03\x04\x00")
			assert.Equal(t, "\x00\x5b\x00\x00\x00\x00\x00\x00", rest(t, conn))
		})
	}
	t.Run("a real refusal", func(t *testing.T) {
		proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "socks5"})
		conn := dial(t, proxy.Addr())
		send(t, conn, "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"+portBytes(t, closedPort(t)))
		assert.Equal(t, "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", rest(t, conn))
	})
}

func TestSOCKS4(t *testing.T) {
	const granted, badUser, rejected = "\x00\x5a\x00\x00\x00\x00\x00\x00", "\x00\x5d\x00\x00\x00\x00\x00\x00", "\x00\x5b\x00\x00\x00\x00\x00\x00"
	addr := target(t, echo)
	for _, tt := range []struct{ name, user, sent, want, target string }{
		{"address", "", "\x04\x01\x01\xbb\x0a\x00\x00\x01\x00", granted, "10.0.0.1:443"},
		{"anybody", "", "\x04\x01\x01\xbb\x0a\x00\x00\x01anybody\x00", granted, "10.0.0.1:443"},
		{"name", "", "\x04\x01\x01\xbb\x00\x00\x00\x07\x00Api.test\x00", granted, "Api.test:443"},
		{"0.0.0.0 is no name", "", "\x04\x01\x01\xbb\x00\x00\x00\x00\x00", granted, "0.0.0.0:443"},
		{"right user", "me", "\x04\x01\x01\xbb\x0a\x00\x00\x01me\x00", granted, "10.0.0.1:443"},
		{"wrong user", "me", "\x04\x01\x01\xbb\x0a\x00\x00\x01you\x00", badUser, "10.0.0.1:443"},
		{"no user", "me", "\x04\x01\x01\xbb\x0a\x00\x00\x01\x00", badUser, "10.0.0.1:443"},
		{"bind", "", "\x04\x02\x01\xbb\x0a\x00\x00\x01\x00", rejected, ""},
		{"empty name", "", "\x04\x01\x01\xbb\x00\x00\x00\x07\x00\x00", rejected, ""},
		{"another version", "", "\x05\x01\x01\xbb\x0a\x00\x00\x01\x00", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "socks4", User: tt.user, Dial: toEcho(addr)})
			conn := dial(t, proxy.Addr())
			send(t, conn, tt.sent)
			if tt.want == granted {
				expect(t, conn, granted)
				assertEcho(t, conn)
			} else if tt.want != "" {
				assert.Equal(t, tt.want, rest(t, conn))
			} else {
				_, err := conn.Read(make([]byte, 1)) // closed with bytes unread: end or reset
				assert.Error(t, err)
			}
			if tt.target != "" {
				assert.Equal(t, []string{tt.target}, proxy.Targets())
			} else {
				assert.Empty(t, proxy.Targets())
			}
			failures := 0
			if tt.want == badUser {
				failures = 1
			}
			assert.Equal(t, failures, proxy.AuthFailures())
		})
	}
}

func TestSOCKS4WithoutPassword(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "socks4a", User: "me"})
	conn := dial(t, proxy.Addr())
	send(t, conn, "\x04\x01"+portBytes(t, server.Addr())+"\x7f\x00\x00\x01me\x00"+"GET / HTTP/1.0\r\n\r\n")
	expect(t, conn, "\x00\x5a\x00\x00\x00\x00\x00\x00")
	assert.Contains(t, rest(t, conn), "\r\n\r\nhello")
	assert.Equal(t, 1, proxy.Tunnels())
}
