package balancer_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// questions are n times the same question.
func questions(n int) func(string, *provider.Provider) []provider.Probe {
	return func(_ string, p *provider.Provider) []provider.Probe {
		list := make([]provider.Probe, n)
		for i := range list {
			list[i] = provider.Probes(p)[0]
		}
		return list
	}
}

// TestAQuestionForWhichNoTimeIsLeft is not asked, or says nothing about the account: the
// questions before it took the time. The first has all the time that there is.
func TestAQuestionForWhichNoTimeIsLeft(t *testing.T) {
	for name, tt := range map[string]struct {
		questions int
		timeout   time.Duration
		first     time.Duration // how long the answer to the first takes, which is good
		others    time.Duration // to the others, if there are any
		asked     int
		health    string
		failures  int
	}{
		"slow, and not all are asked":  {4, 0, 8 * time.Second, 8 * time.Second, 3, "ok", 0},
		"the last has its share":       {4, 0, 7 * time.Second, 7400 * time.Millisecond, 4, "ok", 0},
		"the last is cut":              {4, 0, 3 * time.Second, 9400 * time.Millisecond, 4, "ok", 0},
		"a short Timeout":              {2, 5 * time.Second, time.Second, time.Second, 2, "ok", 0},
		"a short Timeout cuts":         {2, 5 * time.Second, time.Second, time.Minute, 2, "ok", 0},
		"a short Timeout is used up":   {2, 5 * time.Second, 4 * time.Second, time.Minute, 1, "ok", 0},
		"mute":                         {2, 0, time.Minute, 0, 1, "failed", 1},
		"mute for a short Timeout":     {2, 5 * time.Second, time.Minute, 0, 1, "failed", 1},
		"mute at last, with all time":  {2, 0, time.Second, time.Minute, 2, "failed", 1},
		"mute at last, with some time": {3, 29 * time.Second, 9500 * time.Millisecond, time.Minute, 2, "failed", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				cfg := checked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					takes := tt.others
					if asked.Add(1) == 1 {
						takes = tt.first
					}
					select {
					case <-r.Context().Done():
						panic(http.ErrAbortHandler)
					case <-time.After(takes):
						answers(200, `{"data":[]}`).ServeHTTP(w, r)
					}
				}), account("main"))
				cfg.HealthChecks.Probes, cfg.HealthChecks.Timeout = questions(tt.questions), tt.timeout
				lb := newTransport(t, cfg)
				var last *balancer.CheckResult
				for last == nil {
					time.Sleep(time.Second)
					last = snapshotOf(t, lb).Accounts[0].LastCheck
				}
				assert.EqualValues(t, tt.asked, asked.Load())
				assert.Equal(t, tt.health, last.Health)
				assert.Equal(t, tt.failures, snapshotOf(t, lb).Accounts[0].Failures)
			})
		})
	}
}

func TestSlowQuestionsDoNotDisableAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.OK().After(8 * time.Second))
		cfg := checked(fake, account("main"))
		cfg.HealthChecks.Probes = questions(4)
		lb := newTransport(t, cfg)
		time.Sleep(40 * time.Minute)
		assert.Equal(t, "closed", snapshotOf(t, lb).Accounts[0].State, snapshotOf(t, lb).Accounts[0].Reason)
	})
}
