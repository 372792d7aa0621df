package transporttest_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// A user name and a password that need every kind of escaping.
const (
	strangeUser     = "us er@%/?"
	strangePassword = "p:a%ss#wörd/@"
)

func TestProxyServesNetHTTP(t *testing.T) {
	ca := newCA(t)
	plain := newServer(t, transporttest.ServerConfig{Handler: text("plain")})
	secure := newServer(t, transporttest.ServerConfig{Handler: text("secure"), CA: ca})
	two := newServer(t, transporttest.ServerConfig{Handler: text("two"), CA: ca, HTTP2: true})
	for _, scheme := range []string{"", "http", "https", "socks5", "socks5h"} {
		for _, user := range []string{"", strangeUser} {
			t.Run(scheme+" "+user, func(t *testing.T) {
				config := transporttest.ProxyConfig{Scheme: scheme, CA: ca}
				if user != "" {
					config.User, config.Password = user, strangePassword
				}
				proxy := newProxy(t, config)
				client := newClient(t, proxy.URL(), ca)
				client.Transport.(*http.Transport).ForceAttemptHTTP2 = scheme != "https" // net/http would offer h2 to the proxy
				for _, server := range []*transporttest.Server{plain, secure, two} {
					status, body := get(t, client, server.URL())
					assert.Equal(t, 200, status)
					assert.Contains(t, "plain secure two", body)
				}
				assert.Equal(t, []string{plain.Addr(), secure.Addr(), two.Addr()}, proxy.Targets())
				assert.Equal(t, 0, proxy.AuthFailures())
				tunnels := 3
				if !strings.HasPrefix(scheme, "socks") {
					tunnels = 2 // the plain one is an absolute-form request
				}
				assert.Equal(t, tunnels, proxy.Tunnels())
				assert.Equal(t, 3, proxy.Accepted())

				client.CloseIdleConnections()
				require.NoError(t, proxy.Wait(bounded(t), idle))
				assert.Equal(t, 3, proxy.Peak())
				assert.Equal(t, 0, proxy.Open())
			})
		}
	}
}

func TestProxyRefusesTheWrongPassword(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca})
	plain := newServer(t, transporttest.ServerConfig{})
	for _, scheme := range []string{"http", "https", "socks5"} {
		for name, user := range map[string]*url.Userinfo{
			"missing":        nil,
			"wrong user":     url.UserPassword("nobody", "secret"),
			"wrong password": url.UserPassword("user", "guess"),
			"no password":    url.User("user"),
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				proxy := newProxy(t, transporttest.ProxyConfig{Scheme: scheme, User: "user", Password: "secret", CA: ca})
				u := &url.URL{Scheme: scheme, Host: proxy.Addr(), User: user}
				client := newClient(t, u.String(), ca)
				_, err := client.Get(server.URL())
				require.Error(t, err)
				assert.Equal(t, 1, proxy.AuthFailures())
				if scheme == "socks5" {
					assert.Empty(t, proxy.Targets())
				} else {
					status, _ := get(t, client, plain.URL())
					assert.Equal(t, http.StatusProxyAuthRequired, status)
					assert.Equal(t, 2, proxy.AuthFailures())
				}
				assert.Equal(t, 0, proxy.Tunnels())
				assert.Equal(t, 0, server.Accepted()+plain.Accepted())
				require.NoError(t, proxy.Wait(bounded(t), idle))
			})
		}
	}
}

func TestProxyURL(t *testing.T) {
	ca := newCA(t)
	for _, tt := range []struct {
		config transporttest.ProxyConfig
		want   string // before the address
	}{
		{transporttest.ProxyConfig{}, "http://"},
		{transporttest.ProxyConfig{Scheme: "https", CA: ca}, "https://"},
		{transporttest.ProxyConfig{Scheme: "socks4a", User: "me"}, "socks4a://me@"},
		{transporttest.ProxyConfig{Scheme: "socks5h", User: "me", Password: "a:b@c"}, "socks5h://me:a%3Ab%40c@"},
	} {
		proxy := newProxy(t, tt.config)
		assert.Equal(t, tt.want+proxy.Addr(), proxy.URL())
	}
}

func TestProxyConfigThatCannotWorkIsAnError(t *testing.T) {
	for _, config := range []transporttest.ProxyConfig{
		{Scheme: "ftp"},
		{Scheme: "https"},
		{Fault: transporttest.Fault{Kind: 99}},
	} {
		_, err := transporttest.NewProxy(config)
		assert.Error(t, err, "%+v", config)
	}
}

func TestProxyDialSendsTargetsElsewhere(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{Handler: text("fake"), CA: ca, Hosts: []string{"api.openai.com"}})
	for _, scheme := range []string{"http", "socks5"} {
		proxy := newProxy(t, transporttest.ProxyConfig{
			Scheme: scheme,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				assert.Equal(t, "tcp", network)
				assert.Equal(t, "api.openai.com:443", addr)
				return new(net.Dialer).DialContext(ctx, network, server.Addr())
			},
		})
		_, body := get(t, newClient(t, proxy.URL(), ca), "https://api.openai.com/v1/models")
		assert.Equal(t, "fake", body)
		assert.Equal(t, []string{"api.openai.com:443"}, proxy.Targets())
	}
}

func TestHTTPSProxyAsksForClientCertificates(t *testing.T) {
	ca, clients := newCA(t), newCA(t)
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, ClientCA: clients})

	_, err := newClient(t, proxy.URL(), ca).Get(server.URL())
	require.Error(t, err)

	certificate, err := clients.Certificate("client")
	require.NoError(t, err)
	client := newClient(t, proxy.URL(), ca)
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificate}
	_, body := get(t, client, server.URL())
	assert.Equal(t, "hello", body)
}

func TestHTTPSProxyThatPrefersHTTP2(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text("hello")})
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, HTTP2: true})

	_, body := get(t, newClient(t, proxy.URL(), ca), server.URL())
	assert.Equal(t, "hello", body, "a client that offers http/1.1 only")

	client := newClient(t, proxy.URL(), ca)
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	_, err := client.Get(server.URL())
	assert.Error(t, err, "a client that offers h2 to the proxy")
	assert.Equal(t, 1, proxy.Tunnels())
}

func TestProxyNoticesThatTheClientLeavesDuringADial(t *testing.T) {
	dialling := make(chan struct{})
	proxy := newProxy(t, transporttest.ProxyConfig{
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialling <- struct{}{}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
	})
	for _, request := range []string{"CONNECT x:1 HTTP/1.1\r\n\r\n", "GET http://x:1/ HTTP/1.1\r\n\r\n"} {
		conn := dial(t, proxy.Addr())
		send(t, conn, request)
		<-dialling
		require.NoError(t, conn.Close())
		require.NoError(t, proxy.Wait(bounded(t), idle))
	}
}

func TestProxyCloseEndsEverything(t *testing.T) {
	ca := newCA(t)
	gone := make(chan struct{})
	addr := target(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 1))
		close(gone)
	})
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca})
	idleConn := dial(t, proxy.Addr()) // has not even begun
	tunnel := tls.Client(dial(t, proxy.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
	send(t, tunnel, "CONNECT "+addr+" HTTP/1.1\r\n\r\n")
	expect(t, tunnel, connected)
	require.NoError(t, proxy.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Open == 2 }))

	for range 2 {
		require.NoError(t, proxy.Close())
		assert.Equal(t, 0, proxy.Open())
	}
	<-gone
	_, err := tunnel.Read(make([]byte, 1))
	require.Error(t, err)
	assert.Empty(t, rest(t, idleConn))
	proxy.SetFault(transporttest.Fault{})
	_, err = net.Dial("tcp", proxy.Addr())
	require.Error(t, err, "a closed proxy stays closed")
}

func TestProxyCutsConnectionsAndGoesOn(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello"), CA: ca})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	client := newClient(t, proxy.URL(), ca)
	get(t, client, server.URL())
	proxy.CloseConnections()
	assert.Equal(t, 0, proxy.Open())
	require.NoError(t, server.Wait(bounded(t), idle), "the tunnel behind it is cut, too")

	client.CloseIdleConnections() // or net/http may still reach for the dead one
	_, body := get(t, client, server.URL())
	assert.Equal(t, "hello", body)
}

// A port that is down refuses connections and comes up again, though this process
// forks children meanwhile, which hold its sockets for a moment.
func TestDownThoughChildrenAreForked(t *testing.T) {
	proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, proxy.Close()) }()
	stop := make(chan struct{})
	var forks sync.WaitGroup
	for range 2 {
		forks.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.CommandContext(t.Context(), "true").Run()
				}
			}
		})
	}
	defer forks.Wait()
	defer close(stop)
	for range 200 {
		proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", proxy.Addr())
		if err == nil {
			_ = conn.Close()
		}
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		proxy.SetFault(transporttest.Fault{})
	}
}
