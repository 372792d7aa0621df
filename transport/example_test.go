package transport_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A client that reaches its endpoint through a SOCKS5 proxy with a password. The
// endpoint and the proxy are fakes that run in this process.
func ExampleNew() {
	endpoint, err := transporttest.NewServer(transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer endpoint.Close()
	fake, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: "socks5", User: "user", Password: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()

	proxy, err := transport.ParseProxy(fake.URL()) // socks5://user:secret@127.0.0.1:…
	if err != nil {
		log.Fatal(err)
	}
	tr, err := transport.New(transport.Config{Proxy: proxy})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()

	resp, err := tr.Client().Get(endpoint.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, string(body))
	fmt.Println("tunnels through the proxy:", fake.Tunnels())

	// Output:
	// 200 OK hello
	// tunnels through the proxy: 1
}

// What is printed has no password, and what is refused says what to write instead.
func ExampleParseProxy() {
	proxy, err := transport.ParseProxy("SOCKS5://user:p%40ss@proxy.example.com")
	fmt.Println(proxy, err)

	_, err = transport.ParseProxy("http://user:p@ss@proxy.example.com:8080")
	fmt.Println(err)
	_, err = transport.ParseProxy("proxy.example.com:8080")
	fmt.Println(err)

	// Output:
	// socks5://user:***@proxy.example.com:1080 <nil>
	// invalid proxy URL: the user name or password holds an unescaped @: write @ as %40
	// invalid proxy URL: no scheme: write one of http, https, socks4, socks4a, socks5 or socks5h, as in socks5://user:password@10.0.0.2:1080
}

// A failure says where on its way the request failed, and whether it was sent.
func ExampleError() {
	down, err := transporttest.NewProxy(transporttest.ProxyConfig{
		Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: http.StatusForbidden},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer down.Close()
	proxy, err := transport.ParseProxy(down.URL())
	if err != nil {
		log.Fatal(err)
	}
	tr, err := transport.New(transport.Config{Proxy: proxy})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()

	resp, err := tr.Client().Get("https://api.example.com/v1/models")
	if err == nil {
		defer resp.Body.Close()
	}
	var failure *transport.Error
	if errors.As(err, &failure) {
		fmt.Println("phase:", failure.Phase)
		fmt.Println("code:", failure.Code)
		fmt.Println("sent:", failure.Sent)
		fmt.Println("may go direct:", transport.DefaultFallback(failure))
	}

	// Output:
	// phase: proxy-connect
	// code: 403
	// sent: no
	// may go direct: true
}

// Fallback works over any two round trippers. Here the first is a proxy that is
// down, and the second answers by itself.
func ExampleFallback() {
	viaProxy := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		proxy, err := transport.ParseProxy("http://user:secret@10.0.0.2:8080")
		if err != nil {
			return nil, err
		}
		return nil, &transport.Error{
			Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: proxy, Err: errors.New("connection refused"),
		}
	})
	direct := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{Status: "200 OK", Body: http.NoBody, Request: req}, nil
	})
	req, err := http.NewRequest(http.MethodGet, "http://api.example.com/", nil)
	if err != nil {
		log.Fatal(err)
	}

	resp, err := transport.Fallback(direct, nil)(viaProxy).RoundTrip(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)

	// Without it, the failure is the answer.
	resp, err = viaProxy.RoundTrip(req)
	if err == nil {
		defer resp.Body.Close()
	}
	fmt.Println(err)

	// Output:
	// 200 OK
	// proxy http://user:***@10.0.0.2:8080: cannot connect to the proxy: connection refused: it is down or unreachable: check its address, its port and the firewall
}

// Layers of one's own go around those of this package; the first is outermost.
func ExampleChain() {
	named := func(name string) transport.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				fmt.Println(name)
				return next.RoundTrip(req)
			})
		}
	}
	endpoint := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		fmt.Println("the wire")
		return &http.Response{Status: "200 OK", Body: http.NoBody, Request: req}, nil
	})
	client := &http.Client{Transport: transport.Chain(endpoint, named("logging"), named("tracing"), transport.Retry(1))}
	resp, err := client.Get("http://api.example.com/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)

	// Output:
	// logging
	// tracing
	// the wire
	// 200 OK
}
