package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
)

// answer is an endpoint that needs no network.
func answer(body string, header http.Header) http.RoundTripper {
	return transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{Status: "200 OK", Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	})
}

// show sends a request and prints what comes.
func show(rt http.RoundTripper, body io.Reader) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://api.example.com/", body)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(text), err)
}

// Retry sends again what was certainly not sent, a POST too.
func ExampleRetry() {
	calls := 0
	flaky := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		if calls++; calls == 1 {
			return nil, &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, Err: errors.New("the idle connection had died")}
		}
		return answer("hello", nil).RoundTrip(req)
	})
	show(transport.Retry(1)(flaky), strings.NewReader("question"))
	fmt.Println("calls:", calls)

	// Output:
	// 200 OK hello <nil>
	// calls: 2
}

// Downgrade goes on by HTTP/1.1 where HTTP/2 does not work.
func ExampleDowngrade() {
	broken := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		fmt.Println("trying HTTP/2")
		return nil, &transport.Error{
			Phase: transport.PhaseTargetTLS, Sent: transport.SentNo, HTTP2: true,
			Code: 120, // TLS: no_application_protocol
		}
	})
	rt := transport.Downgrade(answer("by HTTP/1.1", nil), nil)(broken)
	show(rt, nil)
	show(rt, nil)

	// Output:
	// trying HTTP/2
	// 200 OK by HTTP/1.1 <nil>
	// 200 OK by HTTP/1.1 <nil>
}

// IdleTimeout ends an answer that says nothing any more.
func ExampleIdleTimeout() {
	stalls := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		body, _ := io.Pipe() // nobody writes
		return &http.Response{Status: "200 OK", Body: body, Request: req}, nil
	})
	rt := transport.IdleTimeout(10 * time.Millisecond)(stalls)
	resp, err := (&http.Client{Transport: rt}).Get("https://api.example.com/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	fmt.Println(err)
	fmt.Println("time-out:", errors.Is(err, context.DeadlineExceeded))

	// Output:
	// the answer of api.example.com:443 broke off: nothing came for 10ms
	// time-out: true
}

// Decode takes codings off that nobody asked for. Others than gzip and deflate are
// given by name; this one stands for br or zstd.
func ExampleDecode() {
	shout := func(r io.Reader) (io.ReadCloser, error) {
		b, err := io.ReadAll(r)
		return io.NopCloser(strings.NewReader(strings.ToUpper(string(b)))), err
	}
	rt := transport.Decode(map[string]transport.Decoder{"shout": shout})(
		answer("hello", http.Header{"Content-Encoding": {"shout"}}))
	show(rt, nil)

	// Output:
	// 200 OK HELLO <nil>
}

// Replayable gives a request whose body can be read only once a GetBody, so that
// the layers below can send it again.
func ExampleReplayable() {
	twice := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		first, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		second, err := io.ReadAll(again)
		if err != nil {
			return nil, err
		}
		return answer(string(first)+string(second), nil).RoundTrip(req)
	})
	once, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "ha")
		_ = w.Close()
	}()
	show(transport.Replayable(1<<20)(twice), once)

	// Output:
	// 200 OK haha <nil>
}

// OnDone is called once for each request, when its answer's body has ended.
func ExampleOnDone() {
	rt := transport.OnDone(func(req *http.Request, resp *http.Response, end transport.End) {
		fmt.Println(req.Method, resp.Status, end.Bytes, "bytes, whole:", end.Whole)
	})(answer("hello", nil))
	show(rt, nil)

	// Output:
	// POST 200 OK 5 bytes, whole: true
	// 200 OK hello <nil>
}

// Pooled alone sends each request once, by the way that its Config says.
func ExampleNewPooled() {
	agents := pool.New(pool.Config{MaxAgents: 10})
	defer agents.Close()
	once, err := transport.NewPooled(transport.Config{Pool: agents, HTTP2: transport.HTTP2Never})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport.Chain(once, transport.Retry(2))}
	resp, err := client.Get("http://127.0.0.1:1/") // nobody listens there
	if err == nil {
		defer resp.Body.Close()
	}
	var failure *transport.Error
	fmt.Println(errors.As(err, &failure), failure.Phase, failure.Sent)

	// Output:
	// true dial-target no
}
