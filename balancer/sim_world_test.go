package balancer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// simWorld is a world of accounts whose troubles are known beforehand.
type simWorld struct {
	start    time.Time
	accounts []*simAccount
	byName   map[string]*simAccount
	serving  map[string][]*simAccount // by model
	episodes []*simEpisode
	proxies  int
}

// simPlace is a provider and the share of the accounts that are there.
type simPlace struct {
	name     string
	provider *provider.Provider
	share    int // of 100
	models   []string
}

// The models of the simulation, and how much of the load asks for each.
var simModels = []struct {
	name  string
	share int // of 100
}{{"gpt-5", 50}, {"gpt-5-mini", 20}, {"claude", 25}, {"gpt-rare", 5}}

func simPlaces() []simPlace {
	return []simPlace{
		{"openai", provider.OpenAI, 40, []string{"gpt-5", "gpt-5-mini"}},
		{"relay-a", provider.OpenAI.At("relay-a", "https://relay-a.example.com/v1"), 20, []string{"gpt-5"}},
		{"relay-b", provider.OpenAI.At("relay-b", "https://relay-b.example.com/v1"), 15, []string{"gpt-5", "gpt-5-mini"}},
		{"anthropic", provider.Anthropic, 25, []string{"claude"}},
	}
}

// simTrouble is what an episode does to its accounts.
type simTrouble uint8

const (
	simOutage     simTrouble = iota // 500s, and answers that never come
	simOverload                     // 529s that say nothing of their end
	simRateLimit                    // 429s that tell the end of the episode
	simProxyDead                    // nothing is sent
	simSilent                       // the transport gives up after a while
	simSlow                         // eight times as slow
	simFlaky                        // 500s, now and then
	simKeyRefused                   // 401s
	simOutOfMoney                   // 402s
)

// simEpisode is a trouble that some accounts have for a while.
type simEpisode struct {
	name     string
	trouble  simTrouble
	from, to time.Duration // since the start; to of 0: it does not end
	accounts []*simAccount
	within   time.Duration // for the recovery; 0: there is none
}

func (e *simEpisode) active(at time.Duration) bool {
	return at >= e.from && (e.to == 0 || at < e.to)
}

const simSeed = 7

// simWeights give each weight the same share of the load.
var simWeights = []int{1, 1, 1, 1, 2, 2, 4}

// newSimWorld has so many accounts, of which one weight unit can bear three times
// its share of so many requests a second.
func newSimWorld(accounts int, rate float64) *simWorld {
	w := &simWorld{
		byName: make(map[string]*simAccount), serving: make(map[string][]*simAccount), proxies: max(10, accounts/15),
	}
	perUnit := int64(math.Ceil(3*rate*60/(float64(accounts)*12/7))) + 5 // a weight is 12/7 on average
	places := simPlaces()
	for p := range places {
		place := &places[p]
		for i := range accounts * place.share / 100 {
			n := len(w.accounts)
			a := &simAccount{
				name: fmt.Sprintf("%s-%05d", place.name, n), place: place, weight: simWeights[i%len(simWeights)], models: place.models,
				proxy: -1, world: w, dice: rand.New(rand.NewPCG(simSeed, uint64(n))),
			}
			a.inFlight, a.perMin = int64(16*a.weight), perUnit*int64(a.weight)
			if i%2 == 1 {
				a.proxy = i / 2 % w.proxies
			}
			if place.name == "openai" && i%10 == 3 {
				a.models = append(a.models[:len(a.models):len(a.models)], "gpt-rare")
			}
			w.accounts, w.byName[a.name] = append(w.accounts, a), a
			for _, m := range a.models {
				w.serving[m] = append(w.serving[m], a)
			}
		}
	}
	w.plan()
	return w
}

// plan makes the episodes, of which each account has one at most, but for those of
// its proxy and of its whole provider.
func (w *simWorld) plan() {
	const minute = time.Minute
	at := func(place string) func(int, *simAccount) bool {
		return func(_ int, a *simAccount) bool { return a.place.name == place }
	}
	one := func(n int) func(int, *simAccount) bool { // of 50 at the provider that has no trouble as a whole
		return func(i int, a *simAccount) bool {
			return (a.place.name == "openai" || a.place.name == "anthropic") && a.proxy < 0 && i%50 == n
		}
	}
	either := func(n ...int) func(int, *simAccount) bool {
		return func(i int, a *simAccount) bool {
			for _, n := range n {
				if one(n)(i, a) {
					return true
				}
			}
			return false
		}
	}
	w.episode("outage of relay-a", simOutage, minute, 5*minute/2, at("relay-a"))
	w.episode("a tenth of the proxies dead", simProxyDead, 3*minute, 9*minute/2, func(_ int, a *simAccount) bool { return a.proxy >= 0 && a.proxy%10 == 0 })
	w.episode("slow accounts", simSlow, 2*minute, 5*minute, either(2, 12, 42))
	w.episode("429 with reset", simRateLimit, 5*minute, 17*minute/3, either(4, 14, 24, 34, 44))
	w.episode("silent accounts", simSilent, 6*minute, 15*minute/2, either(6, 16))
	w.episode("overload of relay-b", simOverload, 8*minute, 26*minute/3, at("relay-b"))
	w.episode("flaky accounts", simFlaky, 0, 0, either(8))
	w.episode("refused keys", simKeyRefused, 4*minute, 0, either(18))
	w.episode("out of money", simOutOfMoney, 5*minute, 0, either(28))
	for i, a := range w.accounts {
		if either(38, 48)(i, a) { // the provider allows less than the balancer thinks
			a.hidden = max(1, a.perMin/6)
		}
	}
}

func (w *simWorld) episode(name string, trouble simTrouble, from, to time.Duration, of func(i int, a *simAccount) bool) {
	e := &simEpisode{name: name, trouble: trouble, from: from, to: to}
	for i, a := range w.accounts {
		if of(i, a) {
			a.episodes = append(a.episodes, e)
			e.accounts = append(e.accounts, a)
		}
	}
	if to > 0 {
		e.within = simOneRest(trouble, to-from)
	}
	w.episodes = append(w.episodes, e)
}

// simOneRest is how long the last rest before the end of a trouble may be under the
// default policy, whose rests begin at 30 s and double.
func simOneRest(trouble simTrouble, d time.Duration) time.Duration {
	switch trouble {
	case simRateLimit: // the provider said when, and a second of jitter may be added
		return time.Second
	case simSlow: // nobody rests; a minute should be enough to find out
		return time.Minute
	default:
		rest, sum := 30*time.Second, time.Duration(0)
		for sum+rest < d {
			sum, rest = sum+rest, 2*rest
		}
		return rest + rest/10
	}
}

func (w *simWorld) now() time.Duration { return time.Since(w.start) }

// trouble is the worst that an account has at a time; nil: none.
func (a *simAccount) trouble(at time.Duration) *simEpisode {
	for _, e := range a.episodes {
		if e.active(at) {
			return e
		}
	}
	return nil
}

// config has all accounts, each with a way of its own.
func (w *simWorld) config() balancer.Config {
	cfg := balancer.Config{RoundTripper: func(a balancer.Account) (http.RoundTripper, error) { return w.byName[a.Name], nil }}
	for _, a := range w.accounts {
		models := make(map[string]string)
		for _, m := range a.models {
			models[m] = ""
		}
		cfg.Accounts = append(cfg.Accounts, balancer.Account{
			Name: a.name, Provider: a.place.provider, Secret: "key-" + a.name, Weight: a.weight, Models: models,
			Limits: []quota.Limit{
				{Unit: quota.InFlight, Max: a.inFlight},
				{Unit: quota.Requests, Max: a.perMin, Window: quota.Rolling(time.Minute)},
			},
		})
	}
	return cfg
}
