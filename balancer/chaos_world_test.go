package balancer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// chaosWorld is everybody who can be asked, and what was asked.
type chaosWorld struct {
	places   []*chaosPlace
	accounts map[string]*chaosAccount // by name
	byKey    map[string]*chaosAccount
	calls    []*chaosCall // by number
	steps    []chaosStep
	unit     time.Duration
	network  []chaosStep // what may happen on the way, in memory

	opened, closed atomic.Int64 // bodies of answers
}

// chaosPlace is a provider, and how its API is spoken.
type chaosPlace struct {
	provider *provider.Provider
	fake     func(providertest.Config) *providertest.Fake
	url      func(model string, streamed bool) string
	body     func(model string, streamed, told bool) string
	header   http.Header
	whole    string // where the text stands in an answer in one piece
	piece    string // and in an event
	key      func(http.Header) string
}

// chaosAccount is one account. All that it ever says carries its name, and what it
// says it used is used by no other.
type chaosAccount struct {
	*chaosPlace
	name, text    string
	input, output int64
	fakes         []*chaosFakes // one for each step
}

// chaosFakes is a fake for one step, made anew from time to time: fakes remember
// whom they saw.
type chaosFakes struct {
	mu   sync.Mutex
	make func() *providertest.Fake
	now  *providertest.Fake
	left int
}

func (f *chaosFakes) get() *providertest.Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left < 0 {
		f.now, f.left = f.make(), 100
	}
	return f.now
}

// chaosStep is what may become of an attempt that reaches a provider.
type chaosStep struct {
	name    string
	share   int // of all
	step    providertest.Step
	abort   bool // hangs up instead
	long    bool // the account rests for minutes: for virtual time only
	refuses bool // it certainly does nothing
}

// chaosSteps are the answers. With what happens on the way, three in ten attempts
// have a fault.
func chaosSteps(unit time.Duration) []chaosStep {
	html := http.Header{"Content-Type": {"text/html"}}
	steps := []chaosStep{
		{name: "ok", share: 3000, step: providertest.OK()},
		{name: "ok", share: 2000, step: providertest.OK().After(unit / 3)},
		{name: "ok", share: 1200, step: providertest.Trickle(unit / 20).After(unit)},
		{name: "ok", share: 1000, step: providertest.OK().KeepAlive(2, 1, unit/50).Remaining(3, 5000, unit)},
		{name: "429 with reset", share: 250, step: providertest.RateLimited(2 * unit), refuses: true},
		{name: "429", share: 60, step: providertest.RateLimited(0), refuses: true},
		{name: "capacity", share: 100, step: providertest.Capacity(), refuses: true},
		{name: "401", share: 80, step: providertest.Unauthorized(), refuses: true},
		{name: "402", share: 2, step: providertest.QuotaExhausted(), refuses: true, long: true},
		{name: "403", share: 40, step: providertest.PermissionDenied(), refuses: true, long: true},
		{name: "404", share: 40, step: providertest.ModelNotFound(), refuses: true, long: true},
		{name: "408", share: 150, step: providertest.Status(http.StatusRequestTimeout, nil, "")},
		{name: "500", share: 300, step: providertest.ServerError()},
		{name: "503 HTML", share: 150, step: providertest.Status(http.StatusServiceUnavailable, html, "<html>Service Unavailable"), refuses: true},
		{name: "529", share: 100, step: providertest.Status(529, nil, ""), refuses: true},
		{name: "hang up", share: 250, abort: true, step: providertest.OK()},
		{name: "error before content", share: 300, step: providertest.FailInStream(0, providertest.ServerError())},
		{name: "error after content", share: 100, step: providertest.FailInStream(4, providertest.ServerError())},
		{name: "cut before content", share: 150, step: providertest.CutStream(0)},
		{name: "cut after content", share: 150, step: providertest.CutStream(4)},
		{name: "end too early", share: 100, step: providertest.EndStream(4)},
	}
	for i := range steps {
		steps[i].step = steps[i].step.Header(chaosStepHeader, steps[i].name)
	}
	return steps
}

// chaosWay is what may happen in memory before a provider is reached.
func chaosWay() []chaosStep {
	return []chaosStep{
		{name: "arrives", share: 9400}, {name: "refused", share: 300},
		{name: "never answered", share: 200}, {name: "broken off", share: 100},
	}
}

// These headers tell the tests' two ends of each other.
const (
	chaosCallHeader = "X-Chaos-Call"
	chaosStepHeader = "X-Chaos-Step"
)

const chaosPerPlace = 12 // accounts

// newChaosWorld has the accounts of three providers. A unit is about how long an
// answer takes.
func newChaosWorld(calls int, unit time.Duration) *chaosWorld {
	w := &chaosWorld{
		places: chaosPlaces(), unit: unit, steps: chaosSteps(unit), network: chaosWay(), calls: make([]*chaosCall, calls),
		accounts: make(map[string]*chaosAccount), byKey: make(map[string]*chaosAccount),
	}
	if unit < time.Second { // real time
		w.steps = slices.DeleteFunc(w.steps, func(s chaosStep) bool { return s.long })
	}
	for p, place := range w.places {
		for i := range chaosPerPlace {
			n := int64(p*chaosPerPlace + i)
			a := &chaosAccount{chaosPlace: place, name: fmt.Sprintf("acct-%03d", n), input: 1000 + n, output: 100 + n}
			a.text = strings.TrimSuffix(strings.Repeat(a.name+" says so. ", 3), " ")
			config := providertest.Config{Name: a.name, Text: a.text, InputTokens: a.input, OutputTokens: a.output}
			for _, s := range w.steps {
				a.fakes = append(a.fakes, &chaosFakes{make: func() *providertest.Fake {
					f := place.fake(config)
					f.Always(s.step)
					return f
				}})
			}
			w.accounts[a.name], w.byKey["key-"+a.name] = a, a
		}
	}
	for i := range w.calls {
		w.calls[i] = newChaosCall(w, i)
	}
	return w
}

func chaosPlaces() []*chaosPlace {
	bearer := func(h http.Header) string { return strings.TrimPrefix(h.Get("Authorization"), "Bearer ") }
	return []*chaosPlace{
		{
			provider: provider.OpenAI, fake: providertest.OpenAI, key: bearer,
			url: func(string, bool) string { return chatURL },
			body: func(model string, streamed, told bool) string {
				return fmt.Sprintf(`{"model":%q,"stream":%v%s,"messages":[{"role":"user","content":"hi"}]}`, model, streamed,
					map[bool]string{true: `,"stream_options":{"include_usage":true}`}[streamed && told])
			},
			whole: "choices.0.message.content", piece: "choices.0.delta.content",
		},
		{
			provider: provider.Anthropic, fake: providertest.Anthropic, header: http.Header{"Anthropic-Version": {"2023-06-01"}},
			key: func(h http.Header) string { return h.Get("X-Api-Key") },
			url: func(string, bool) string { return "https://api.anthropic.com/v1/messages" },
			body: func(model string, streamed, _ bool) string {
				return fmt.Sprintf(`{"model":%q,"max_tokens":64,"stream":%v,"messages":[{"role":"user","content":"hi"}]}`, model, streamed)
			},
			whole: "content.0.text", piece: "delta.text",
		},
		{
			provider: provider.Gemini, fake: providertest.Gemini,
			key: func(h http.Header) string { return cmp.Or(h.Get("X-Goog-Api-Key"), bearer(h)) },
			url: func(model string, streamed bool) string {
				verb := map[bool]string{true: "streamGenerateContent?alt=sse", false: "generateContent"}[streamed]
				return "https://generativelanguage.googleapis.com/v1beta/models/" + model + ":" + verb
			},
			body: func(string, bool, bool) string {
				return `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`
			},
			whole: "candidates.0.content.parts.0.text", piece: "candidates.0.content.parts.0.text",
		},
	}
}

// ServeHTTP is every provider: it finds the account by its credential, and does what
// the call's dice say.
func (w *chaosWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	call := w.call(r)
	account := w.account(r)
	i := call.roll(w.steps)
	call.see(w.steps[i])
	if w.steps[i].abort {
		_, _ = io.Copy(io.Discard, r.Body) // what is meant is the hanging up
		panic(http.ErrAbortHandler)
	}
	account.fakes[i].get().ServeHTTP(rw, r)
}

// RoundTrip is the way to the providers in memory, and what may happen there.
func (w *chaosWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	failure := &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Addr: r.URL.Host, Err: io.ErrUnexpectedEOF}
	call := w.call(r)
	step := w.network[call.roll(w.network)]
	switch step.name {
	case "arrives":
		resp, err := providertest.InMemory(w).RoundTrip(r)
		if err != nil && r.Context().Err() == nil {
			failure.Err, err = err, failure
		}
		return resp, err
	case "refused":
		failure.Phase, failure.Sent, failure.Err = transport.PhaseDialTarget, transport.SentNo, errBroken
	case "never answered":
		call.see(step)
		select {
		case <-time.After(5 * w.unit):
			failure.Err = os.ErrDeadlineExceeded
		case <-r.Context().Done():
			failure.Err = context.Cause(r.Context())
		}
	default:
		call.see(step)
	}
	_, _ = io.Copy(io.Discard, r.Body) // memory
	return nil, errors.Join(failure, r.Body.Close())
}

// account is whose credential a request carries.
func (w *chaosWorld) account(r *http.Request) *chaosAccount {
	for _, place := range w.places {
		if a, ok := w.byKey[place.key(r.Header)]; ok {
			return a
		}
	}
	panic("a request has nobody's key")
}

// call finds out which call a request belongs to.
func (w *chaosWorld) call(r *http.Request) *chaosCall {
	var n int
	if _, err := fmt.Sscan(r.Header.Get(chaosCallHeader), &n); err != nil {
		panic("a request lost its number: " + err.Error())
	}
	return w.calls[n]
}

// watch is a layer around every attempt that counts the bodies of answers, and knows
// which were read to their end.
func (w *chaosWorld) watch(next http.RoundTripper) http.RoundTripper {
	return chaosWatch{w, next}
}

type chaosWatch struct {
	*chaosWorld
	next http.RoundTripper
}

func (w chaosWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	a := &chaosAnswer{account: w.account(r), step: resp.Header.Get(chaosStepHeader)}
	w.call(r).answer(a)
	w.opened.Add(1)
	resp.Body = &chaosBody{ReadCloser: resp.Body, answer: a, closed: &w.closed}
	return resp, nil
}

// chaosAnswer is an answer as it reached the balancer.
type chaosAnswer struct {
	account *chaosAccount
	step    string
	whole   atomic.Bool // read to its end
}

type chaosBody struct {
	io.ReadCloser
	answer *chaosAnswer
	once   sync.Once
	closed *atomic.Int64
}

func (b *chaosBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.answer.whole.Store(true)
	}
	return n, err
}

func (b *chaosBody) Close() error {
	b.once.Do(func() { b.closed.Add(1) })
	return b.ReadCloser.Close()
}

// config has all accounts, and no way to them yet. Refused keys disable nobody, as
// they are forgiven in this world.
func (w *chaosWorld) config(store quota.Store) balancer.Config {
	cfg := balancer.Config{
		Quota: store, Policy: health.Policy{AuthFailures: -1}, Attempt: []transport.Middleware{w.watch},
		Hooks: balancer.Hooks{Attempt: func(ctx context.Context, a balancer.Attempt) {
			ctx.Value(chaosKey{}).(*chaosCall).end(a)
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(w.accounts)) {
		cfg.Accounts = append(cfg.Accounts, account(name, func(a *balancer.Account) {
			a.Provider, a.Limits = w.accounts[name].provider, chaosLimits
		}))
	}
	return cfg
}

// chaosLimits are never in the way but for the slots.
var chaosLimits = []quota.Limit{
	{Unit: quota.InFlight, Max: 16},
	{Unit: quota.Tokens, Max: 1 << 40, Window: quota.Total()},
}

// chaosKey is where a context has its call.
type chaosKey struct{}

// text is what the model said, as far as an answer goes.
func (p *chaosPlace) text(body string, streamed bool) string {
	if !streamed {
		return gjson.Get(body, p.whole).String()
	}
	var text strings.Builder
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			text.WriteString(gjson.Get(data, p.piece).String())
		}
	}
	return text.String()
}
