package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// fakes are an endpoint and proxies that run in this process.
func fakes(schemes ...string) (endpoint *transporttest.Server, proxies []*transport.Proxy, stop func()) {
	endpoint, err := transporttest.NewServer(transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
	})
	if err != nil {
		log.Fatal(err)
	}
	closers := []io.Closer{endpoint}
	for _, scheme := range schemes {
		fake, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: scheme})
		if err != nil {
			log.Fatal(err)
		}
		p, err := transport.ParseProxy(fake.URL())
		if err != nil {
			log.Fatal(err)
		}
		closers, proxies = append(closers, fake), append(proxies, p)
	}
	return endpoint, proxies, func() {
		for _, c := range closers {
			_ = c.Close()
		}
	}
}

// fetch prints the answer to a GET.
func fetch(tr *transport.Transport, url string) {
	resp, err := tr.Client().Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
}

// Dialers chain: the office's HTTP proxy leads to a SOCKS5 proxy outside, which leads
// to the endpoint.
func ExampleDialer() {
	endpoint, proxies, stop := fakes("http", "socks5")
	defer stop()
	office, outside := proxies[0], proxies[1]

	tr, err := transport.New(transport.Config{Proxy: outside, Dialer: &transport.Dialer{Proxy: office}})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	fetch(tr, endpoint.URL())

	// Output:
	// hello <nil>
}

// RegisterSchemes makes our proxies known to programs that use x/net/proxy.
func ExampleRegisterSchemes() {
	transport.RegisterSchemes()
	endpoint, proxies, stop := fakes("socks4a")
	defer stop()
	u, err := url.Parse("socks4a://" + proxies[0].Addr())
	if err != nil {
		log.Fatal(err)
	}
	dialer, err := proxy.FromURL(u, proxy.Direct)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := dialer.Dial("tcp", endpoint.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println("a tunnel")

	// Output:
	// a tunnel
}

// ProxyPool takes its proxies in turn and leaves those alone that fail.
func ExampleProxyPool() {
	endpoint, proxies, stop := fakes("http", "socks5")
	defer stop()
	gone, err := transport.ParseProxy("http://127.0.0.1:1") // nobody listens there
	if err != nil {
		log.Fatal(err)
	}
	tr, err := transport.New(transport.Config{ProxySource: transport.ProxyPool(append(proxies, gone))})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	for range 3 {
		fetch(tr, endpoint.URL())
	}

	// Output:
	// hello <nil>
	// hello <nil>
	// hello <nil>
}

// FromEnvironment chooses as HTTPS_PROXY and the others say. A value that is no proxy
// is an error, and never means direct.
func ExampleFromEnvironment() {
	defer os.Setenv("HTTPS_PROXY", os.Getenv("HTTPS_PROXY"))
	defer os.Setenv("NO_PROXY", os.Getenv("NO_PROXY"))
	os.Setenv("HTTPS_PROXY", "http://user:secret@10.0.0.2:3128")
	os.Setenv("NO_PROXY", "internal.example.com,10.0.0.0/8")

	choose, err := transport.FromEnvironment()
	if err != nil {
		log.Fatal(err)
	}
	for _, target := range []string{"https://api.example.com", "https://internal.example.com", "https://localhost:8443"} {
		u, err := url.Parse(target)
		if err != nil {
			log.Fatal(err)
		}
		p, err := choose(u)
		fmt.Println(target, p, err)
	}

	os.Setenv("HTTPS_PROXY", "http://user:p%zz@10.0.0.2:3128")
	_, err = transport.FromEnvironment()
	fmt.Println(err != nil)

	// Output:
	// https://api.example.com http://user:***@10.0.0.2:3128 <nil>
	// https://internal.example.com direct <nil>
	// https://localhost:8443 direct <nil>
	// true
}

// Probe tells how far a request would come.
func ExampleTransport_Probe() {
	endpoint, proxies, stop := fakes("socks5")
	defer stop()
	tr, err := transport.New(transport.Config{Proxy: proxies[0]})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()

	report := tr.Probe(context.Background(), endpoint.URL())
	fmt.Println(report.Success, report.StatusCode, report.UsedProxy)
	for _, p := range report.Phases {
		fmt.Println(p.Phase)
	}
	encoded, err := json.Marshal(report)
	fmt.Println(len(encoded) > 0, err)

	// Output:
	// true 200 true
	// dial-proxy
	// proxy-handshake
	// proxy-connect
	// send
	// wait
	// true <nil>
}

// WithTrace follows one request.
func ExampleWithTrace() {
	endpoint, _, stop := fakes()
	defer stop()
	gone, err := transport.ParseProxy("socks5://127.0.0.1:1") // nobody listens there
	if err != nil {
		log.Fatal(err)
	}
	tr, err := transport.New(transport.Config{Proxy: gone, FallbackToDirect: true})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	ctx := transport.WithTrace(context.Background(), &transport.Trace{
		GotAgent: func(i transport.AgentInfo) { fmt.Println("by way of", i.Proxy) },
		Fallback: func(e *transport.Error) { fmt.Println("direct, because of", e.Phase) },
		BodyDone: func(e transport.End) { fmt.Println(e.Bytes, "bytes, whole:", e.Whole) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint.URL(), nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)

	// Output:
	// by way of socks5://127.0.0.1:1
	// direct, because of dial-proxy
	// by way of direct
	// 5 bytes, whole: true
}

// ConnectHeader adds fields for proxies that want more than a password.
func ExampleConnectHeader() {
	dialer := &transport.Dialer{
		ConnectHeader: func(context.Context, *transport.Proxy, string) (http.Header, error) {
			return http.Header{"X-Zone": {"eu"}}, nil
		},
		Base: &dialerFunc{func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network here") }},
	}
	dialer.Proxy, _ = transport.ParseProxy("http://10.0.0.2:3128")
	_, err := dialer.DialContext(context.Background(), "tcp", "api.example.com:443")
	fmt.Println(err)

	// Output:
	// proxy http://10.0.0.2:3128: cannot connect to the proxy: no network here: it is down or unreachable: check its address, its port and the firewall
}
