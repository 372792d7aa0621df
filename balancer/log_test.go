package balancer_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// jsonLog is a logger of every level, and what it wrote.
func jsonLog() (*slog.Logger, *lockedBuffer) {
	var log lockedBuffer
	return slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), &log
}

// said are the lines of a log with these messages, without what differs from run to run.
func said(t *testing.T, log *lockedBuffer, messages ...string) (list []string) {
	t.Helper()
	for _, l := range lines(t, log.String()) {
		for _, message := range messages {
			if l["msg"] == message {
				delete(l, "time")
				if until, has := l["until"]; has {
					l["until"] = strings.Contains(until.(string), "T")
				}
				text, err := json.Marshal(l)
				require.NoError(t, err)
				list = append(list, string(text))
			}
		}
	}
	return list
}

// TestTurnsAreLogged: once each, where they were found out; elsewhere at Debug.
func TestTurnsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.ServerError())
		store := health.NewMemory(health.MemoryConfig{})
		cfg := over(fake, account("main"))
		cfg.Health, cfg.NoLastResort = store, true
		cfg.Policy = health.Policy{Failures: 2, Rest: time.Minute, Jitter: -1}
		logger, log := jsonLog()
		elsewhere, log2 := jsonLog()
		cfg.Logger = logger
		lb := newTransport(t, cfg)
		cfg.Logger = elsewhere
		newTransport(t, cfg)
		ask := func(after time.Duration) {
			time.Sleep(after)
			_, _, _ = send(t.Context(), t, lb)
			time.Sleep(2 * time.Second) // the other one reads
		}
		for range 3 { // the first fails, and what follows is passed over
			ask(time.Second)
		}
		ask(time.Minute) // the probe fails
		fake.Always(providertest.OK())
		ask(3 * time.Minute)
		ask(time.Second)
		require.NoError(t, lb.Disable(t.Context(), "main", "too dear"))
		time.Sleep(2 * time.Second)
		require.NoError(t, lb.Disable(t.Context(), "main", "still too dear"))
		require.NoError(t, lb.Enable(t.Context(), "main"))
		time.Sleep(2 * time.Second)
		require.NoError(t, lb.DisableSubject(t.Context(), subject(health.KindAccountModel, "main", "gpt-5"), "old"))
		time.Sleep(2 * time.Second)

		const reason = `"reason":"The server had an error while processing your request. Sorry about that!"`
		want := []string{
			`{"account":"main","cause":"failure","kind":"account","level":"INFO","msg":"Resting",` + reason + `,"until":true}`,
			`{"account":"main","cause":"failure","kind":"account","level":"INFO","msg":"Resting",` + reason + `,"until":true}`,
			`{"account":"main","cause":"failure","kind":"account","level":"INFO","msg":"Recovered"}`,
			`{"account":"main","cause":"person","kind":"account","level":"INFO","msg":"Disabled","reason":"too dear"}`,
			`{"account":"main","cause":"person","kind":"account","level":"INFO","msg":"Recovered"}`,
			`{"account":"main","cause":"person","kind":"account model","level":"INFO","model":"gpt-5","msg":"Disabled","reason":"old"}`,
		}
		assert.Equal(t, want, said(t, log, "Resting", "Disabled", "Recovered"))
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], `"INFO"`, `"DEBUG"`)
		}
		assert.Equal(t, want[:5], said(t, log2, "Resting", "Disabled", "Recovered"))
	})
}

// TestALimitIsLoggedOnce: its end is only a matter of time, and no line.
func TestALimitIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.RateLimited(20 * time.Second))
		cfg := over(fake, account("main"))
		logger, log := jsonLog()
		cfg.Logger = logger
		lb := newTransport(t, cfg)
		for range 5 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		list := said(t, log, "Resting", "Disabled", "Recovered")
		require.Len(t, list, 1)
		assert.Contains(t, list[0], `"account":"main","cause":"limit","kind":"account`)
	})
}

// TestSetAccountsIsLogged: how many there are, and what changed.
func TestSetAccountsIsLogged(t *testing.T) {
	cfg := over(nil, account("a"), account("b"))
	logger, log := jsonLog()
	cfg.Logger = logger
	lb := newTransport(t, cfg)
	require.NoError(t, lb.SetAccounts(cfg.Accounts))
	other := account("b", func(a *balancer.Account) { a.Secret = "key-" + secretMark })
	require.NoError(t, lb.SetAccounts([]balancer.Account{other, account("c"), account("d")}))
	require.Error(t, lb.SetAccounts(nil))
	assert.Equal(t, []string{
		`{"accounts":2,"added":0,"level":"DEBUG","msg":"Accounts set","newCredentials":0,"removed":0}`,
		`{"accounts":3,"added":2,"level":"INFO","msg":"Accounts set","newCredentials":1,"removed":1}`,
	}, said(t, log, "Accounts set"))
	assertNoSecret(t, "the log", log.String())
}

// TestWhoLosesHasNotFailed: a Warn line is for attempts that failed.
func TestWhoLosesHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), whole(time.Hour, "one"), whole(time.Second, "two"))
		cfg.Hedge.After = time.Second
		logger, log := jsonLog()
		cfg.Logger = logger
		_, _, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		synctest.Wait()
		assert.Empty(t, said(t, log, "Attempt failed"))
		list := said(t, log, "Attempt not needed")
		require.Len(t, list, 1)
		assert.Contains(t, list[0], `"account":"first"`)
		assert.Contains(t, list[0], `"level":"DEBUG"`)
	})
}

// TestEachLineNamesItsAccountOnce: those of the transport too.
func TestEachLineNamesItsAccountOnce(t *testing.T) {
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	fake := providertest.OpenAI(providertest.Config{})
	cfg, _ := overNetwork(t, http.Handler(fake))
	logger, log := jsonLog()
	cfg.Logger = logger
	cfg.Accounts = cfg.Accounts[:1]
	name := cfg.Accounts[0].Name
	cfg.Accounts[0].Proxy, cfg.Accounts[0].FallbackToDirect = dead.URL(), true
	_, _, err = send(t.Context(), t, newTransport(t, cfg))
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, `"origin"`) { // not of the transport
			continue
		}
		found++
		assert.Equal(t, 1, strings.Count(line, `"account":"`+name+`"`), line)
		assert.Equal(t, 1, strings.Count(line, `"providerId":`), line)
		assert.NotContains(t, line, `"providerId":"`+name+`"`)
	}
	assert.Positive(t, found)
}
