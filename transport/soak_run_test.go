package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// soakRun is the requests to one endpoint, what became of them, and what the endpoint
// saw of them. It is the endpoint's handler.
type soakRun struct {
	mortality
	next   atomic.Int64
	done   atomic.Int64  // answers
	old    chan struct{} // told after so many answers
	deaths int
	took   time.Duration
	most   int // connections of the Transport when the endpoint was about to die

	mu       sync.Mutex
	hits     map[string]int
	outcomes map[string]error // nil: answered
	http2    int              // answers that came by it
	wrong    []string         // what must not happen, in words
}

func newSoakRun(m mortality) *soakRun {
	return &soakRun{mortality: m, old: make(chan struct{}, 1), hits: make(map[string]int), outcomes: make(map[string]error)}
}

// answerParts is in how many pieces an answer comes, so that deaths meet bodies too.
const answerParts = 3

func answerTo(id string) string { return strings.Repeat(id+"\n", answerParts) }

// ServeHTTP answers with the request's own body, over and over, and takes its time.
func (s *soakRun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	s.hits[id]++
	s.mu.Unlock()
	if body, err := io.ReadAll(r.Body); err != nil || r.Method == http.MethodPost && string(body) != id {
		panic(http.ErrAbortHandler)
	}
	for range answerParts {
		if !elapse(r.Context(), rand.N(s.work/answerParts)) {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, id+"\n")
		_ = http.NewResponseController(w).Flush()
	}
	if s.answers > 0 && s.done.Add(1)%int64(s.answers) == 0 {
		select {
		case s.old <- struct{}{}:
		default: // it is dying already
		}
	}
}

// elapse waits, and tells whether it was for the whole time.
func elapse(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// against sends all requests while the endpoint lives and dies.
func (s *soakRun) against(t *testing.T, tr *transport.Transport, server *transporttest.Server) {
	t.Helper()
	began := time.Now()
	ctx, spare := context.WithCancel(t.Context())
	defer spare()
	var killer sync.WaitGroup
	killer.Go(func() {
		s.deaths = s.kill(ctx, server, func() { s.most = max(s.most, tr.Stats().Conns) })
	})
	var callers sync.WaitGroup
	for range manyCallers {
		callers.Go(func() {
			for n := s.next.Add(1); n <= int64(s.requests); n = s.next.Add(1) {
				s.call(t, tr, server.URL(), n)
			}
		})
	}
	callers.Wait()
	s.took = time.Since(began)
	spare()
	killer.Wait()
}

// call sends one request, a GET or a POST, and books what becomes of it.
func (s *soakRun) call(t *testing.T, tr http.RoundTripper, url string, n int64) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id := strconv.FormatInt(n, 10)
	method, body := http.MethodGet, io.Reader(nil)
	if n%2 == 0 {
		method, body = http.MethodPost, strings.NewReader(id)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/"+id, body)
	if err != nil {
		s.book(id, nil, "", err)
		return
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		s.book(id, nil, "", err)
		elapse(ctx, s.dead) // rather than use up all requests while it is dead
		return
	}
	got, err := readAndClose(resp)
	s.book(id, resp, got, err)
	if resp.StatusCode != http.StatusOK {
		elapse(ctx, s.dead)
	}
}

// errProxyPage stands for the kit's proxy's own answer to a request whose endpoint it
// could not reach, or lost. It does not say whose answer it is, and so it is passed on.
var errProxyPage = errors.New("502 of the proxy's own")

// book notes what became of a request. resp is nil if no answer began.
func (s *soakRun) book(id string, resp *http.Response, body string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && resp.StatusCode == http.StatusBadGateway && strings.HasPrefix(body, "transporttest: 502:") {
		err = errProxyPage
	}
	s.outcomes[id] = err
	var e *transport.Error
	switch {
	case errors.Is(err, errProxyPage):
	case err == nil && (resp.StatusCode != http.StatusOK || body != answerTo(id)):
		s.wrong = append(s.wrong, fmt.Sprintf("%s was answered by %d, %q", id, resp.StatusCode, body))
	case err != nil && !errors.As(err, &e):
		s.wrong = append(s.wrong, fmt.Sprintf("%s: %T: %v", id, err, err))
	case err != nil && resp != nil && (e.Phase != transport.PhaseBody || !strings.HasPrefix(answerTo(id), body)):
		s.wrong = append(s.wrong, fmt.Sprintf("%s, after %q: %v", id, body, err))
	case err != nil && (e.Timeout() || errors.Is(err, context.Canceled)):
		s.wrong = append(s.wrong, fmt.Sprintf("%s was not told that it is dead: %v", id, err))
	case err == nil && resp.ProtoMajor == 2:
		s.http2++
	}
}

// check looks at what became of the requests.
func (s *soakRun) check(t *testing.T, route string, up upstream) {
	t.Helper()
	assert.Empty(t, s.wrong)
	assert.Len(t, s.outcomes, s.requests)
	assert.Positive(t, s.deaths)
	assert.LessOrEqual(t, s.most, manyCallers)
	phases := s.phases()
	assert.Positive(t, phases["answered"])
	assert.Equal(t, up.h2, s.http2 > 0)

	plausible := []string{"answered", "send", "wait", "body"}
	if up.secure {
		plausible = append(plausible, "target-tls")
	}
	if route == "direct" {
		plausible = append(plausible, "dial-target")
	} else {
		plausible = append(plausible, "proxy-connect")
	}
	if route == "http" && !up.secure {
		plausible = append(plausible, errProxyPage.Error())
	}
	for phase := range phases {
		phase, _, _ = strings.Cut(phase, "/")
		assert.Contains(t, plausible, phase, "%v", phases)
	}
}

// checkHits compares the requests with what the endpoint saw of them. It has ended.
func (s *soakRun) checkHits(t *testing.T) {
	t.Helper()
	for id, err := range s.outcomes {
		var e *transport.Error
		switch hits := s.hits[id]; {
		case hits > 1:
			assert.Fail(t, "seen more than once", "%s: %d times: %v", id, hits, err)
		case err == nil && hits != 1:
			assert.Fail(t, "answered, but never seen", "%s", id)
		case errors.As(err, &e) && e.Sent == transport.SentNo && hits != 0:
			assert.Fail(t, "called unsent, but seen", "%s: %v", id, err)
		}
	}
}

// phases counts the requests by where they ended.
func (s *soakRun) phases() map[string]int {
	counts := make(map[string]int)
	for _, err := range s.outcomes {
		var e *transport.Error
		switch {
		case err == nil:
			counts["answered"]++
		case errors.As(err, &e):
			counts[e.Phase.String()+"/"+e.Sent.String()]++
		default:
			counts[err.Error()]++
		}
	}
	return counts
}

// figures is the run in one line.
func (s *soakRun) figures(server *transporttest.Server) string {
	phases := s.phases()
	var ends []string
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		ends = append(ends, fmt.Sprintf("%s %d", phase, phases[phase]))
	}
	stats := server.Stats()
	return fmt.Sprintf("%d requests in %s: %s; %d by HTTP/2; %d deaths; %d connections, %d at once",
		s.requests, s.took.Round(time.Millisecond), strings.Join(ends, ", "), s.http2, s.deaths, stats.Accepted, stats.Peak)
}
