package balancer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

func TestSnapshotShowsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := health.NewMemory(health.MemoryConfig{})
		origin := "https://api.openai.com"
		cfg := balancer.Config{Health: store, Accounts: []balancer.Account{
			account("a", func(a *balancer.Account) { a.Proxy = "http://user:secret@10.0.0.1:8080" }),
			account("b", func(a *balancer.Account) { a.Proxy = "http://user:secret@10.0.0.1:8080" }),
			account("c"),
			account("off", func(a *balancer.Account) { a.Disabled = true }),
		}}
		lb := newTransport(t, cfg)
		proxy := "http://user:***@10.0.0.1:8080"
		put(t, store, subject(health.KindProxy, proxy), failedOften())
		put(t, store, subject(health.KindProviderModel, "openai "+origin, "gpt-6"), limitedFor(time.Minute))
		_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "ghost"}), t, lb) // nothing is sent
		require.Error(t, err)
		require.NoError(t, lb.DisableSubject(t.Context(), subject(health.KindAccountModel, "c", "gpt-5"), "it is bad at it"))
		require.NoError(t, lb.DisableSubject(t.Context(), subject(health.KindAccountModel, "c", "gpt-4"), "it is bad at it"))
		require.NoError(t, lb.ClearRest(t.Context(), subject(health.KindProviderModel, "openai "+origin, "gpt-6"))) // makes it known here
		put(t, store, subject(health.KindProviderModel, "openai "+origin, "gpt-6"), limitedFor(time.Minute))
		time.Sleep(1100 * time.Millisecond)

		s := snapshotOf(t, lb)
		names := func(list []balancer.DomainSnapshot) (n []string) {
			for _, d := range list {
				n = append(n, d.Name+"|"+d.Model+"|"+d.State)
			}
			return n
		}
		assert.Equal(t, []string{proxy + "||open"}, names(s.Proxies), "it is one for two accounts")
		assert.Equal(t, []string{proxy + " " + origin + "||closed", "direct " + origin + "||closed"}, names(s.Routes))
		assert.Equal(t, []string{"openai " + origin + "||closed"}, names(s.Providers))
		assert.Equal(t, []string{"openai " + origin + "|gpt-6|open"}, names(s.Models))
		assert.Equal(t, []string{"c|gpt-4|disabled", "c|gpt-5|disabled"}, names(s.Accounts[2].Models))
		assert.Equal(t, "500", s.Proxies[0].Reason)
		assert.Equal(t, "failure", s.Proxies[0].Cause)
		assert.WithinDuration(t, time.Now().Add(30*time.Minute), s.Proxies[0].Until, 2*time.Second)
		assert.Equal(t, 5, s.Proxies[0].Failures)
		assert.Equal(t, 1, s.Proxies[0].Rests)

		ready := map[string]string{}
		for _, a := range s.Accounts {
			ready[a.Name] = fmt.Sprint(a.Ready, " ", a.NotReady)
		}
		rests := `false proxy "` + proxy + `" rests: 500`
		assert.Equal(t, map[string]string{"a": rests, "b": rests, "c": "true ", "off": "false disabled by configuration"}, ready)
		assert.Equal(t, s.Proxies[0].Until, s.Accounts[0].ReadyAt.UTC())
		assert.Equal(t, "closed", s.Accounts[0].State, "it is not the account's fault")
	})
}

func TestSnapshotShowsErrorsLimitsAndQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		long := strings.Repeat("ö", 5000)
		steps := []providertest.Step{providertest.Status(500, nil, "first"), providertest.Status(502, nil, "second")}
		for i := range 4 {
			steps = append(steps, providertest.Status(500, nil, fmt.Sprintf(`{"error":{"message":"%d %s"}}`, i, long)))
		}
		steps = append(steps, providertest.Status(400, nil, `{"error":{"message":"the caller's own"}}`))
		fake.Script(steps...)
		limits := []quota.Limit{{Unit: quota.InFlight, Max: 1}, {Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Minute)}}
		cfg := over(fake, account("main", func(a *balancer.Account) { a.Limits = limits }), account("free", priority(9), func(a *balancer.Account) { a.Models = map[string]string{"other": ""} }))
		cfg.Policy, cfg.MaxWait, cfg.RetryBudget = health.Policy{Failures: -1, Ratio: -1}, time.Minute, balancer.RetryBudget{Share: -1, Min: -1}
		lb := newTransport(t, cfg)
		for range 7 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		fake.Always(providertest.OK().After(300 * time.Millisecond))
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)

		a := snapshotOf(t, lb).Accounts[0]
		assert.EqualValues(t, 6, a.Failed, "without the caller's own fault")
		assert.EqualValues(t, 8, a.Served)
		require.Len(t, a.LastErrors, 5)
		assert.True(t, a.LastErrors[0].Time.After(a.LastErrors[4].Time), "the newest first")
		assert.Contains(t, a.LastErrors[0].Reason, "3 öö")
		assert.LessOrEqual(t, len(a.LastErrors[0].Reason), 510)
		assert.Equal(t, http.StatusBadGateway, a.LastErrors[4].Status)
		assert.Equal(t, provider.ClassTransient, a.LastErrors[4].Class)
		assert.Equal(t, "gpt-5", a.LastErrors[4].Model)
		assert.InDelta(t, 300, a.FirstByteMs, 1)
		assert.EqualValues(t, 1, a.MaxInFlight)
		assert.Nil(t, a.Limits, "that would ask the store")

		fake.Always(providertest.OK().After(10 * time.Second))
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() { _, _, _ = send(t.Context(), t, lb) })
		}
		time.Sleep(time.Second)
		s, err := lb.SnapshotWithLimits(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 3, s.Waiting)
		assert.Equal(t, []balancer.QueueSnapshot{{At: "openai", Waiting: 3}}, s.Queues)
		a = s.Accounts[0]
		assert.Equal(t, 1, a.InFlight)
		assert.Equal(t, "1 request in flight, as many as its limit allows", a.NotReady)
		require.Len(t, a.Limits, 2)
		assert.Equal(t, balancer.LimitSnapshot{Limit: "1 in flight", Unit: "in flight", Max: 1, Used: 1, Left: 0}, a.Limits[0])
		assert.EqualValues(t, 9, a.Limits[1].Used)
		assert.EqualValues(t, 91, a.Limits[1].Left)
		assert.NotZero(t, a.Limits[1].EmptyAt)
		assert.Nil(t, s.Accounts[1].Limits)
		calls.Wait()
		assert.Zero(t, snapshotOf(t, lb).Waiting)
	})
}

func TestSnapshotWithLimitsNeedsAnInspector(t *testing.T) {
	limited := account("main", func(a *balancer.Account) { a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}} })
	cfg := over(nil, limited)
	cfg.Quota = brokenQuota{}
	s, err := newTransport(t, cfg).SnapshotWithLimits(t.Context())
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Len(t, s.Accounts, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	lb := newTransport(t, over(nil, limited))
	_, err = lb.SnapshotWithLimits(ended)
	require.ErrorIs(t, err, context.Canceled)
	_, err = lb.Snapshot(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// TestSnapshotAsksNoStore: it is for pages and metrics that are read every few seconds.
func TestSnapshotAsksNoStore(t *testing.T) {
	cfg := over(nil, account("main"))
	cfg.Health, cfg.Quota = brokenHealth{}, brokenQuota{}
	s, err := newTransport(t, cfg).Snapshot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "closed", s.Accounts[0].State)
}

// TestSnapshotIsJSON: lists are lists, also when they are empty, and times that are not
// known are left out.
func TestSnapshotIsJSON(t *testing.T) {
	text, err := json.Marshal(snapshotOf(t, newTransport(t, over(nil, account("main")))))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"accounts": [{"name":"main","provider":"openai","disabled":false,"ready":true,"state":"closed",
			"failures":0,"refusals":0,"rests":0,"inFlight":0,"served":0,"failed":0,"firstByteMs":0}],
		"proxies":[],"models":[],"waiting":0,"queues":[],"held":0,"sessions":[],
		"routes":[{"name":"account main https://api.openai.com","state":"closed","failures":0,"refusals":0,"rests":0}],
		"providers":[{"name":"openai https://api.openai.com","state":"closed","failures":0,"refusals":0,"rests":0}]}`, string(text))
}

func BenchmarkSnapshot(b *testing.B) {
	var accounts []balancer.Account
	for i := range 10_000 {
		accounts = append(accounts, account(fmt.Sprint("account-", i)))
	}
	lb, err := balancer.New(over(nil, accounts...))
	require.NoError(b, err)
	defer func() { require.NoError(b, lb.Close()) }()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lb.Snapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
