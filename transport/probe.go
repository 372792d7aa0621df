package transport

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/aitransport/aitransport/pool"
)

// Report is what a [Transport.Probe] found. Its JSON form is stable; fields may be
// added. It holds no secret.
type Report struct {
	URL            string        `json:"url"`     // without user info and query
	Success        bool          `json:"success"` // the endpoint answered, with whatever status
	StatusCode     int           `json:"statusCode"`
	ResponseTime   time.Duration `json:"-"`
	ResponseTimeMs int64         `json:"responseTimeMs"` // ResponseTime in whole milliseconds
	UsedProxy      bool          `json:"usedProxy"`      // the answer, or the failure, came by a proxy
	ProxyURL       string        `json:"proxyUrl"`       // redacted; "": none was to be used
	FellBack       bool          `json:"fellBack"`       // the proxy failed and the answer came directly
	Protocol       string        `json:"protocol"`       // HTTP/1.1 or HTTP/2.0
	Phases         []PhaseTime   `json:"phases"`         // in the order in which they were entered
	Error          string        `json:"error"`          // "" on success
	Advice         string        `json:"advice"`         // what to do about the error
	Err            error         `json:"-"`              // an *Error, unless the URL was wrong
}

// PhaseTime is one phase of a probe and how long it took. The last one of a failed
// probe is the one that failed.
type PhaseTime struct {
	Phase  Phase         `json:"phase"`
	Time   time.Duration `json:"-"`
	TimeMs float64       `json:"timeMs"`
}

// Probe takes the way that a request to url would take, over a new connection, and
// tells how far it came: a GET without credentials, whose answer is thrown away.
// Any HTTP status means that the endpoint was reached. The context bounds it, beside
// the Transport's own time-outs.
//
// Nothing goes direct unasked: to compare with a direct route, probe with a second
// Transport.
func (t *Transport) Probe(ctx context.Context, url string) Report {
	c := t.cfg
	c.Pool = pool.New(pool.Config{MaxAgents: 4})
	defer func() { _ = c.Pool.Close() }() // returns nil
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		// The parser's error repeats the URL, with what may be secret in it.
		return Report{Phases: []PhaseTime{}, Error: "not a URL", Advice: "write https://host/path", Err: errors.New("transport: Probe: not a URL")}
	}
	stack, err := build(c)
	if err != nil { // New has accepted the same Config
		return Report{Phases: []PhaseTime{}, Error: err.Error(), Err: err}
	}
	p := &probe{start: time.Now(), phases: []PhaseTime{}}
	resp, err := stack.RoundTrip(req.WithContext(p.watch(ctx)))
	clean := *req.URL
	clean.User, clean.RawQuery, clean.Fragment = nil, "", ""
	return p.report(clean.String(), resp, err)
}

// probe collects what happens on the way. Dials tell from their own goroutines.
type probe struct {
	start time.Time

	mu     sync.Mutex
	phases []PhaseTime
	since  time.Time // when the last of the phases was entered
	agent  AgentInfo
	first  *Error // the proxy failure before going direct
}

func (p *probe) watch(ctx context.Context) context.Context {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { p.enter(PhaseDNS) },
		ConnectStart: func(string, string) { p.leaveDNS() },
	})
	return WithTrace(ctx, &Trace{
		Phase:    p.enter,
		GotAgent: func(i AgentInfo) { p.mu.Lock(); defer p.mu.Unlock(); p.agent = i },
		Fallback: func(e *Error) { p.mu.Lock(); defer p.mu.Unlock(); p.first = e },
	})
}

func (p *probe) enter(phase Phase) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.phases); n > 0 && p.phases[n-1].Phase == phase {
		return // told from two sides
	}
	p.closeLocked(now)
	p.phases, p.since = append(p.phases, PhaseTime{Phase: phase}), now
}

// closeLocked writes down how long the last phase took.
func (p *probe) closeLocked(now time.Time) {
	if n := len(p.phases); n > 0 {
		last := &p.phases[n-1]
		last.Time = now.Sub(p.since)
		last.TimeMs = float64(last.Time.Microseconds()) / 1000
	}
}

// leaveDNS goes on with the phase that the look-up interrupted.
func (p *probe) leaveDNS() {
	p.mu.Lock()
	n := len(p.phases)
	inDNS := n > 1 && p.phases[n-1].Phase == PhaseDNS
	var before Phase
	if inDNS {
		before = p.phases[n-2].Phase
	}
	p.mu.Unlock()
	if inDNS {
		p.enter(before)
	}
}

func (p *probe) report(url string, resp *http.Response, err error) Report {
	now := time.Now()
	p.mu.Lock()
	p.closeLocked(now)
	r := Report{
		URL: url, ResponseTime: now.Sub(p.start), Phases: p.phases,
		UsedProxy: p.agent.Proxy != nil, FellBack: p.first != nil, Err: err,
	}
	shown := p.agent.Proxy
	if p.first != nil {
		shown = p.first.Proxy
	}
	p.mu.Unlock()
	r.ResponseTimeMs = r.ResponseTime.Milliseconds()
	if shown != nil {
		r.ProxyURL = shown.String()
	}
	if err != nil {
		r.Error = err.Error()
		var e *Error
		if errors.As(err, &e) {
			_, r.Advice = e.describe()
		}
		return r
	}
	r.Success, r.StatusCode, r.Protocol = true, resp.StatusCode, resp.Proto
	discard(resp)
	return r
}
