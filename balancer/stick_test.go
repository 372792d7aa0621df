package balancer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

const messagesURL = "https://api.anthropic.com/v1/messages"

// many are so many OpenAI accounts, a0 and so on.
func many(n int, change ...func(*balancer.Account)) []balancer.Account {
	accounts := make([]balancer.Account, n)
	for i := range accounts {
		accounts[i] = account(fmt.Sprint("a", i), change...)
	}
	return accounts
}

func inFlight(n int64) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: n}} }
}

// session is a context whose requests are part of a session.
func session(ctx context.Context, name string, tenant ...string) context.Context {
	return balancer.WithHint(ctx, balancer.Hint{Session: name, Tenant: strings.Join(tenant, "")})
}

// servedBy sends a chat and tells which account answered.
func servedBy(ctx context.Context, t *testing.T, lb *balancer.Transport, fake *providertest.Fake) string {
	t.Helper()
	status, _, err := send(ctx, t, lb)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	keys := keysSeen(fake)
	return keys[len(keys)-1]
}

// hold sends a chat whose answer is not read: it stays in flight until the body is closed.
func hold(ctx context.Context, t *testing.T, lb *balancer.Transport) *http.Response {
	t.Helper()
	resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// inFlightOf is how many requests each account serves now.
func inFlightOf(t *testing.T, lb *balancer.Transport) map[string]int {
	t.Helper()
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	all := make(map[string]int)
	for _, a := range s.Accounts {
		all[a.Name] = a.InFlight
	}
	return all
}

func TestRequestsOfASessionGoToOneAccount(t *testing.T) {
	const (
		openAI    = `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]%s}`
		anthropic = `{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]%s}`
	)
	tests := map[string]struct {
		hint    balancer.Hint
		header  string
		openAI  string
		message string // what names the session in a request to Anthropic
		opening bool
	}{
		"hint":             {hint: balancer.Hint{Session: "s %d"}},
		"header":           {header: "s %d"},
		"prompt_cache_key": {openAI: `,"prompt_cache_key":"s %d"`},
		"metadata.user_id": {message: `,"metadata":{"user_id":"s %d"}`},
		"opening":          {openAI: `,"n":%d`, opening: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			accounts := many(8)
			url, body := chatURL, openAI
			if tt.message != "" {
				fake = providertest.Anthropic(providertest.Config{})
				url, body = messagesURL, anthropic
				for i := range accounts {
					accounts[i].Provider = provider.Anthropic
				}
			}
			cfg := over(fake, accounts...)
			cfg.StickByOpening = tt.opening
			var lbs []*balancer.Transport // two processes, that know nothing of each other
			for range 2 {
				lbs = append(lbs, newTransport(t, cfg))
			}
			used := make(map[string]bool)
			for s := range 20 {
				seen := len(fake.Hits())
				for i := range 6 {
					hint := tt.hint
					if hint.Session != "" {
						hint.Session = fmt.Sprintf(hint.Session, s)
					}
					more := tt.openAI + tt.message
					if more != "" {
						more = fmt.Sprintf(more, s%5)
					}
					text := fmt.Sprintf(body, more)
					if tt.opening { // what follows the opening plays no part
						text = fmt.Sprintf(`{"model":"gpt-5","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"no. %d"},{"role":"assistant","content":"%d"}]}`, s, i)
					}
					r := newRequest(balancer.WithHint(t.Context(), hint), t, http.MethodPost, url, text)
					r.Header.Set("Anthropic-Version", "2023-06-01")
					if tt.header != "" {
						r.Header.Set("X-Claude-Code-Session-Id", fmt.Sprintf(tt.header, s))
					}
					status, body, err := do(lbs[i%2], r)
					require.NoError(t, err)
					require.Equal(t, http.StatusOK, status, body)
				}
				keys := slices.Compact(keysSeen(fake)[seen:])
				assert.Len(t, keys, 1, "session %d", s)
				used[keys[0]] = true
			}
			assert.Greater(t, len(used), 2, "not all sessions stay with the same few")
		})
	}
}

func TestTenantsDoNotShareSessions(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, many(16)...))
	used := make(map[string]bool)
	for i := range 20 {
		ctx := session(t.Context(), "the same name", fmt.Sprint("tenant ", i))
		name := servedBy(ctx, t, lb, fake)
		assert.Equal(t, name, servedBy(ctx, t, lb, fake))
		used[name] = true
	}
	assert.Greater(t, len(used), 5)
	assert.Len(t, lb.Sessions(100), 20)
}

// newHome tells which account a session has, after something has happened to the one that
// it had, and checks that it stays with that.
func newHome(ctx context.Context, t *testing.T, lb *balancer.Transport, fake *providertest.Fake, before string) string {
	t.Helper()
	now := servedBy(ctx, t, lb, fake)
	require.NotEqual(t, before, now)
	for range 10 {
		require.Equal(t, now, servedBy(ctx, t, lb, fake), "it stays where it went")
	}
	return now
}

func TestASessionMovesWhenItsAccountIsOutOfUse(t *testing.T) {
	without := func(name string) []balancer.Account {
		return slices.DeleteFunc(many(5), func(a balancer.Account) bool { return a.Name == name })
	}
	tests := map[string]func(t *testing.T, lb *balancer.Transport, fake *providertest.Fake, name string){
		"rests": func(t *testing.T, lb *balancer.Transport, fake *providertest.Fake, name string) {
			fake.ScriptFor("key-"+name, providertest.RateLimited(time.Minute))
			ctx := balancer.WithHint(t.Context(), balancer.Hint{Account: name})
			_, _, err := send(ctx, t, lb)
			require.NoError(t, err)
		},
		"disabled": func(t *testing.T, lb *balancer.Transport, _ *providertest.Fake, name string) {
			accounts := many(5)
			for i := range accounts {
				accounts[i].Disabled = accounts[i].Name == name
			}
			require.NoError(t, lb.SetAccounts(accounts))
		},
		"removed": func(t *testing.T, lb *balancer.Transport, _ *providertest.Fake, name string) {
			require.NoError(t, lb.SetAccounts(without(name)))
		},
		"fails in this request": func(_ *testing.T, _ *balancer.Transport, fake *providertest.Fake, name string) {
			fake.ScriptFor("key-"+name, providertest.ServerError())
		},
		"does not serve the model any more": func(t *testing.T, lb *balancer.Transport, _ *providertest.Fake, name string) {
			accounts := many(5)
			for i := range accounts {
				if accounts[i].Name == name {
					accounts[i].Models = map[string]string{"other": ""}
				}
			}
			require.NoError(t, lb.SetAccounts(accounts))
		},
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				lb := newTransport(t, over(fake, many(5)...))
				ctx := session(t.Context(), "s")
				before := servedBy(ctx, t, lb, fake)
				happen(t, lb, fake, before)
				now := newHome(ctx, t, lb, fake, before)
				time.Sleep(2 * time.Minute) // the rest is over
				require.NoError(t, lb.SetAccounts(many(5)))
				assert.Equal(t, now, servedBy(ctx, t, lb, fake), "it does not go back")
				require.Len(t, lb.Sessions(10), 1)
				assert.Equal(t, now, lb.Sessions(10)[0].Account)
			})
		})
	}
}

// Of many accounts many may rest: a session that falls on some of them stays with
// another all the same.
func TestSessionsStayWhereMostAccountsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		for i := range 38 {
			fake.AlwaysFor(fmt.Sprint("key-a", i), providertest.Unauthorized())
		}
		cfg := over(fake, many(40)...)
		cfg.MaxAttempts = 100
		lb := newTransport(t, cfg)
		servedBy(t.Context(), t, lb, fake)
		for range 100 {
			servedBy(t.Context(), t, lb, fake)
		}
		for s := range 30 {
			ctx := session(t.Context(), fmt.Sprint(s))
			first := servedBy(ctx, t, lb, fake)
			for range 6 {
				require.Equal(t, first, servedBy(ctx, t, lb, fake), "session %d", s)
			}
		}
	})
}

func TestSessionsExpireAfterTheirLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, many(5)...)
		cfg.SessionTTL = time.Minute
		lb := newTransport(t, cfg)
		ctx := session(t.Context(), "s")
		home := servedBy(ctx, t, lb, fake)
		fake.ScriptFor("key-"+home, providertest.ServerError())
		moved := newHome(ctx, t, lb, fake, home)
		for range 10 {
			time.Sleep(59 * time.Second)
			require.Equal(t, moved, servedBy(ctx, t, lb, fake), "each use prolongs it")
		}
		time.Sleep(time.Minute)
		assert.Empty(t, lb.Sessions(10))
		assert.Equal(t, home, servedBy(ctx, t, lb, fake), "a new session begins where its name falls")
		require.Len(t, lb.Sessions(10), 1)
		assert.EqualValues(t, 1, lb.Sessions(10)[0].Requests)
	})
}

func TestASessionCountsRequestsNotAttempts(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, many(3)...))
	ctx := session(t.Context(), "s")
	for range 4 {
		fake.Script(providertest.ServerError(), providertest.ServerError())
		servedBy(ctx, t, lb, fake)
	}
	require.Len(t, lb.Sessions(10), 1)
	assert.EqualValues(t, 4, lb.Sessions(10)[0].Requests)
}

func TestClearingSessionsChoosesAfresh(t *testing.T) {
	tests := map[string]struct {
		clear func(lb *balancer.Transport) int
		want  []bool // tenant a's s, a's r, b's s, nobody's s: chosen afresh
	}{
		"one": {func(lb *balancer.Transport) int {
			if lb.ClearSession("a", "s") && !lb.ClearSession("a", "s") {
				return 1
			}
			return 0
		}, []bool{true, false, false, false}},
		"a tenant's":    {func(lb *balancer.Transport) int { return lb.ClearTenantSessions("a") }, []bool{true, true, false, false}},
		"those without": {func(lb *balancer.Transport) int { return lb.ClearTenantSessions("") }, []bool{false, false, false, true}},
		"all":           {func(lb *balancer.Transport) int { return lb.ClearSessions() }, []bool{true, true, true, true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			lb := newTransport(t, over(fake, many(5)...))
			ctxs := []context.Context{session(t.Context(), "s", "a"), session(t.Context(), "r", "a"), session(t.Context(), "s", "b"), session(t.Context(), "s")}
			var homes, moved []string
			for _, ctx := range ctxs {
				home := servedBy(ctx, t, lb, fake)
				fake.ScriptFor("key-"+home, providertest.ServerError())
				homes = append(homes, home)
				moved = append(moved, newHome(ctx, t, lb, fake, home))
			}
			cleared := 0
			for _, afresh := range tt.want {
				if afresh {
					cleared++
				}
			}
			assert.Equal(t, cleared, tt.clear(lb))
			for i, ctx := range ctxs {
				want := moved[i]
				if tt.want[i] {
					want = homes[i]
				}
				assert.Equal(t, want, servedBy(ctx, t, lb, fake), "session %d", i)
			}
		})
	}
}

func TestASubAgentStormDoesNotOverloadOneAccount(t *testing.T) {
	pickers := map[string]balancer.Picker{
		"least loaded": nil, "round robin": balancer.RoundRobin{}, "random": balancer.Random{},
		"one's own": balancer.PickerFunc(balancer.LeastLoaded{}.Pick),
	}
	for name, picker := range pickers {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := over(fake, many(5)...)
			cfg.Picker = picker
			lb := newTransport(t, cfg)
			ctx := session(t.Context(), "claude")
			home := servedBy(ctx, t, lb, fake)
			var calls sync.WaitGroup
			bodies := make(chan *http.Response, 47)
			for range 47 {
				calls.Go(func() {
					resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
					if assert.NoError(t, err) {
						bodies <- resp
					}
				})
			}
			calls.Wait()
			close(bodies)
			for name, n := range inFlightOf(t, lb) {
				assert.LessOrEqual(t, n, 2*47/5+4, name)
			}
			assert.GreaterOrEqual(t, inFlightOf(t, lb)[home], 4, "it takes its part")
			for resp := range bodies {
				require.NoError(t, resp.Body.Close())
			}
			for range 5 {
				assert.Equal(t, home, servedBy(ctx, t, lb, fake), "to bend is not to move")
			}
			for name, n := range inFlightOf(t, lb) {
				assert.Zero(t, n, name)
			}
		})
	}
}

// An account that has as many in flight as its limit allows is as busy as can be: the
// session goes elsewhere for a request, and comes back.
func TestAFullAccountKeepsItsSessions(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, many(4, inFlight(2))...))
	ctx := session(t.Context(), "s")
	home := servedBy(ctx, t, lb, fake)
	one, two := hold(ctx, t, lb), hold(ctx, t, lb)
	require.Equal(t, 2, inFlightOf(t, lb)[home])
	assert.NotEqual(t, home, servedBy(ctx, t, lb, fake))
	require.NoError(t, one.Body.Close())
	assert.Equal(t, home, servedBy(ctx, t, lb, fake))
	require.NoError(t, two.Body.Close())
}

func TestSessionsFollowTheWeights(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	accounts := many(4)
	for i := range accounts {
		accounts[i].Weight = i + 1
	}
	lb := newTransport(t, over(fake, accounts...))
	const n = 1500
	for i := range n {
		_, _, err := send(session(t.Context(), fmt.Sprint("conversation ", i)), t, lb)
		require.NoError(t, err)
	}
	for i := range accounts {
		want := float64(n) * float64(i+1) / 10
		assert.InEpsilon(t, want, fake.CountFor(fmt.Sprint("key-a", i)), 0.25, "weight %d", i+1)
	}
}

func TestABindingIsLogged(t *testing.T) {
	var log bytes.Buffer
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(3)...)
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	lb := newTransport(t, cfg)
	ctx := session(t.Context(), "s1", "t1")
	home := servedBy(ctx, t, lb, fake)
	servedBy(ctx, t, lb, fake)
	lines := func() []string {
		return slices.DeleteFunc(strings.Split(log.String(), "\n"), func(s string) bool { return !strings.Contains(s, "Session stays with account") })
	}
	require.Len(t, lines(), 1)
	for _, part := range []string{"level=DEBUG", "tenant=t1", "session=s1", "account=" + home} {
		assert.Contains(t, lines()[0], part)
	}
	fake.ScriptFor("key-"+home, providertest.ServerError())
	newHome(ctx, t, lb, fake, home)
	require.Len(t, lines(), 2)
	assert.Contains(t, lines()[1], "before="+home)
}

func TestTheTableOfSessionsIsBounded(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(3)...)
	cfg.MaxSessions = 20
	lb := newTransport(t, cfg)
	for i := range 100 {
		servedBy(session(t.Context(), fmt.Sprint(i)+strings.Repeat("x", 1<<12)), t, lb, fake)
	}
	assert.Len(t, lb.Sessions(1000), 20)
	for _, s := range lb.Sessions(3) {
		assert.LessOrEqual(t, len(s.Session), 512)
	}
	assert.True(t, lb.ClearSession("", "99"+strings.Repeat("x", 1<<12)), "a long name is a name")
}

func TestNoSessionsIfTheyMeanNothing(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(4)...)
	cfg.SessionTTL = -1
	cfg.Picker = balancer.RoundRobin{}
	lb := newTransport(t, cfg)
	used := make(map[string]bool)
	for range 8 {
		used[servedBy(session(t.Context(), "s"), t, lb, fake)] = true
	}
	assert.Len(t, used, 4)
	assert.Empty(t, lb.Sessions(10))
	assert.False(t, lb.ClearSession("", "s"))
	assert.Zero(t, lb.ClearSessions()+lb.ClearTenantSessions(""))
}

func TestSessionsUnderConcurrency(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, many(6)...))
	var calls sync.WaitGroup
	for w := range 16 {
		calls.Go(func() {
			for i := range 60 {
				ctx := session(t.Context(), fmt.Sprint(i%7), fmt.Sprint(w%3))
				_, _, err := send(ctx, t, lb)
				assert.NoError(t, err)
				switch {
				case i%20 == 3:
					lb.ClearTenantSessions(fmt.Sprint(w % 3))
				case i%20 == 5:
					lb.ClearSession(fmt.Sprint(w%3), fmt.Sprint(i%7))
				case i%20 == 7:
					_ = lb.Sessions(5)
				case i%20 == 9 && w == 0:
					assert.NoError(t, lb.SetAccounts(many(3+i%4)))
				}
			}
		})
	}
	calls.Wait()
	assert.LessOrEqual(t, len(lb.Sessions(100)), 21)
	for name, n := range inFlightOf(t, lb) {
		assert.Zero(t, n, name)
	}
}

// A Picker of one's own has the first word: it may know who may see a session.
func TestAPickerOfOnesOwnChoosesForSessions(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(6)...)
	var asked int
	cfg.Picker = balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
		asked++
		for i := range from.Len() {
			if from.At(i).Name == "a4" {
				return i
			}
		}
		return -1
	})
	lb := newTransport(t, cfg)
	for s := range 10 {
		ctx := session(t.Context(), fmt.Sprint(s))
		for range 3 {
			assert.Equal(t, "a4", servedBy(ctx, t, lb, fake))
		}
	}
	assert.Positive(t, asked)
}

// Accounts that are to be used in order are so for sessions, too.
func TestInOrderHoldsForSessions(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(6)...)
	cfg.Picker = balancer.InOrder{}
	lb := newTransport(t, cfg)
	for s := range 10 {
		assert.Equal(t, "a0", servedBy(session(t.Context(), fmt.Sprint(s)), t, lb, fake))
	}
}

// What a session asks about others' load takes nobody's turn.
func TestBendingTakesNoTurns(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(4)...)
	cfg.Picker = balancer.RoundRobin{}
	cfg.Policy = health.Policy{SlowStart: -1}
	lb := newTransport(t, cfg)
	ctx := session(t.Context(), "s")
	for range 5 {
		hold(ctx, t, lb)
	}
	seen := len(fake.Hits())
	for range 8 {
		servedBy(t.Context(), t, lb, fake)
		servedBy(ctx, t, lb, fake)
	}
	turns := make(map[string]int)
	for _, name := range keysSeen(fake)[seen:] {
		turns[name]++
	}
	for name := range inFlightOf(t, lb) {
		assert.InDelta(t, 4, turns[name], 1, "%s: %v", name, turns)
	}
}
