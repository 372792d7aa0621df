package balancer_test

import (
	"crypto/tls"
	"flag"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

var chaosRequests = flag.Int("chaos.requests", 2000, "requests of TestChaos, of which one in ten goes over sockets; -short: 1000 at most")

// chaosCallers is how many call at the same time.
const chaosCallers = 32

// TestChaos has many callers and accounts, faults of all kinds in three of ten
// attempts, and one caller in twenty who gives up. Whatever happens, no slot is lost
// and no body left open, every answer is one account's from its first byte to its
// last, what must not be done twice is not sent twice, and the usage that is booked
// is the usage that was sent.
func TestChaos(t *testing.T) {
	requests := *chaosRequests
	if testing.Short() {
		requests = min(requests, 1000)
	}
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newChaosWorld(requests-requests/10, time.Second)
			store := quota.NewMemory(quota.MemoryConfig{})
			cfg := w.config(store)
			cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) { return w, nil }
			lb := newTransport(t, cfg)
			// All wake at the same moments, so that they meet.
			w.run(t, lb, store, func(r *rand.Rand) { time.Sleep(time.Duration(r.IntN(20)) * time.Second / 2) })
		})
	})
	t.Run("over sockets", func(t *testing.T) {
		w := newChaosWorld(requests/10, 5*time.Millisecond)
		store := quota.NewMemory(quota.MemoryConfig{})
		lb, proxies := w.overSockets(t, store)
		w.run(t, lb, store, func(dice *rand.Rand) { disturb(proxies, dice) })
	})
}

// run makes all calls and then looks at what is left.
func (w *chaosWorld) run(t *testing.T, lb *balancer.Transport, store *quota.Memory, pause func(*rand.Rand)) {
	t.Helper()
	var (
		callers           sync.WaitGroup
		next, good, stays atomic.Int64
	)
	for n := range chaosCallers {
		callers.Go(func() {
			dice := rand.New(rand.NewPCG(chaosSeed, uint64(1+n)))
			for i := next.Add(1) - 1; int(i) < len(w.calls) && !t.Failed(); i = next.Add(1) - 1 {
				pause(dice)
				c := w.calls[i]
				if c.check(t, w, c.make(t.Context(), lb)) {
					good.Add(1)
				}
				if c.leaves == leavesNever {
					stays.Add(1)
				}
			}
		})
	}
	callers.Wait()
	snapshot, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	for _, a := range snapshot.Accounts {
		assert.Zero(t, a.InFlight, "%s has lost a slot", a.Name)
	}
	require.NoError(t, lb.Shutdown(t.Context()), "all requests are over")
	assert.Equal(t, w.opened.Load(), w.closed.Load(), "bodies of answers that were opened and closed")
	w.checkUsage(t, store)
	w.checkFaults(t)
	t.Logf("%d calls, %d of %d that stayed got a whole good answer", len(w.calls), good.Load(), stays.Load())
	assert.Greater(t, float64(good.Load()), 0.8*float64(stays.Load()), "chaos must leave most calls answered, or it proves little")
}

// checkUsage holds what was booked, in the attempts and in the quota, against what
// was sent.
func (w *chaosWorld) checkUsage(t *testing.T, store *quota.Memory) {
	t.Helper()
	booked, sent := make(map[string]provider.Usage), make(map[string]provider.Usage)
	var all, charged int64
	for _, c := range w.calls {
		all += c.usage(t, booked, sent)
	}
	assert.Equal(t, sent, booked, "usage of the answers that were read to their end")
	for name := range w.accounts {
		levels, err := store.Levels(t.Context(), "account/"+name, chaosLimits)
		require.NoError(t, err)
		assert.Zero(t, levels[0].Used, "%s has a slot taken in the quota", name)
		charged += levels[1].Used
	}
	assert.Equal(t, all, charged, "tokens of all attempts, and in the quota")
}

// checkFaults sees to it that there was chaos.
func (w *chaosWorld) checkFaults(t *testing.T) {
	t.Helper()
	attempts, faults := 0, 0
	for _, c := range w.calls {
		if c.leaves != leavesNever {
			continue
		}
		attempts += len(c.attempts)
		faults += len(c.attempts)
		for _, a := range c.answers {
			if a.step == "ok" {
				faults--
			}
		}
	}
	share := float64(faults) / float64(attempts)
	t.Logf("%d attempts, faults in %.1f %%", attempts, 100*share)
	assert.InDelta(t, 0.3, share, 0.05+1.5/math.Sqrt(float64(attempts)), "the share of attempts with a fault")
}

// overSockets moves the accounts to real servers, most of them behind proxies.
func (w *chaosWorld) overSockets(t *testing.T, store quota.Store) (*balancer.Transport, []*transporttest.Proxy) {
	t.Helper()
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	at := make(map[*provider.Provider]*provider.Provider)
	for i, place := range w.places {
		server := chaosServer(t, w, map[int]*transporttest.CA{0: ca, 1: ca}[i], i == 0)
		base := server.URL()
		if i == 0 {
			base += "/v1"
		}
		at[place.provider] = place.provider.At(place.provider.Name, base)
	}
	proxies := chaosProxies(t, ca)
	cfg := w.config(store)
	cfg.Policy = health.Policy{
		Rest: 20 * time.Millisecond, MaxRest: 50 * time.Millisecond, RateLimitRest: 20 * time.Millisecond,
		MaxRateLimitRest: 50 * time.Millisecond, AuthFailures: -1,
	}
	roots := &tls.Config{RootCAs: ca.Pool()}
	cfg.Transport = transport.Config{TLS: roots, ProxyTLS: roots, ConnectTimeout: time.Second, HeaderTimeout: time.Second}
	for i := range cfg.Accounts {
		a := &cfg.Accounts[i]
		a.Provider = at[a.Provider]
		if n := i % (len(proxies) + 1); n < len(proxies) {
			a.Proxy = proxies[n].URL()
		}
	}
	return newTransport(t, cfg), proxies
}

func chaosServer(t *testing.T, h http.Handler, ca *transporttest.CA, http2 bool) *transporttest.Server {
	t.Helper()
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: h, CA: ca, HTTP2: http2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

func chaosProxies(t *testing.T, ca *transporttest.CA) (proxies []*transporttest.Proxy) {
	t.Helper()
	for _, scheme := range []string{"http", "https", "socks5", "socks4"} {
		proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: scheme, CA: ca})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, proxy.Close()) })
		proxies = append(proxies, proxy)
	}
	return proxies
}

// disturb makes proxies fail now and then, and cuts what goes through them.
func disturb(proxies []*transporttest.Proxy, dice *rand.Rand) {
	if dice.IntN(disturbEvery) > 0 {
		return
	}
	proxy := proxies[dice.IntN(len(proxies))]
	proxy.SetFault(chaosFaults[dice.IntN(len(chaosFaults))])
	if dice.IntN(4) == 0 {
		proxy.CloseConnections()
	}
}

// disturbEvery is how many calls there are to a disturbance.
const disturbEvery = 20

var chaosFaults = []transporttest.Fault{
	{Kind: transporttest.FaultAnswer, Times: 2},
	{Kind: transporttest.FaultCutTunnel, Times: 2},
	{Kind: transporttest.FaultReset, Times: 2},
	{Kind: transporttest.FaultGarbage, Times: 1},
	{Kind: transporttest.FaultCutHandshake, Times: 1},
	{Kind: transporttest.FaultCutBody, After: 6000, Times: 2},
}
