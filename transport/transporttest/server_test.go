package transporttest_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestServerSpeaksWhatItsConfigSays(t *testing.T) {
	ca := newCA(t)
	tests := []struct {
		name   string
		config transporttest.ServerConfig
		scheme string
		proto  string
	}{
		{"plain", transporttest.ServerConfig{}, "http://127.0.0.1:", "HTTP/1.1"},
		{"TLS", transporttest.ServerConfig{CA: ca}, "https://127.0.0.1:", "HTTP/1.1"},
		{"HTTP/2", transporttest.ServerConfig{CA: ca, HTTP2: true}, "https://127.0.0.1:", "HTTP/2.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.Proto)
			})
			server := newServer(t, tt.config)
			client := newClient(t, "", ca)
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = true

			status, body := get(t, client, server.URL())
			assert.Equal(t, 200, status)
			assert.Equal(t, tt.proto, body)
			assert.Equal(t, tt.scheme+strings.TrimPrefix(server.Addr(), "127.0.0.1:"), server.URL())
		})
	}
}

func TestServerOfTheZeroConfigAnswers200(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	status, body := get(t, newClient(t, "", nil), server.URL())
	assert.Equal(t, 200, status)
	assert.Empty(t, body)
}

func TestServerCertificateHasItsHosts(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Hosts: []string{"api.openai.com"}})
	for _, name := range []string{"api.openai.com", "localhost", "127.0.0.1"} {
		conn := tls.Client(dial(t, server.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: name})
		assert.NoError(t, conn.HandshakeContext(bounded(t)), name)
	}
}

func TestServerAsksForClientCertificates(t *testing.T) {
	ca, clients := newCA(t), newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, ClientCA: clients})

	_, err := newClient(t, "", ca).Get(server.URL())
	require.Error(t, err)

	certificate, err := clients.Certificate("client")
	require.NoError(t, err)
	client := newClient(t, "", ca)
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificate}
	status, _ := get(t, client, server.URL())
	require.Equal(t, 200, status)
}

func TestServerConfigThatContradictsItselfIsAnError(t *testing.T) {
	_, err := transporttest.NewServer(transporttest.ServerConfig{HTTP2: true})
	require.Error(t, err)
	_, err = transporttest.NewServer(transporttest.ServerConfig{ClientCA: newCA(t)})
	require.Error(t, err)
}

func TestServerCountsConnections(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	reused := newClient(t, "", nil)
	for range 3 {
		get(t, reused, server.URL())
	}
	assert.Equal(t, transporttest.Stats{Accepted: 1, Open: 1, Peak: 1}, server.Stats())

	other := newClient(t, "", nil)
	get(t, other, server.URL())
	assert.Equal(t, 2, server.Accepted())
	assert.Equal(t, 2, server.Open())

	reused.CloseIdleConnections()
	other.CloseIdleConnections()
	require.NoError(t, server.Wait(bounded(t), idle))
	assert.Equal(t, 0, server.Open())
	assert.Equal(t, 2, server.Peak())
}

func TestServerCutsConnectionsAndGoesOn(t *testing.T) {
	for _, unread := range []string{"", "a body that the handler does not read"} {
		entered, left := make(chan struct{}), make(chan struct{})
		var once sync.Once
		server := newServer(t, transporttest.ServerConfig{
			Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/wait" {
					return
				}
				once.Do(func() { close(entered) })
				<-r.Context().Done()
				close(left)
			}),
		})
		client := newClient(t, "", nil)
		failed := make(chan error, 1)
		go func() {
			resp, err := client.Post(server.URL()+"/wait", "text/plain", strings.NewReader(unread))
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		<-entered
		server.CloseConnections()
		assert.Equal(t, 0, server.Open())
		assert.Error(t, <-failed)
		<-left

		status, _ := get(t, client, server.URL())
		assert.Equal(t, 200, status)
	}
}

// A server that is down refuses, keeps the connections it has, and comes back on the
// same port.
func TestServerGoesDownAndUp(t *testing.T) {
	ca := newCA(t)
	for _, config := range []transporttest.ServerConfig{{}, {CA: ca}, {CA: ca, HTTP2: true}} {
		config.Handler = text("hello")
		server := newServer(t, config)
		url := server.URL()
		for range 3 {
			client := newClient(t, "", ca)
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
			status, _ := get(t, client, url)
			require.Equal(t, 200, status)

			server.Down()
			server.Down()
			_, err := net.Dial("tcp", server.Addr())
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			get(t, client, url) // by the connection that is there
			accepted := server.Accepted()

			server.CloseConnections()
			assert.Equal(t, 0, server.Open())
			_, err = client.Get(url)
			require.Error(t, err)
			assert.Equal(t, accepted, server.Accepted())

			server.Up()
			server.Up()
			status, _ = get(t, client, url)
			require.Equal(t, 200, status)
		}
		assert.Equal(t, url, server.URL())
		server.Down()
		require.NoError(t, server.Close())
		server.Up()
		_, err := net.Dial("tcp", server.Addr())
		require.Error(t, err)
	}
}

// Whoever is served while the server goes down and up is served to the end.
func TestServerGoesDownAndUpUnderLoad(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	var clients sync.WaitGroup
	for range 8 {
		client := newClient(t, "", nil)
		clients.Go(func() {
			for range 100 {
				resp, err := client.Get(server.URL())
				if err != nil {
					continue
				}
				body, err := io.ReadAll(resp.Body)
				if err == nil {
					assert.Equal(t, "hello", string(body))
				}
				resp.Body.Close()
			}
		})
	}
	for range 50 {
		server.Down()
		server.CloseConnections()
		assert.Equal(t, 0, server.Open())
		server.Up()
	}
	clients.Wait()
	require.NoError(t, server.Close())
	assert.Equal(t, 0, server.Open())
}

func TestServerCloseEndsEverything(t *testing.T) {
	ca := newCA(t)
	for _, config := range []transporttest.ServerConfig{{}, {CA: ca}, {CA: ca, HTTP2: true}} {
		entered := make(chan struct{})
		left := false // written before Close returns, or the race detector says so
		config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			left = true
		})
		server := newServer(t, config)
		client := newClient(t, "", ca)
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
		failed := make(chan error, 1)
		go func() {
			resp, err := client.Get(server.URL())
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		<-entered

		var closers sync.WaitGroup
		for range 3 {
			closers.Go(func() { assert.NoError(t, server.Close()) })
		}
		closers.Wait()
		assert.True(t, left)
		assert.Equal(t, 0, server.Open())
		assert.Error(t, <-failed)
		_, err := client.Get(server.URL())
		assert.Error(t, err)
	}
}

func TestServerCloseCutsHijackedConnections(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, "mine")
			}
		}),
	})
	conn := dial(t, server.Addr())
	send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	expect(t, conn, "mine")
	assert.Equal(t, 1, server.Open())
	require.NoError(t, server.Close())
	assert.Empty(t, rest(t, conn))
}

func TestWaitEndsWithItsContext(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(assert.AnError)
	err := server.Wait(ctx, func(s transporttest.Stats) bool { return s.Accepted == 1 })
	require.ErrorIs(t, err, assert.AnError)
}
