package balancer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chat is the body of a small request.
const chat = `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`

// chatURL is where an SDK sends it.
const chatURL = "https://api.openai.com/v1/chat/completions"

// inMemory is a handler as a round tripper, without a network: the answer's body
// streams as the handler writes it, and breaks off when the handler panics.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	return providertest.InMemory(m.Handler).RoundTrip(r)
}

// over is a configuration whose accounts all lead to one fake, in memory.
func over(h http.Handler, accounts ...balancer.Account) balancer.Config {
	return balancer.Config{
		Accounts:     accounts,
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return inMemory{h}, nil },
	}
}

// account is an OpenAI account with its name as its key.
func account(name string, change ...func(*balancer.Account)) balancer.Account {
	a := balancer.Account{Name: name, Provider: provider.OpenAI, Secret: "key-" + name}
	for _, f := range change {
		f(&a)
	}
	return a
}

func priority(p int) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Priority = p }
}

// first and second are two accounts that are tried in this order.
func twoAccounts() []balancer.Account {
	return []balancer.Account{account("first", priority(1)), account("second", priority(2))}
}

func newTransport(t *testing.T, cfg balancer.Config) *balancer.Transport {
	t.Helper()
	lb, err := balancer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	return lb
}

func newRequest(ctx context.Context, t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// send sends the chat request and reads the answer.
func send(ctx context.Context, t *testing.T, lb *balancer.Transport) (status int, body string, err error) {
	t.Helper()
	return do(lb, newRequest(ctx, t, http.MethodPost, chatURL, chat))
}

func do(lb *balancer.Transport, r *http.Request) (status int, body string, err error) {
	resp, err := lb.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// keysSeen are the credentials of the calls that reached a fake, in order.
func keysSeen(f *providertest.Fake) []string {
	var keys []string
	for _, h := range f.Hits() {
		keys = append(keys, strings.TrimPrefix(h.Key, "key-"))
	}
	return keys
}

var errBroken = errors.New("broken on purpose")
