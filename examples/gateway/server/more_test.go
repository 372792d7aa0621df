package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

func TestCompressedBodiesAreReadAndSentPlain(t *testing.T) {
	r := newRig(t)
	var zipped, packed bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, chatBody)
	require.NoError(t, z.Close())
	p, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	_, _ = io.WriteString(p, chatBody)
	require.NoError(t, p.Close())
	for coding, body := range map[string]string{"gzip": zipped.String(), "zstd": packed.String()} {
		got := r.ask("POST", "/v1/chat/completions", body, "Content-Encoding: "+coding)
		require.Equal(t, 200, got.status, got.body)
	}
	for _, hit := range r.openai.Hits() {
		assert.JSONEq(t, chatBody, string(hit.Body))
		assert.Empty(t, hit.Header.Get("Content-Encoding"))
		assert.Equal(t, int64(len(chatBody)), hit.ContentLength)
	}
}

func TestTheClientsAddressIsThatOfTheLastWhoIsNotTrusted(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:99", "", "192.0.2.1"},
		{"192.0.2.1:99", "1.1.1.1", "192.0.2.1"},
		{"10.0.0.1:99", "1.1.1.1", "1.1.1.1"},
		{"10.0.0.1:99", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"},
		{"10.0.0.1:99", "6.6.6.6, frog", "10.0.0.1"},
		{"10.0.0.1:99", "10.0.0.3", "10.0.0.3"},
		{"[::ffff:10.0.0.1]:99", "2001:db8::1", "2001:db8::1"},
	} {
		r := newRig(t, func(cfg *server.Config) { cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		w := httptest.NewRecorder()
		req := newRequest(t, "POST", "/v1/chat/completions", chatBody)
		req.RemoteAddr = c.remote
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.forwarded)
		}
		r.s.ServeHTTP(w, req)
		require.Equal(t, 200, w.Code)
		assert.Equal(t, c.want, r.store.last(t).ClientIP, c.forwarded)
	}
}

func TestAClientThatDoesNotReadIsNotWaitedFor(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.WriteTimeout = 100 * time.Millisecond })
	r.openai.Always(providertest.OK().Endless(0))
	srv := r.serve()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", secret, len(chatStream), chatStream)
	require.NoError(t, err)
	_, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.store.recorded()) == 1 }, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, 499, r.store.last(t).Status)
	assert.Empty(t, r.s.Active())
}

func TestALongTrailIsCutInTheMiddle(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.Accounts, c.MaxAttempts = nil, 40
		for i := range 40 {
			c.Accounts = append(c.Accounts, account(fmt.Sprintf("account-%02d-%s", i, strings.Repeat("x", 200)), "openai", func(a *resource.Account) { a.Priority = i }))
		}
	})
	r.openai.Always(providertest.RateLimited(time.Hour))
	got := r.chat()
	assert.Equal(t, 429, got.status)
	trail := string(r.store.last(t).Trail)
	assert.LessOrEqual(t, len(trail), 16<<10)
	assert.Contains(t, trail, "account-00")
	assert.Contains(t, trail, "account-39")
	assert.NotContains(t, trail, "account-20")
	assert.Len(t, r.store.last(t).Attempts, 40, "the books have all of them")
}

// lifetimes is a quota store that notes how long reservations are to live.
type lifetimes struct {
	quota.Store
	mu  sync.Mutex
	all map[time.Duration]bool
}

func (l *lifetimes) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[ttl] = true
	return l.Store.Reserve(ctx, key, limits, a, ttl)
}

func TestReservationsLiveAsLongAsTheyAreTold(t *testing.T) {
	store := &lifetimes{Store: quota.NewMemory(quota.MemoryConfig{}), all: make(map[time.Duration]bool)}
	r := newRig(t, withKey(func(k *resource.Key) { k.InFlight = 1 }), func(c *server.Config) {
		c.ConcurrencyTTL, c.Quota = 47*time.Minute, store
	})
	require.Equal(t, 200, r.chat().status)
	assert.Equal(t, map[time.Duration]bool{47 * time.Minute: true}, store.all)

	_, err := server.New(t.Context(), server.Config{Store: &memory{}, ConcurrencyTTL: time.Minute})
	assert.ErrorContains(t, err, "write at least 20m0s, twice the longest of Transport's time-outs")
}

func TestPicturesAreNotCountedAsText(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 10_000}} }))
	picture := `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + strings.Repeat("A", 1<<20) + `"}}]}]}`
	assert.Equal(t, 200, r.ask("POST", "/v1/chat/completions", picture).status)
	text := `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"` + strings.Repeat("lorem ipsum ", 5000) + `"}]}`
	assert.Equal(t, 402, r.ask("POST", "/v1/chat/completions", text).status)
	long := `{"model":"gpt-5","max_tokens":20000,"messages":[{"role":"user","content":"hi"}]}`
	got := r.ask("POST", "/v1/chat/completions", long)
	assert.Equal(t, 402, got.status)
	assert.Contains(t, got.body, "ask for fewer tokens")
}

func TestAccountsHaveLimitsPricesAndSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *server.Config) {
			c.Accounts = []resource.Account{account("a", "openai", func(a *resource.Account) {
				a.Limits = []resource.Limit{{Unit: "requests", Max: 1, Window: "1m"}}
				a.PriceRate = 2
				a.Header = map[string]string{"x-extra": "1"}
				a.Models = map[string]string{"smart": "gpt-5"}
				a.Schedule = &resource.Schedule{Spans: []resource.Span{{From: "00:00", To: "24:00"}}}
				a.Health = &resource.Health{Failures: 2}
			})}
		})
		require.Equal(t, 200, r.ask("POST", "/v1/chat/completions", strings.Replace(chatBody, "gpt-5", "smart", 1)).status)
		assert.Equal(t, int64(2*83750), r.store.last(t).Cost)
		hit := r.openai.Hits()[0]
		assert.Equal(t, "gpt-5", hit.Model)
		assert.Equal(t, "1", hit.Header.Get("X-Extra"))
		got := r.ask("POST", "/v1/chat/completions", strings.Replace(chatBody, "gpt-5", "smart", 1))
		assert.Equal(t, 503, got.status)
		assert.NotEmpty(t, got.header.Get("Retry-After"), "the account has room again")
		assert.Equal(t, 404, r.chat().status, "no account has this model")
	})
}

func TestWhatAProviderClaimsIsBounded(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return providertest.InMemory(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","model":"gpt-5","choices":[],"usage":{"prompt_tokens":1e30,"completion_tokens":1e30}}`)
			})), nil
		}
	})
	require.Equal(t, 200, r.chat().status)
	assert.EqualValues(t, resource.MaxCost, r.store.last(t).Cost)
}
