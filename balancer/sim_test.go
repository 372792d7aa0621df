package balancer_test

import (
	"context"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

var (
	simAccounts = flag.Int("sim.accounts", 300, "accounts of TestSimulation; 10000 is the whole of it")
	simRate     = flag.Float64("sim.rate", 40, "requests a second of TestSimulation; 200 is the whole of it")
)

const (
	simTime     = 11 * time.Minute // virtual, in which requests arrive
	simDeadline = 30 * time.Second // of each caller
)

// TestSimulation lets virtual minutes pass in a world of several providers with many
// accounts, in which providers fail, proxies die, and accounts are slow, silent, rate
// limited, refused and out of money. It knows at each moment who could have served.
func TestSimulation(t *testing.T) {
	if raceEnabled {
		t.Skip("it takes minutes with the race detector, for which TestChaos is made: run without -race")
	}
	accounts, rate := *simAccounts, *simRate
	if testing.Short() {
		accounts, rate = min(accounts, 300), min(rate, 20)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(accounts, rate)
		s := &simulation{simWorld: w, answerable: make(map[string][]bool), rate: rate}
		cfg := w.config()
		cfg.Hooks.Attempt = func(ctx context.Context, a balancer.Attempt) { ctx.Value(simKey{}).(*simRequest).end(a) }
		lb := newTransport(t, cfg)
		w.start = time.Now()
		s.run(t, lb)
		require.NoError(t, lb.Shutdown(t.Context()))
		s.report(t)
	})
}

// simulation is a run through a world.
type simulation struct {
	*simWorld
	rate       float64
	requests   []*simRequest
	answerable map[string][]bool // by model, each second
}

// simRequest is a request and what became of it.
type simRequest struct {
	model    string
	at       time.Duration
	took     time.Duration
	could    bool // somebody could have served when it came
	answered bool
	err      error

	mu       sync.Mutex
	attempts []balancer.Attempt
}

// simKey is where a context has its request.
type simKey struct{}

func (r *simRequest) end(a balancer.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, a)
}

// run lets requests arrive as they do where many callers know nothing of each other.
func (s *simulation) run(t *testing.T, lb *balancer.Transport) {
	t.Helper()
	dice := rand.New(rand.NewPCG(simSeed, 1<<32))
	var under sync.WaitGroup
	under.Go(s.observe)
	for {
		time.Sleep(time.Duration(dice.ExpFloat64() / s.rate * float64(time.Second)))
		if s.now() >= simTime {
			break
		}
		r := &simRequest{at: s.now(), model: simModel(dice.IntN(100))}
		r.could = s.canServe(r.model, r.at, dice.Int())
		s.requests = append(s.requests, r)
		under.Go(func() { s.send(t, lb, r) })
	}
	under.Wait()
}

func simModel(n int) string {
	for _, m := range simModels {
		if n -= m.share; n < 0 {
			return m.name
		}
	}
	return simModels[0].name
}

// send is one caller.
func (s *simulation) send(t *testing.T, lb *balancer.Transport, r *simRequest) {
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), simKey{}, r), simDeadline)
	defer cancel()
	url, body := chatURL, `{"model":"`+r.model+`","messages":[{"role":"user","content":"hi"}]}`
	if r.model == "claude" {
		url, body = "https://api.anthropic.com/v1/messages", `{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	}
	req := newRequest(ctx, t, http.MethodPost, url, body)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := lb.RoundTrip(req)
	if r.err = err; err == nil {
		_, r.err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close() // has been read
		r.answered = r.err == nil && resp.StatusCode == http.StatusOK
	}
	r.took = s.now() - r.at
}

// observe notes each second for which models somebody could serve.
func (s *simulation) observe() {
	for second := range int((simTime + simDeadline) / time.Second) {
		for _, m := range simModels {
			s.answerable[m.name] = append(s.answerable[m.name], s.canServe(m.name, s.now(), second))
		}
		time.Sleep(time.Second)
	}
}

// canServe tells whether somebody has the model, is well and has room. Where to begin
// to look is the caller's to say, so that looking takes little.
func (s *simulation) canServe(model string, now time.Duration, begin int) bool {
	some := s.serving[model]
	for i := range some {
		a := some[(begin%len(some)+i)%len(some)]
		e := a.trouble(now)
		if (e == nil || e.trouble == simSlow) && a.hasRoom(now) {
			return true
		}
	}
	return false
}

// wasAnswerable tells whether an account with room, health and the model existed
// before the caller's deadline.
func (s *simulation) wasAnswerable(r *simRequest) bool {
	if r.could {
		return true
	}
	for second := int(r.at/time.Second) + 1; second <= int((r.at+simDeadline)/time.Second); second++ {
		if seconds := s.answerable[r.model]; second < len(seconds) && seconds[second] {
			return true
		}
	}
	return false
}

// report prints what happened and holds it against what is promised.
func (s *simulation) report(t *testing.T) {
	t.Helper()
	s.reportAnswers(t)
	s.reportBudget(t)
	s.reportLimits(t)
	s.reportWeights(t)
	s.reportRecovery(t)
	assert.NotEmpty(t, s.requests)
}

// simExtra tells whether an attempt that follows costs something of the retry budget:
// the one before may have been executed, or met an overload.
func simExtra(before balancer.Attempt) bool {
	return before.MaybeExecuted || before.Class == provider.ClassOverloaded
}
