package transporttest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"

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
