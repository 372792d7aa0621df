package balancer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// deaf is a Transport that sends nothing.
func deaf(t *testing.T, picker Picker, accounts ...Account) *Transport {
	t.Helper()
	lb, err := New(Config{Accounts: accounts, Picker: picker, RoundTripper: func(Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }), nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	return lb
}

func named(name string, models map[string]string) Account {
	return Account{Name: name, Provider: provider.OpenAI, Secret: "key", Models: models}
}

func asking(route *route, model string) *Request {
	return &Request{in: &http.Request{Method: http.MethodPost}, route: route, Operation: provider.Operation{API: "openai", Kind: provider.OpChat, Model: model}}
}

// TestCallersCannotMakeCrowdsGrow: names of models that callers make up are forgotten
// again, and the accounts that serve the same share what is kept of them.
func TestCallersCannotMakeCrowdsGrow(t *testing.T) {
	for _, picker := range []Picker{LeastLoaded{}, Cheapest{}} {
		t.Run(fmt.Sprintf("%T", picker), func(t *testing.T) {
			var accounts []Account
			for i := range 50 {
				models := map[string]string(nil)
				if i%2 == 0 {
					models = map[string]string{"gpt-*": ""}
				}
				accounts = append(accounts, named(fmt.Sprint("a", i), models))
			}
			lb := deaf(t, picker, accounts...)
			r := lb.fleet.Load().routes[0]
			shared := map[*crowd]bool{}
			for i := range 3 * maxSorts {
				name := fmt.Sprintf("gpt-%d", i)
				if i%3 == 0 {
					name = fmt.Sprintf("other-%d", i)
				}
				c := r.crowds.of(lb, asking(r, name), time.Now().UnixNano())
				want := 50
				if i%3 == 0 {
					want = 25
				}
				require.Equal(t, want, c.size)
				shared[c] = true
				require.LessOrEqual(t, len(r.crowds.sorts), maxSorts)
				require.LessOrEqual(t, r.crowds.size, maxCrowded+50)
			}
			if _, cheapest := picker.(Cheapest); !cheapest {
				assert.LessOrEqual(t, len(shared), 2*3, "accounts are sorted once, not for each name")
			}
			again := r.crowds.of(lb, asking(r, "gpt-5"), time.Now().UnixNano())
			assert.Same(t, again, r.crowds.of(lb, asking(r, "gpt-5"), time.Now().UnixNano()))
		})
	}
}

// TestAModelInTroubleHasACrowdOfItsOwn: until the trouble is over.
func TestAModelInTroubleHasACrowdOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb := deaf(t, nil, named("a", nil), named("b", nil))
		r := lb.fleet.Load().routes[0]
		of := func(model string) *crowd { return r.crowds.of(lb, asking(r, model), time.Now().UnixNano()) }
		all := of("gpt-5")
		s := health.Subject{Kind: health.KindAccountModel, Name: "a", Model: "gpt-5"}
		err := lb.update(t.Context(), lb.domains.failing(s), func(s health.State) health.State {
			return health.Policy{Jitter: -1}.Apply(s, health.Outcome{Kind: health.OutcomeRest, Until: time.Now().Add(time.Minute)}, time.Now())
		})
		require.NoError(t, err)
		apart := of("gpt-5")
		assert.NotSame(t, all, apart)
		assert.Equal(t, "gpt-5", apart.model)
		assert.Same(t, apart, of("gpt-5"))
		assert.Same(t, all, of("gpt-4"), "others share theirs")
		assert.Equal(t, 2, r.crowds.apart)
		time.Sleep(3 * time.Minute)
		assert.Same(t, all, of("gpt-5"))
		assert.Zero(t, r.crowds.apart)
	})
}

// TestDomainsOfModelsAreBounded: the healthy ones are forgotten first.
func TestDomainsOfModelsAreBounded(t *testing.T) {
	ds := newDomains()
	bad := ds.failing(health.Subject{Kind: health.KindAccountModel, Name: "a", Model: "bad"})
	state := health.Policy{}.Disable(health.State{}, "bad", time.Now())
	require.False(t, bad.learn(state, time.Now()))
	for i := range maxModelDomains + 100 {
		ds.failing(health.Subject{Kind: health.KindAccountModel, Name: "a", Model: fmt.Sprint(i)})
		require.LessOrEqual(t, len(ds.models), maxModelDomains)
	}
	assert.Same(t, bad, ds.ofModel(bad.subject))
	for i := range maxTroubled + 10 {
		ds.trouble(&state, fmt.Sprint(i), time.Now())
		require.LessOrEqual(t, len(ds.troubled), maxTroubled)
	}
}

// TestADomainKeepsTheNewest: states may arrive in any order.
func TestADomainKeepsTheNewest(t *testing.T) {
	now := time.Now()
	p := health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1}
	resting := p.Apply(health.State{}, health.Outcome{}, now)
	well := p.Apply(resting, health.Outcome{Kind: health.OutcomeSuccess, Started: now.Add(time.Second)}, now.Add(time.Second))
	d := newDomain(health.Subject{Kind: health.KindAccount, Name: "a"})
	assert.False(t, d.learn(health.State{}, now), "nothing is news of a healthy one")
	assert.False(t, d.learn(resting, now))
	assert.True(t, d.learn(well, now), "it can be used again")
	assert.False(t, d.learn(resting, now), "an old state is no news")
	assert.Equal(t, well, d.known())
	assert.False(t, d.forget(now.Add(-time.Hour), now), "what was not known then may be now")
	assert.Equal(t, well, d.known())
	assert.False(t, d.forget(now.Add(time.Hour), now), "it was usable anyway")
	assert.Equal(t, health.State{}, d.known())

	d.succeeded()
	d.succeeded()
	n, _ := d.successes(now)
	assert.Equal(t, 2, n)
	n, since := d.successes(now.Add(time.Second))
	assert.Zero(t, n)
	assert.Equal(t, now.UnixNano(), since.UnixNano())
}

func TestRecentErrorsAreBounded(t *testing.T) {
	var r recent
	assert.Nil(t, r.list())
	for i := range 100 {
		r.add(AttemptError{Class: provider.ClassTransient, Status: i})
		r.add(AttemptError{Class: provider.ClassInvalidRequest, Status: -1})
	}
	list := r.list()
	require.Len(t, list, maxRecent)
	for i, e := range list {
		assert.Equal(t, 99-i, e.Status)
	}
	assert.EqualValues(t, 100, r.count.Load())
	assert.Equal(t, "ab", short("ab"))
	assert.Len(t, short("a"+strings.Repeat("ö", maxShown)), maxShown-1+len("…"))
}
