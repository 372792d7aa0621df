package balancer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

// chaosSeed makes every call's dice.
const chaosSeed = 5

// chaosCall is one call of a caller's: what is asked, how the caller behaves, and
// what came of it. Its dice are its own, so that a call is the same in each run.
type chaosCall struct {
	number   int
	place    *chaosPlace
	model    string
	streamed bool
	told     bool // the caller asks for the usage itself
	upload   bool // a file, which must not arrive twice
	leaves   int  // how the caller gives up; leavesNever: it does not
	after    time.Duration
	bytes    int64 // read until then

	body atomic.Int64 // the request's body was closed

	mu       sync.Mutex
	dice     *rand.Rand
	seen     []chaosStep // by providers, in order
	answers  []*chaosAnswer
	attempts []balancer.Attempt
}

// How a caller gives up.
const (
	leavesNever = iota
	leavesAtOnce
	leavesLater
	leavesReading // cancels once it has read some
	leavesClosing // closes once it has read some
	leavesEnd
)

func newChaosCall(w *chaosWorld, number int) *chaosCall {
	dice := rand.New(rand.NewPCG(chaosSeed, uint64(number)))
	c := &chaosCall{
		number: number, dice: dice, place: w.places[dice.IntN(len(w.places))], model: fmt.Sprintf("model-%d", dice.IntN(8)),
		streamed: dice.IntN(2) == 0, told: dice.IntN(2) == 0,
	}
	if c.place.provider == provider.OpenAI && dice.IntN(4) == 0 {
		c.upload, c.streamed = true, false
	}
	if dice.IntN(100) < 5 {
		c.leaves = leavesAtOnce + dice.IntN(leavesEnd-leavesAtOnce)
	}
	c.after, c.bytes = time.Duration(dice.Int64N(int64(2*w.unit))), 1+dice.Int64N(600)
	return c
}

// roll is the next step by their shares.
func (c *chaosCall) roll(steps []chaosStep) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, s := range steps {
		total += s.share
	}
	n := c.dice.IntN(total)
	for i, s := range steps {
		if n -= s.share; n < 0 {
			return i
		}
	}
	return 0
}

// see notes that a provider saw the call.
func (c *chaosCall) see(s chaosStep) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, s)
}

// answer notes that an answer came.
func (c *chaosCall) answer(a *chaosAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
}

// end notes what the balancer says of an attempt.
func (c *chaosCall) end(a balancer.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, a)
}

// request is what the caller sends.
func (c *chaosCall) request(ctx context.Context) *http.Request {
	url, kind, body := c.place.url(c.model, c.streamed), "application/json", c.place.body(c.model, c.streamed, c.told)
	if c.upload {
		url = "https://api.openai.com/v1/files"
		body, kind = chaosFile()
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, chaosKey{}, c), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err) // the URLs are ours
	}
	r.Body = &chaosRequestBody{Reader: strings.NewReader(body), closed: &c.body}
	for name, values := range c.place.header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set(chaosCallHeader, strconv.Itoa(c.number))
	return r
}

type chaosRequestBody struct {
	io.Reader
	closed *atomic.Int64
}

func (b *chaosRequestBody) Close() error {
	b.closed.Add(1)
	return nil
}

// chaosFile is a form with a file.
func chaosFile() (body, contentType string) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("purpose", "batch") // a bytes.Buffer takes everything
	part, _ := form.CreateFormFile("file", "lines.jsonl")
	_, _ = io.WriteString(part, "{}\n")
	_ = form.Close()
	return b.String(), form.FormDataContentType()
}

// chaosResult is what the caller got.
type chaosResult struct {
	status int
	body   string
	err    error // of the round trip, or of reading
}

// make makes the call, and gives up as it is meant to.
func (c *chaosCall) make(ctx context.Context, lb http.RoundTripper) (r chaosResult) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch c.leaves {
	case leavesAtOnce:
		cancel()
	case leavesLater:
		defer time.AfterFunc(c.after, cancel).Stop()
	}
	resp, err := lb.RoundTrip(c.request(ctx))
	if err != nil {
		return chaosResult{err: err}
	}
	defer func() { _ = resp.Body.Close() }() // has been read, or is left
	var body bytes.Buffer
	if c.leaves == leavesReading || c.leaves == leavesClosing {
		_, err = io.CopyN(&body, resp.Body, c.bytes)
		if c.leaves == leavesClosing || err != nil {
			return chaosResult{resp.StatusCode, body.String(), err}
		}
		cancel()
	}
	_, err = body.ReadFrom(resp.Body)
	return chaosResult{resp.StatusCode, body.String(), err}
}

var chaosNames = regexp.MustCompile(`acct-\d{3}`)

// check holds what the caller got, what the balancer says and what the providers saw
// against each other. It tells whether the call was answered as it should be.
func (c *chaosCall) check(t *testing.T, w *chaosWorld, r chaosResult) (good bool) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	who := func(what string) []any { return []any{what + ": call %d: %+v", c.number, r} } // printed on failure only
	assert.Positive(t, c.body.Load(), who("the request's body was left open")...)
	if c.upload {
		for i, s := range c.seen {
			assert.True(t, s.refuses || i == len(c.seen)-1, who("sent again although it may have been executed: "+s.name)...)
		}
	}
	if r.status != http.StatusOK {
		return false
	}
	var answered *balancer.Attempt
	for i := range c.attempts {
		if c.attempts[i].Answered {
			assert.Nil(t, answered, who("two attempts say that they answered")...)
			answered = &c.attempts[i]
		}
	}
	succeeded := func(a balancer.Attempt) bool { return a.Class == provider.ClassOK }
	if answered == nil && !slices.ContainsFunc(c.attempts, succeeded) { // nobody did better: one that failed was handed over as it was
		names := slices.Compact(chaosNames.FindAllString(r.body, -1))
		assert.LessOrEqual(t, len(names), 1, who("an answer of several accounts")...)
		return false
	}
	if !assert.NotNil(t, answered, who("no attempt says that it answered")...) || !assert.NotEmpty(t, c.answers, who("no answer came")...) {
		return false
	}
	account, step := w.accounts[answered.Account], c.answers[len(c.answers)-1].step
	assert.Same(t, account, c.answers[len(c.answers)-1].account, who("the last answer is another account's")...)
	for _, name := range chaosNames.FindAllString(r.body, -1) {
		assert.Equal(t, account.name, name, who("an answer of two accounts")...)
	}
	if c.upload {
		return r.err == nil && step == "ok"
	}
	text := c.place.text(r.body, c.streamed)
	if r.err == nil && c.leaves != leavesClosing && step == "ok" {
		return assert.Equal(t, account.text, text, who("not the account's text")...)
	}
	assert.True(t, strings.HasPrefix(account.text, text), who("no beginning of the account's text: "+text)...)
	return false
}

// usage is what the balancer booked for this call, and what of it was sent in answers
// that were read to their end, by account.
func (c *chaosCall) usage(t *testing.T, booked, sent map[string]provider.Usage) (all int64) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	answered, count := make(map[string][]balancer.Attempt), 0
	for _, a := range c.attempts {
		all += a.Usage.Total()
		if a.Status != 0 {
			count++
			answered[a.Account] = append(answered[a.Account], a)
		}
	}
	// An account is asked once, or twice if there was no other.
	assert.True(t, len(answered) == count || len(answered) == 1 && count == 2, "call %d asked %d accounts %d times", c.number, len(answered), count)
	for _, a := range c.answers {
		var got provider.Usage
		if of := answered[a.account.name]; len(of) > 0 {
			got, answered[a.account.name] = of[0].Usage, of[1:]
		}
		assert.LessOrEqual(t, got.Input, a.account.input, "call %d", c.number)
		assert.LessOrEqual(t, got.Output, a.account.output, "call %d", c.number)
		if a.step != "ok" || !a.whole.Load() || c.upload {
			continue
		}
		assert.True(t, got.Complete, "call %d: a whole answer's usage is not complete", c.number)
		add(sent, a.account.name, provider.Usage{Input: a.account.input, Output: a.account.output})
		add(booked, a.account.name, provider.Usage{Input: got.Input, Output: got.Output})
	}
	return all
}

func add(to map[string]provider.Usage, name string, u provider.Usage) {
	sum := to[name]
	sum.Input, sum.Output = sum.Input+u.Input, sum.Output+u.Output
	to[name] = sum
}
