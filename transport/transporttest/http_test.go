package transporttest_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// exchange sends a raw request on conn and reads the answer to it.
func exchange(t *testing.T, conn net.Conn, method, request string) *http.Response {
	t.Helper()
	send(t, conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestForwardRemovesHopByHopFields(t *testing.T) {
	seen := make(chan *http.Request, 1)
	addr := target(t, func(conn *net.TCPConn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		assert.NoError(t, err)
		seen <- r
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n"+
			"Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n"+
			"X-End: 1\r\nVia: 1.1 other\r\n\r\n")
	})
	proxy := newProxy(t, transporttest.ProxyConfig{User: "user", Password: "secret"})
	credentials := base64.StdEncoding.EncodeToString([]byte("user:secret"))
	resp := exchange(t, dial(t, proxy.Addr()), "GET", "GET http://"+addr+"/path%2Fa?q=1&q=%20 HTTP/1.1\r\n"+
		"Host: ignored.test\r\n"+
		"Proxy-Authorization: Basic "+credentials+"\r\n"+
		"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\nKeep-Alive: 1\r\nTe: trailers\r\nUpgrade: h2c\r\n"+
		"Authorization: Bearer mine\r\nX-End: 1\r\n\r\n")

	r := <-seen
	assert.Equal(t, "/path%2Fa?q=1&q=%20", r.RequestURI)
	assert.Equal(t, addr, r.Host)
	assert.Equal(t, http.Header{
		"Authorization": {"Bearer mine"}, "X-End": {"1"}, "Via": {"1.1 transporttest"},
	}, r.Header)

	assert.Equal(t, "200 Fine", resp.Status)
	assert.Equal(t, http.Header{
		"X-End": {"1"}, "Via": {"1.1 other", "1.1 transporttest"}, "Content-Length": {"0"},
	}, resp.Header)
}

func TestForwardKeepsTheClientsConnection(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/stream":
				for range 3 {
					_, _ = io.WriteString(w, "part ")
					_ = http.NewResponseController(w).Flush()
				}
			case "/echo":
				all, _ := io.ReadAll(r.Body)
				_, _ = w.Write(all)
			}
		}),
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	client := newClient(t, proxy.URL(), nil)
	_, body := get(t, client, server.URL()+"/stream")
	assert.Equal(t, "part part part ", body)
	resp, err := client.Post(server.URL()+"/echo", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	require.NoError(t, err)
	echoed, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Len(t, echoed, 1<<20)
	resp, err = client.Head(server.URL() + "/echo")
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	_, body = get(t, client, server.URL()+"/")
	assert.Empty(t, body)

	assert.Equal(t, 1, proxy.Accepted())
	assert.Equal(t, 4, server.Accepted())
	assert.Len(t, proxy.Targets(), 4)
	assert.Equal(t, 0, proxy.Tunnels())
}

func TestForwardAnswersAnUploadThatTheTargetDoesNotWant(t *testing.T) {
	addr := target(t, func(conn *net.TCPConn) {
		_, _ = http.ReadRequest(bufio.NewReaderSize(conn, 16))
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // closing now would be a reset, which may overtake the answer
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	conn := dial(t, proxy.Addr())
	for range 2 {
		const size = 8 << 20
		answered := make(chan int, 1)
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				answered <- 0
				return
			}
			answered <- resp.StatusCode
		}()
		send(t, conn, fmt.Sprintf("POST http://%s/ HTTP/1.1\r\nContent-Length: %d\r\n\r\n", addr, size))
		send(t, conn, strings.Repeat("x", size))
		assert.Equal(t, http.StatusRequestEntityTooLarge, <-answered)
	}
}

func TestForwardStreamsBothWays(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			assert.NoError(t, rc.EnableFullDuplex())
			w.Header().Set("Trailer", "X-Count")
			line := bufio.NewReader(r.Body)
			for n := 0; ; n++ {
				text, err := line.ReadString('\n')
				if err != nil {
					w.Header().Set("X-Count", fmt.Sprint(n, " ", r.Trailer.Get("X-Sent")))
					return
				}
				_, _ = io.WriteString(w, "you said "+text)
				_ = rc.Flush()
			}
		}),
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(bounded(t), http.MethodPost, server.URL(), body)
	require.NoError(t, err)
	req.Trailer = http.Header{"X-Sent": nil}
	go io.WriteString(feed, "one\n")
	resp, err := newClient(t, proxy.URL(), nil).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		if word != "one" {
			_, err = io.WriteString(feed, word+"\n")
			require.NoError(t, err)
		}
		line, err := answer.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "you said "+word+"\n", line)
	}
	req.Trailer.Set("X-Sent", "sum")
	require.NoError(t, feed.Close())
	_, err = answer.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, "3 sum", resp.Trailer.Get("X-Count"))
}

func TestForwardPassesInformationalAnswers(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.Copy(w, r.Body) // reading sends 100 Continue
		}),
	})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	var codes []int
	continued := make(chan struct{})
	ctx := httptrace.WithClientTrace(bounded(t), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			codes = append(codes, code)
			return nil
		},
		Got100Continue: func() { close(continued) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL(), strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("Expect", "100-continue")
	client := newClient(t, proxy.URL(), nil)
	client.Transport.(*http.Transport).ExpectContinueTimeout = patience
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "body", string(body))
	<-continued
	assert.Equal(t, []int{103, 100}, codes)
}

func TestForwardTellsTheTargetThatTheClientLeft(t *testing.T) {
	for name, request := range map[string]string{
		"before the answer":  "GET %s/silent HTTP/1.1\r\n\r\n",
		"after an upload":    "POST %s/silent HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
		"amid the answer":    "GET %s/stream HTTP/1.1\r\n\r\n",
		"amid the upload":    "POST %s/silent HTTP/1.1\r\nContent-Length: 9\r\n\r\nbo",
		"amid a chunked one": "POST %s/silent HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			entered, left := make(chan struct{}), make(chan struct{})
			server := newServer(t, transporttest.ServerConfig{
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.ReadFull(r.Body, make([]byte, 2))
					if r.URL.Path == "/stream" {
						_, _ = io.WriteString(w, "first")
						_ = http.NewResponseController(w).Flush()
					}
					close(entered)
					if _, err := io.Copy(io.Discard, r.Body); err == nil {
						<-r.Context().Done()
					}
					close(left)
				}),
			})
			proxy := newProxy(t, transporttest.ProxyConfig{})
			conn := dial(t, proxy.Addr())
			send(t, conn, fmt.Sprintf(request, server.URL()))
			<-entered
			require.NoError(t, conn.Close())
			<-left
			require.NoError(t, proxy.Wait(bounded(t), idle))
		})
	}
}

func TestForwardServesAnOldClient(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "of unknown ")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "length")
		}),
	})
	conn := dial(t, newProxy(t, transporttest.ProxyConfig{}).Addr())
	send(t, conn, "GET "+server.URL()+"/ HTTP/1.0\r\n\r\n")
	answer := rest(t, conn)
	assert.Contains(t, answer, "\r\n\r\nof unknown length")
	assert.NotContains(t, answer, "chunked")
}

func TestHTTPProxyAnswersForATargetOutOfReach(t *testing.T) {
	refused := closedPort(t)
	proxy := newProxy(t, transporttest.ProxyConfig{
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "slow") {
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	})
	for addr, status := range map[string]int{refused: 502, "slow.test:80": 504} {
		for _, request := range []string{"CONNECT %s HTTP/1.1\r\n\r\n", "POST http://%s/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"} {
			conn := dial(t, proxy.Addr())
			resp := exchange(t, conn, "GET", fmt.Sprintf(request, addr))
			assert.Equal(t, status, resp.StatusCode, request)
			assert.True(t, resp.Close)
		}
	}
	assert.Equal(t, 0, proxy.Tunnels())
}

func TestHTTPProxyAnswersForATargetThatSaysNothing(t *testing.T) {
	addr := target(t, func(conn *net.TCPConn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) })
	proxy := newProxy(t, transporttest.ProxyConfig{})
	status, _ := get(t, newClient(t, proxy.URL(), nil), "http://"+addr)
	assert.Equal(t, 502, status)
}

func TestHTTPProxyRefusesWhatIsNoProxyRequest(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{})
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET https://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x05\x01\x00\r\n\r\n",
	} {
		resp := exchange(t, dial(t, proxy.Addr()), "GET", request)
		assert.Equal(t, 400, resp.StatusCode, "%q", request)
	}
	assert.Empty(t, proxy.Targets())
}

func TestTargetsAreAsTheClientSentThem(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	var dialled []string
	proxy := newProxy(t, transporttest.ProxyConfig{
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = append(dialled, addr) // one request at a time
			return new(net.Dialer).DialContext(ctx, network, server.Addr())
		},
	})
	for _, request := range []string{
		"CONNECT API.OpenAI.com:443 HTTP/1.1\r\n\r\n",
		"CONNECT [::1]:8443 HTTP/1.1\r\n\r\n",
		"GET http://Example.com/ HTTP/1.1\r\n\r\n",
		"GET http://[::1]:81/ HTTP/1.1\r\n\r\n",
		"GET http://[::1]/ HTTP/1.1\r\n\r\n",
	} {
		resp := exchange(t, dial(t, proxy.Addr()), "CONNECT", request)
		assert.Equal(t, 200, resp.StatusCode)
	}
	assert.Equal(t, []string{"API.OpenAI.com:443", "[::1]:8443", "Example.com", "[::1]:81", "[::1]"}, proxy.Targets())
	assert.Equal(t, []string{"API.OpenAI.com:443", "[::1]:8443", "Example.com:80", "[::1]:81", "[::1]:80"}, dialled)
}
