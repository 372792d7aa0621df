package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	sqlstore "github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// rotating is a provider whose token endpoint takes each refresh token once, and takes a
// second time for theft: then nothing is of use any more.
type rotating struct {
	mu       sync.Mutex
	refresh  string // the one that is good
	access   string
	renewals int
	reused   bool
	lifetime int
	delay    time.Duration // of a renewal
}

func (p *rotating) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	if r.Host != "login.example" {
		p.mu.Lock()
		good := p.access != "" && r.Header.Get("Authorization") == "Bearer "+p.access
		p.mu.Unlock()
		if !good {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"message":"expired","type":"invalid_request_error","code":"invalid_api_key"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","model":"gpt-5","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
		return
	}
	time.Sleep(p.delay)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reused = p.reused || !strings.Contains(string(data), p.refresh+"."); p.reused {
		p.access = ""
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	p.renewals++
	p.refresh, p.access = fmt.Sprintf("rt-%d", p.renewals), fmt.Sprintf("at-%d", p.renewals)
	_, _ = fmt.Fprintf(w, `{"access_token":"%s","refresh_token":"%s.","expires_in":%d}`, p.access, p.refresh, p.lifetime)
}

// expire has the access token be refused from now on.
func (p *rotating) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.access = ""
}

func (p *rotating) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renewals
}

// twoGateways are two over one database, with an account whose token has to be renewed.
func twoGateways(t *testing.T, p *rotating, refresh time.Duration, encoding string) (gateways []*server.Server, stores []*sqlstore.DB, id string) {
	t.Helper()
	p.refresh = "rt-0"
	c := sqlstore.Config{URL: filepath.Join(t.TempDir(), "g.db"), Key: bytes.Repeat([]byte{1}, 32)}
	for i := range 2 {
		db, err := sqlstore.Open(t.Context(), c)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close(context.WithoutCancel(t.Context()))) })
		if i == 0 {
			a, err := db.CreateAccount(t.Context(), resource.Account{Name: "plan", Provider: "openai", OAuth: &resource.OAuth{
				TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret("rt-0."), Encoding: encoding,
			}})
			require.NoError(t, err)
			id = a.ID
		}
		s, err := server.New(t.Context(), server.Config{
			Store: db, Keys: []resource.Key{key(secret)}, Refresh: refresh,
			RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return providertest.InMemory(p), nil },
		})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		gateways, stores = append(gateways, s), append(stores, db)
	}
	return gateways, stores, id
}

// askChat sends a chat to a gateway.
func askChat(t *testing.T, s *server.Server) {
	resp, err := providertest.InMemory(s).RoundTrip(newRequest(t, "POST", "/v1/chat/completions", chatBody))
	if !assert.NoError(t, err) {
		return
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode, string(data))
}

// Of two gateways with one database, one renews a token and the other reads what it got: a
// refresh token that is used twice would cost the account its login.
func TestTwoGatewaysShareALogin(t *testing.T) {
	for name, c := range map[string]struct {
		refresh  time.Duration
		encoding string
	}{
		"that do not hear of each other": {time.Hour, ""},
		"that do":                        {5 * time.Millisecond, "json"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &rotating{lifetime: 3600, delay: 20 * time.Millisecond}
			gateways, stores, id := twoGateways(t, p, c.refresh, c.encoding)
			for round := range 5 {
				var wg sync.WaitGroup
				for i := range 6 {
					wg.Go(func() { askChat(t, gateways[(i+round)%2]) })
				}
				wg.Wait()
				require.Equal(t, round+1, p.count(), "once for both")
				a, err := stores[1].Account(t.Context(), id)
				require.NoError(t, err)
				assert.Equal(t, fmt.Sprintf("rt-%d.", round+1), a.OAuth.RefreshToken.Reveal())
				p.expire()
			}
			assert.False(t, p.reused)
		})
	}
}

// A token that must be renewed soon is renewed once for both as well.
func TestTokensThatEndSoonAreRenewedByOne(t *testing.T) {
	p := &rotating{lifetime: 3600}
	gateways, stores, id := twoGateways(t, p, time.Hour, "")
	askChat(t, gateways[0])
	require.Equal(t, 1, p.count())
	askChat(t, gateways[1]) // which knows the first refresh token alone
	assert.Equal(t, 1, p.count(), "it has what the other one got")
	before, err := stores[0].AccountsVersion(t.Context())
	require.NoError(t, err)
	askChat(t, gateways[1])
	after, err := stores[0].AccountsVersion(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after, "what was read is not written again")
	a, err := stores[1].Account(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "at-1", a.OAuth.AccessToken.Reveal())
	assert.InDelta(t, 3600, time.Until(a.OAuth.Expiry).Seconds(), 60)
}

// leasing is a store whose lease the test has in its hands.
type leasing struct {
	*memory
	stored provider.OAuthTokens
	err    error
	given  atomic.Int64 // leases that were given back
}

func (l *leasing) LeaseTokens(context.Context, string) (provider.OAuthTokens, func(context.Context) error, error) {
	return l.stored, func(context.Context) error { l.given.Add(1); return nil }, l.err
}

// What is stored decides what a renewal is: sent, read, or left until the account is known
// anew; and each ends the lease.
func TestARenewalGoesByWhatIsStored(t *testing.T) {
	soon, late := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		stored  provider.OAuthTokens
		err     error
		status  int
		sent    int
		written int
	}{
		"nobody has renewed":          {provider.OAuthTokens{RefreshToken: "rt-0."}, nil, 200, 1, 1},
		"another has":                 {provider.OAuthTokens{AccessToken: "at-9", RefreshToken: "rt-9.", Expiry: soon}, nil, 200, 0, 0},
		"another has, without an end": {provider.OAuthTokens{AccessToken: "at-9", RefreshToken: "rt-9."}, nil, 200, 0, 0},
		"without another refresh":     {provider.OAuthTokens{AccessToken: "at-9", RefreshToken: "rt-0.", Expiry: soon}, nil, 200, 0, 0},
		"that has ended":              {provider.OAuthTokens{AccessToken: "at-9", RefreshToken: "rt-0.", Expiry: late}, nil, 200, 1, 1},
		"that, and the refresh token": {provider.OAuthTokens{AccessToken: "at-9", RefreshToken: "rt-9.", Expiry: late}, nil, 502, 0, 0},
		"another login":               {provider.OAuthTokens{RefreshToken: "rt-9."}, nil, 502, 0, 0},
		"the store is away":           {provider.OAuthTokens{}, errDown, 502, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := &rotating{lifetime: 3600, refresh: "rt-0"}
			if c.sent == 0 {
				p.access = "at-9"
			}
			l := &leasing{memory: &memory{}, stored: c.stored, err: c.err}
			r := newRig(t, func(cfg *server.Config) {
				cfg.Store, cfg.Accounts, cfg.RoundTripper = l, nil, inMemory(p)
			})
			l.set(account("plan", "openai", func(a *resource.Account) {
				a.Secret = resource.Secret{}
				a.OAuth = &resource.OAuth{TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret("rt-0.")}
			}))
			require.NoError(t, r.s.Reload(t.Context()))
			got := r.chat()
			assert.Equal(t, c.status, got.status, got.body)
			assert.Equal(t, c.sent, p.count())
			l.mu.Lock()
			defer l.mu.Unlock()
			assert.Len(t, l.tokens, c.written)
			if c.err == nil {
				assert.EqualValues(t, 1, l.given.Load())
			}
			assert.NotContains(t, r.logs.String(), "rt-")
		})
	}
}
