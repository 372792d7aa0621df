package transporttest_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// A client meets a proxy that refuses its first connection and then works.
func Example() {
	server, err := transporttest.NewServer(transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "hello through "+r.Header.Get("Via"))
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{
		User: "user", Password: "secret",
		Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 503, Times: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer proxy.Close()

	through, err := url.Parse(proxy.URL())
	if err != nil {
		log.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(through)}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	for range 2 {
		resp, err := client.Get(server.URL())
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			fmt.Println(string(body))
		} else {
			fmt.Println(resp.Status)
		}
	}
	fmt.Println("the server saw", server.Accepted(), "connection")

	// Output:
	// 503 Service Unavailable
	// hello through 1.1 transporttest
	// the server saw 1 connection
}

// A server that reads a request and hangs up on it, once. net/http sends a GET that
// failed on a connection it had used before again by itself; this one is new.
func ExampleNewH1Peer() {
	peer, err := transporttest.NewH1Peer(transporttest.H1PeerConfig{
		Serve: func(x *transporttest.H1Exchange) {
			if x.Number == 1 {
				x.ReadBody()
				x.Close()
				return
			}
			x.Answer(http.StatusOK, nil, "welcome back")
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer peer.Close()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 2 {
		resp, err := client.Get(peer.URL())
		if err != nil {
			fmt.Println("no answer, after", peer.Requests(), "request")
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(body))
	}

	// Output:
	// no answer, after 1 request
	// welcome back
}

// An HTTP/2 server that refuses the first stream. A refused stream was not processed,
// so that even a POST may be sent again: net/http does.
func ExampleNewH2Peer() {
	ca, err := transporttest.NewCA()
	if err != nil {
		log.Fatal(err)
	}
	peer, err := transporttest.NewH2Peer(transporttest.H2PeerConfig{
		CA: ca,
		Serve: func(s *transporttest.H2Stream) {
			if s.Number() == 1 {
				s.Reset(http2.ErrCodeRefusedStream)
				return
			}
			body, err := s.ReadBody()
			if err == nil {
				s.Answer(http.StatusOK, nil, "got "+string(body))
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer peer.Close()

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: ca.Pool()},
		ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Post(peer.URL(), "text/plain", strings.NewReader("a question"))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body), "after", peer.Requests(), "requests")

	// Output:
	// got a question after 2 requests
}
