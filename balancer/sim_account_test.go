package balancer_test

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// simAccount is an account as its provider knows it.
type simAccount struct {
	name     string
	place    *simPlace
	weight   int
	models   []string
	proxy    int // -1: none
	inFlight int64
	perMin   int64
	hidden   int64 // what the provider allows a minute, unknown to the balancer; 0: perMin
	world    *simWorld
	episodes []*simEpisode

	mu       sync.Mutex
	dice     *rand.Rand
	now      int64
	peak     int64
	arrivals []time.Duration // in the last minute
	busiest  int64           // arrivals in any one minute
	answered []time.Duration // when good answers began
	attempts int
}

// simPatience is how long the transport waits for an answer to begin.
const simPatience = 8 * time.Second

// RoundTrip is what happens to an attempt.
func (a *simAccount) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body) // memory
	_ = r.Body.Close()
	now := a.world.now()
	e := a.trouble(now)
	if e != nil && e.trouble == simProxyDead {
		return nil, &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Addr: r.URL.Host, Err: errBroken}
	}
	latency, luck, left := a.arrive(now)
	answer := func(status int, header http.Header, body string) (*http.Response, error) {
		if header == nil {
			header = make(http.Header)
		}
		header.Set("Content-Type", "application/json")
		return a.answer(r, status, header, []byte(body), latency/4)
	}
	switch {
	case left > 0: // over the provider's own limit
		return answer(429, http.Header{"Retry-After": {strconv.Itoa(int(left/time.Second) + 1)}}, `{"error":{"message":"Rate limit reached.","code":"rate_limit_exceeded"}}`)
	case e == nil || e.trouble == simFlaky && luck < 0.7:
		return a.good(r, latency)
	}
	switch e.trouble {
	case simSlow:
		return a.good(r, 8*latency)
	case simOutage, simFlaky:
		if e.trouble == simOutage && luck < 0.3 {
			return nil, a.fail(r, latency, io.ErrUnexpectedEOF)
		}
		return answer(500, nil, `{"error":{"message":"The server had an error.","type":"server_error"}}`)
	case simOverload:
		return answer(529, nil, `{"error":{"message":"Overloaded","type":"overloaded_error"}}`)
	case simRateLimit:
		reset := strconv.Itoa(int(math.Ceil((e.to - now).Seconds())))
		return answer(429, http.Header{"Retry-After": {reset}}, `{"error":{"message":"Rate limit reached.","code":"rate_limit_exceeded"}}`)
	case simSilent:
		return nil, a.fail(r, simPatience, os.ErrDeadlineExceeded)
	case simKeyRefused:
		return answer(401, nil, `{"error":{"message":"Incorrect API key provided.","code":"invalid_api_key"}}`)
	default:
		return answer(402, nil, `{"error":{"message":"Insufficient balance.","code":"insufficient_quota"}}`)
	}
}

// arrive books an attempt, and throws the dice for it. left is how long the
// provider's own limit allows no more.
func (a *simAccount) arrive(now time.Duration) (latency time.Duration, luck float64, left time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attempts++
	a.now++
	a.peak = max(a.peak, a.now)
	a.forget(now - time.Minute)
	if a.hidden > 0 && int64(len(a.arrivals)) >= a.hidden {
		left = a.arrivals[0] + time.Minute - now
	}
	a.arrivals = append(a.arrivals, now)
	a.busiest = max(a.busiest, int64(len(a.arrivals)))
	latency = time.Duration(float64(500*time.Millisecond) * math.Exp(a.dice.NormFloat64()/2))
	return min(latency, simPatience/10), a.dice.Float64(), left
}

// forget drops what arrived until then.
func (a *simAccount) forget(until time.Duration) {
	n := 0
	for n < len(a.arrivals) && a.arrivals[n] <= until {
		n++
	}
	a.arrivals = a.arrivals[n:]
}

// leave ends an attempt.
func (a *simAccount) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now--
}

// hasRoom tells whether an account could serve one more, for sure: the quota counts
// up to a second longer than a minute.
func (a *simAccount) hasRoom(now time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := int64(len(a.arrivals))
	for _, at := range a.arrivals {
		if at > now-61*time.Second {
			break
		}
		n--
	}
	return a.now < a.inFlight && n < a.perMin && (a.hidden == 0 || n < a.hidden)
}

// fail waits and breaks the attempt off.
func (a *simAccount) fail(r *http.Request, after time.Duration, why error) error {
	defer a.leave()
	if err := simWait(r.Context(), after); err != nil {
		why = err
	}
	return &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Addr: r.URL.Host, Err: why}
}

// good answers well.
func (a *simAccount) good(r *http.Request, latency time.Duration) (*http.Response, error) {
	resp, err := a.answer(r, http.StatusOK, http.Header{"Content-Type": {"application/json"}}, simAnswers[a.place.provider.API.Name], latency)
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.answered = append(a.answered, a.world.now())
	}
	return resp, err
}

// answer waits and answers.
func (a *simAccount) answer(r *http.Request, status int, h http.Header, body []byte, after time.Duration) (*http.Response, error) {
	if err := simWait(r.Context(), after); err != nil {
		a.leave()
		return nil, &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Addr: r.URL.Host, Err: err}
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: r, ContentLength: int64(len(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: &simBody{Reader: bytes.NewReader(body), end: sync.OnceFunc(a.leave)},
	}, nil
}

var simAnswers = map[string][]byte{
	provider.OpenAI.API.Name: benchAnswer,
	provider.Anthropic.API.Name: []byte(`{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"Hello."}],` +
		`"model":"claude","stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}`),
}

// simBody frees the slot at its end.
type simBody struct {
	io.Reader
	end func()
}

func (b *simBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *simBody) Close() error {
	b.end()
	return nil
}

// simWait lets virtual time pass.
func simWait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
