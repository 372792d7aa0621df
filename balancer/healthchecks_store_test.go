package balancer_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// muteFor is a store of which Update does not answer for some subjects.
type muteFor struct {
	health.Store
	mute func(health.Subject) bool
}

func (m muteFor) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	if m.mute(s) {
		<-ctx.Done()
		return health.State{}, ctx.Err()
	}
	return m.Store.Update(ctx, s, f)
}

// TestHealthChecksWithAStoreThatIsMuteForSome: the others are asked all the same.
func TestHealthChecksWithAStoreThatIsMuteForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := checked(fake, many(8)...)
		cfg.HealthRefresh = -1
		cfg.Health = muteFor{health.NewMemory(health.MemoryConfig{}), func(s health.Subject) bool {
			return s.Kind == health.KindAccount && s.Name < "a4"
		}}
		told := make(chan error, 1000)
		cfg.Hooks.StoreError = func(_ context.Context, store string, err error) {
			assert.Equal(t, "health", store)
			told <- err
		}
		newTransport(t, cfg)
		time.Sleep(time.Hour)
		synctest.Wait()
		for i := range 4 {
			assert.GreaterOrEqual(t, fake.CountFor(fmt.Sprint("key-a", 4+i)), 10, "a%d", 4+i)
			assert.Zero(t, fake.CountFor(fmt.Sprint("key-a", i)), "a%d", i)
		}
		assert.GreaterOrEqual(t, len(told), 4*10)
		assert.ErrorIs(t, <-told, context.DeadlineExceeded)
	})
}

// toBeProbed is the state of what has rested.
func toBeProbed(health.State) health.State {
	past := time.Now().Add(-time.Second).UTC().Round(0)
	return health.State{ProbeDue: true, Cause: health.CauseFailure, Rests: 1, RestUntil: past, Since: past, Version: 1}
}

// TestACheckThatIsNotMadeUsesNothingUp: the account, or the probe of its way, is another
// program's, which is not known here yet. Neither counts as checked then, and no probe is
// held.
func TestACheckThatIsNotMadeUsesNothingUp(t *testing.T) {
	main := subject(health.KindAccount, "main")
	way := subject(health.KindRoute, "account main https://api.openai.com")
	for name, tt := range map[string]struct {
		theirs health.Subject
		claim  func(health.State) health.State
		free   health.Subject
	}{
		"the probe of its way": {way, func(s health.State) health.State {
			s, _ = health.Policy{ClaimTTL: time.Hour}.Claim(s, time.Now())
			return s
		}, main},
		"the account": {main, func(s health.State) health.State {
			s, _ = health.Policy{}.ClaimCheck(s, 0, time.Now().Add(4*time.Minute))
			return s
		}, way},
		"the probe of the account": {main, func(s health.State) health.State {
			s, _ = health.Policy{ClaimTTL: time.Hour}.Claim(toBeProbed(s), time.Now())
			return s
		}, way},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				store := health.NewMemory(health.MemoryConfig{})
				put(t, store, way, toBeProbed)
				cfg := checked(fake, account("main"))
				cfg.Health, cfg.HealthRefresh = store, -1
				newTransport(t, cfg)
				put(t, store, tt.theirs, tt.claim)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				assert.Zero(t, fake.Count())
				states, err := store.Load(t.Context(), []health.Subject{tt.free})
				require.NoError(t, err)
				assert.Zero(t, states[0].LastCheck)
				assert.Zero(t, states[0].ProbeFrom, "nobody holds its probe")
			})
		})
	}
}

// TestACheckOfAWayIsNoted: the way that was to be probed was checked when the account was.
func TestACheckOfAWayIsNoted(t *testing.T) {
	for name, status := range map[string]int{"good": 200, "failed": 500} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := health.NewMemory(health.MemoryConfig{})
				put(t, store, subject(health.KindRoute, "account main https://api.openai.com"), toBeProbed)
				cfg := checked(answers(status, `{"data":[]}`), account("main"))
				cfg.Health = store
				lb := newTransport(t, cfg)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				s := snapshotOf(t, lb)
				assert.Equal(t, "closed", s.Routes[0].State, "an answer proves the way")
				assert.Equal(t, s.Accounts[0].CheckedAt, s.Routes[0].CheckedAt)
				assert.Equal(t, s.Accounts[0].LastCheck.At.UTC(), s.Accounts[0].CheckedAt)
			})
		})
	}
}

// losesClaims is a store that takes the claims of some subjects, and fails to say so.
type losesClaims struct {
	health.Store
	lose func(health.Subject) bool
}

func (l losesClaims) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	state, err := l.Store.Update(ctx, s, f)
	if l.lose(s) && !state.ProbeFrom.IsZero() {
		return health.State{}, errBroken
	}
	return state, err
}

// TestACheckWhoseClaimWasLostGivesItBack: the store took the claim, and could not say so.
func TestACheckWhoseClaimWasLostGivesItBack(t *testing.T) {
	for _, s := range []health.Subject{
		subject(health.KindAccount, "main"),
		subject(health.KindRoute, "account main https://api.openai.com"),
	} {
		t.Run(s.Kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := health.NewMemory(health.MemoryConfig{})
				put(t, memory, s, toBeProbed)
				fake := providertest.OpenAI(providertest.Config{})
				cfg := checked(fake, account("main"))
				var claims atomic.Int64
				cfg.Health = losesClaims{memory, func(k health.Subject) bool {
					if k == s {
						claims.Add(1)
					}
					return k == s
				}}
				newTransport(t, cfg)
				for claims.Load() == 0 {
					time.Sleep(time.Second)
				}
				time.Sleep(2 * time.Second) // the store is left alone for a while
				synctest.Wait()
				states, err := memory.Load(t.Context(), []health.Subject{s})
				require.NoError(t, err)
				assert.Zero(t, states[0].ProbeFrom, "nobody holds its probe")
				assert.Zero(t, fake.Count())
			})
		})
	}
}
