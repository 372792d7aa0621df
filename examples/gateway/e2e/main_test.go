package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The load test runs its provider and its reverse proxy as programs of their own, so that
// neither shares a scheduler or a heap with what is measured: the test's own program,
// started again with its role in this variable.
const roleVariable = "GATEWAY_E2E_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch role, to, _ := strings.Cut(os.Getenv(roleVariable), " "); role {
	case "":
		os.Exit(m.Run()) //nolint:forbidigo // this is main
	case "provider":
		err = serveUntilEOF(&loadProvider{})
	case "reverseproxy":
		err = serveUntilEOF(bareProxy(to))
	default:
		err = fmt.Errorf("no role is called %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
	os.Exit(0) //nolint:forbidigo // this is main
}

// serveUntilEOF serves on a free port of loopback, prints its address, and ends when
// nobody holds its standard input any more.
func serveUntilEOF(h http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	if p, ok := h.(*loadProvider); ok {
		srv.ConnState = p.count
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = srv.Close()
	}()
	fmt.Println(l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bareProxy is what the gateway is held against: net/http's reverse proxy and nothing else.
func bareProxy(to string) http.Handler {
	target, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConns, transport.MaxIdleConnsPerHost = nil, 2*loadCallers, 2*loadCallers
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
}

// loadProvider answers chats at once, in one piece or as a stream of ten events, and
// knows how many connections it has had at the same time.
type loadProvider struct {
	mu   sync.Mutex
	open map[net.Conn]bool
	most int
}

func (p *loadProvider) count(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		if p.open == nil {
			p.open = map[net.Conn]bool{}
		}
		p.open[c] = true
		p.most = max(p.most, len(p.open))
	case http.StateClosed, http.StateHijacked:
		delete(p.open, c)
	default:
	}
}

// loadThinks is in requests that the provider is to think about for loadThought, less than
// any takes.
const (
	loadThinks  = `"metadata":{"thinks":"yes"}`
	loadThought = 20 * time.Millisecond
)

var (
	loadAnswer = `{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		strings.Repeat("Hello there. ", 60) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":180,"total_tokens":191}}`
	loadEvent = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-5","choices":[{"index":0,"delta":{"content":"Hello there."}}]}` + "\n\n"
	loadEnd   = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-5","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":180,"total_tokens":191}}` + "\n\ndata: [DONE]\n\n"
)

func (p *loadProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete { // the test asks, and begins anew
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprint(w, p.most)
		p.most = len(p.open)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.Contains(string(body), loadThinks) && !rest(r.Context(), loadThought) {
		return
	}
	if !strings.Contains(string(body), `"stream":true`) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(loadAnswer)))
		_, _ = io.WriteString(w, loadAnswer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range 10 {
		_, _ = io.WriteString(w, loadEvent)
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = io.WriteString(w, loadEnd)
}
