package transport_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// Names go to the proxy unresolved, seen on the wire; socks4 resolves them here, to
// IPv4 (nasty case 19).
func TestSocksWhoResolvesNames(t *testing.T) {
	target := listen(t, echo)
	_, port, err := net.SplitHostPort(target)
	require.NoError(t, err)
	for scheme, asked := range map[string]string{
		"http": "name.invalid:443", "https": "name.invalid:443", "socks4a": "name.invalid:443",
		"socks5": "name.invalid:443", "socks5h": "name.invalid:443",
	} {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Dial: to(target).dial})
			conn, err := r.dialer.DialContext(t.Context(), "tcp", "name.invalid:443")
			require.NoError(t, err)
			works(t, conn)
			require.NoError(t, conn.Close())
			assert.Equal(t, []string{asked}, r.Targets())
		})
	}
	t.Run("socks4", func(t *testing.T) {
		r := newRig(t, "socks4", transporttest.ProxyConfig{})
		conn, err := r.dialer.DialContext(t.Context(), "tcp", "localhost:"+port)
		require.NoError(t, err)
		works(t, conn)
		require.NoError(t, conn.Close())
		assert.Equal(t, []string{"127.0.0.1:" + port}, r.Targets())
	})
}

func TestSocks4CannotCarry(t *testing.T) {
	for _, c := range []struct{ scheme, addr, says string }{
		{"socks4", "[2001:db8::1]:443", "use socks5"},
		{"socks4a", "[2001:db8::1]:443", "use socks5"},
		{"socks4a", strings.Repeat("x", 256) + ":443", "too long"},
		{"socks4a", "a\x00b:443", "zero byte"},
		{"socks4", "10.0.0.1:http", "port"},
		{"socks4a", "name.invalid", "missing port"},
	} {
		t.Run(c.scheme+" "+c.says, func(t *testing.T) {
			r := newRig(t, c.scheme, transporttest.ProxyConfig{})
			_, err := r.dialer.DialContext(t.Context(), "tcp", c.addr)
			e := typed(t, err)
			assert.Equal(t, transport.PhaseProxyConnect, e.Phase)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, c.addr, e.Addr)
			assert.Contains(t, e.Error(), c.says)
			assert.Zero(t, r.Accepted(), "nobody had to be dialled for that")
		})
	}
	t.Run("an IPv4 address in IPv6 clothes", func(t *testing.T) {
		r := newRig(t, "socks4", transporttest.ProxyConfig{Dial: to(listen(t, echo)).dial})
		conn, err := r.dialer.DialContext(t.Context(), "tcp", "[::ffff:10.0.0.1]:443")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		assert.Equal(t, []string{"10.0.0.1:443"}, r.Targets())
	})
	t.Run("a name that nobody knows", func(t *testing.T) {
		r := newRig(t, "socks4", transporttest.ProxyConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // the resolver is not asked: tests stay off the network
		_, err := r.dialer.DialContext(ctx, "tcp", "name.invalid:443")
		e := typed(t, err)
		assert.Equal(t, transport.PhaseDNS, e.Phase)
		assert.Equal(t, "name.invalid", e.Addr)
		require.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, r.Accepted())
	})
}

// said is what a client sends in a SOCKS handshake whose answers are given, each
// after as many bytes as stand before it.
func said(t *testing.T, url, addr string, answers ...any) (string, error) {
	t.Helper()
	heard := make(chan string, 1)
	proxyAddr := listen(t, func(conn *net.TCPConn) {
		var all []byte
		for i := 0; i < len(answers); i += 2 {
			piece := make([]byte, answers[i].(int))
			n, _ := io.ReadFull(conn, piece)
			all = append(all, piece[:n]...)
			_, _ = conn.Write(unhex(answers[i+1].(string)))
		}
		_ = conn.CloseWrite()
		heard <- hex.EncodeToString(all)
		_, _ = io.Copy(io.Discard, conn)
	})
	d := &transport.Dialer{Proxy: parse(t, fmt.Sprintf(url, proxyAddr))}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err == nil {
		require.NoError(t, conn.Close())
	}
	return <-heard, err
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The bytes on the wire, by the protocols' own texts (nasty case 3 among them).
func TestSocksOnTheWire(t *testing.T) {
	heard, err := said(t, "socks4://me@%s", "10.0.0.1:443", 11, "005a000000000000")
	require.NoError(t, err)
	assert.Equal(t, "0401"+"01bb"+"0a000001"+hex.EncodeToString([]byte("me"))+"00", heard)

	heard, err = said(t, "socks4a://%s", "a.test:80", 16, "005a000000000000")
	require.NoError(t, err)
	assert.Equal(t, "0401"+"0050"+"00000001"+"00"+hex.EncodeToString([]byte("a.test"))+"00", heard)

	heard, err = said(t, "socks5://%s", "a.test:443", 3, "0500", 13, "05000001 7f000001 1234")
	require.NoError(t, err)
	assert.Equal(t, "050100"+"05010003"+"06"+hex.EncodeToString([]byte("a.test"))+"01bb", heard)

	heard, err = said(t, "socks5h://u:pw@%s", "[2001:db8::1]:443", 4, "0502", 6, "0100", 22, "05000003 01 61 1234")
	require.NoError(t, err)
	assert.Equal(t, "05020002"+"0101"+hex.EncodeToString([]byte("u"))+"02"+hex.EncodeToString([]byte("pw"))+
		"05010004"+"20010db8000000000000000000000001"+"01bb", heard)
}

// Each reply becomes a phase and a code, and says what to do.
func TestSocksReplies(t *testing.T) {
	const connect, auth, handshake = transport.PhaseProxyConnect, transport.PhaseProxyAuth, transport.PhaseProxyHandshake
	user, open := "socks5://u:pw@%s", "socks5://%s"
	cases := []struct {
		name, url string
		answers   []any
		phase     transport.Phase
		code      int
		advice    string
	}{
		{"general failure", open, []any{3, "0500", 10, "0501000100000000 0000"}, connect, 1, "check the proxy's log"},
		{"not allowed", open, []any{3, "0500", 10, "0502000100000000 0000"}, connect, 2, "check its rules"},
		{"network unreachable", open, []any{3, "0500", 10, "0503000100000000 0000"}, connect, 3, "proxy's own network"},
		{"host unreachable", open, []any{3, "0500", 10, "0504000100000000 0000"}, connect, 4, "proxy's own network"},
		{"refused", open, []any{3, "0500", 10, "0505000100000000 0000"}, connect, 5, "proxy's own network"},
		{"TTL expired", open, []any{3, "0500", 10, "0506000100000000 0000"}, connect, 6, "proxy's own network"},
		{"command not supported", open, []any{3, "0500", 10, "0507000100000000 0000"}, connect, 7, "does not support"},
		{"address not supported", open, []any{3, "0500", 10, "0508000100000000 0000"}, connect, 8, "does not support"},
		{"a code of its own", open, []any{3, "0500", 10, "05ff000100000000 0000"}, connect, 255, "check the proxy's log"},
		{"refusal cut short", open, []any{3, "0500", 10, "0505"}, connect, 5, "proxy's own network"},
		{"cut after the method", open, []any{3, "0500"}, connect, 0, ""},
		{"cut in the method", open, []any{3, "05"}, handshake, 0, "check its scheme and port"},
		{"nothing", open, []any{3, ""}, handshake, 0, "check its scheme and port"},
		{"an HTTP proxy", open, []any{3, hex.EncodeToString([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))}, handshake, 0, "check its scheme and port"},
		{"no method acceptable", open, []any{3, "05ff"}, auth, 255, "user name and password"},
		{"no method acceptable, user", user, []any{4, "05ff"}, auth, 255, "user name and password"},
		{"password wanted, none given", open, []any{3, "0502"}, auth, 0, "user name and password"},
		{"wrong password", user, []any{4, "0502", 6, "0101"}, auth, 1, "user name and password"},
		{"wrong password, another code", user, []any{4, "0502", 6, "01ff"}, auth, 255, "user name and password"},
		{"cut after the password", user, []any{4, "0502", 6, ""}, auth, 0, ""},
		{"a method nobody offered", user, []any{4, "0501"}, handshake, 0, "check its scheme and port"},
		{"password accepted, then refused", user, []any{4, "0502", 6, "0100", 10, "0502000100000000 0000"}, connect, 2, "check its rules"},
		{"password accepted, then cut", user, []any{4, "0502", 6, "0100"}, connect, 0, ""},
		{"socks4 rejected", "socks4://%s", []any{9, "005b000000000000"}, connect, 91, "check its rules"},
		{"socks4 no identd", "socks4://%s", []any{9, "005c000000000000"}, auth, 92, "user name"},
		{"socks4 wrong user", "socks4://%s", []any{9, "005d000000000000"}, auth, 93, "user name"},
		{"socks4 garbage", "socks4://%s", []any{9, "0a5a000000000000"}, handshake, 0, "check its scheme and port"},
		{"socks4 garbage and end", "socks4://%s", []any{9, "4854"}, handshake, 0, "check its scheme and port"},
		{"socks4 cut", "socks4://%s", []any{9, "005a"}, connect, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := said(t, c.url, "10.0.0.1:443", c.answers...)
			e := typed(t, err)
			assert.Equal(t, c.phase.String(), e.Phase.String(), "%v", err)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, "10.0.0.1:443", e.Addr)
			assert.Contains(t, e.Error(), c.advice)
			assert.Equal(t, c.phase != auth, transport.DefaultFallback(e))
		})
	}
}

// A user name alone is sent with an empty password.
func TestSocks5UserWithoutPassword(t *testing.T) {
	heard, err := said(t, "socks5://tok@%s", "10.0.0.1:443", 4, "0502", 6, "0100", 10, "05000001 7f000001 1234")
	require.NoError(t, err)
	assert.Contains(t, heard, "0103"+hex.EncodeToString([]byte("tok"))+"00")
}
