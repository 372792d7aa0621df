package balancer_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestHealthChecksGoOnWhileAccountsAreReloaded: some programs read their accounts from a
// database more often than every Interval, and not always in the same order.
func TestHealthChecksGoOnWhileAccountsAreReloaded(t *testing.T) {
	reversed := func(accounts []balancer.Account) []balancer.Account {
		slices.Reverse(accounts)
		return accounts
	}
	for name, next := range map[string]func(round int) []balancer.Account{
		"in the same order": func(int) []balancer.Account { return many(10) },
		"in another order": func(round int) []balancer.Account {
			if round%20 < 10 {
				return reversed(many(10))
			}
			return many(10)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				lb := newTransport(t, checked(fake, many(10)...))
				for round := range 120 { // an hour
					time.Sleep(30 * time.Second)
					require.NoError(t, lb.SetAccounts(next(round)))
				}
				for i := range 10 {
					assert.GreaterOrEqual(t, fake.CountFor(fmt.Sprint("key-a", i)), 11, "a%d", i)
				}
			})
		})
	}
}

func TestOneReloadCostsNobodyItsCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, checked(fake, many(10)...))
		time.Sleep(time.Minute)
		require.NoError(t, lb.SetAccounts(many(10)))
		time.Sleep(5 * time.Minute)
		for i := range 10 {
			assert.Positive(t, fake.CountFor(fmt.Sprint("key-a", i)), "a%d", i)
		}
	})
}

// TestACheckAsksTheAccountAsItIsNow: with the credential that it has when its turn comes.
func TestACheckAsksTheAccountAsItIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, checked(fake, account("main")))
		changed := account("main")
		changed.Secret = "key-other"
		require.NoError(t, lb.SetAccounts([]balancer.Account{changed}))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"other"}, keysSeen(fake))
	})
}

// TestACheckThatHadToWaitIsStillWanted: all places are taken when an account's turn
// comes, and when one is free there is nothing to ask any more.
func TestACheckThatHadToWaitIsStillWanted(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *balancer.Transport, string){
		"a person has disabled it": func(t *testing.T, lb *balancer.Transport, name string) {
			require.NoError(t, lb.Disable(t.Context(), name, "repairs"))
		},
		"it is gone": func(t *testing.T, lb *balancer.Transport, name string) {
			require.NoError(t, lb.SetAccounts(slices.DeleteFunc(many(2), func(a balancer.Account) bool { return a.Name == name })))
		},
		"a request has told": func(t *testing.T, lb *balancer.Transport, name string) {
			_, _, _ = send(balancer.WithHint(t.Context(), balancer.Hint{Account: name}), t, lb)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(chan string, 10)
				mute := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						answers(200, `{"choices":[]}`).ServeHTTP(w, r)
						return
					}
					asked <- strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer key-")
					<-r.Context().Done()
				})
				cfg := checked(mute, many(2)...)
				cfg.HealthChecks.Interval, cfg.HealthChecks.Concurrency = 10*time.Second, 1
				cfg.HealthChecks.Timeout = 9 * time.Second
				lb := newTransport(t, cfg)
				other := map[string]string{"a0": "a1", "a1": "a0"}[<-asked]
				time.Sleep(7 * time.Second) // the other's turn has come
				change(t, lb, other)
				time.Sleep(4 * time.Second)
				for len(asked) > 0 {
					assert.NotEqual(t, other, <-asked)
				}
			})
		})
	}
}
