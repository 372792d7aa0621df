package redisstores_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// TestOneProbeAmongPrograms has the callers of two programs claim the probe of one
// account, again and again.
func TestOneProbeAmongPrograms(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			addrs, prefix := world.start(t), apart()
			one, _ := connect(t, nil, addrs...)
			other, _ := connect(t, nil, addrs...)
			programs := []health.Store{healthStore(t, one, prefix), healthStore(t, other, prefix)}
			var policy health.Policy
			for range 10 {
				now := time.Now()
				resting := health.State{ProbeDue: true, Rests: 1, RestUntil: now.UTC().Round(0)}
				_, err := programs[0].Update(t.Context(), account("a"), become(resting))
				require.NoError(t, err)
				var winners atomic.Int64
				var callers sync.WaitGroup
				for i := range 64 {
					callers.Go(func() {
						var mine bool
						_, err := programs[i%2].Update(t.Context(), account("a"), func(s health.State) health.State {
							s, mine = policy.Claim(s, now)
							return s
						})
						assert.NoError(t, err)
						if mine {
							winners.Add(1)
						}
					})
				}
				callers.Wait()
				require.EqualValues(t, 1, winners.Load())
			}
		})
	}
}

// TestNoUpdateIsLostAmongPrograms has every caller change the same account, so that each
// forestalls the others.
func TestNoUpdateIsLostAmongPrograms(t *testing.T) {
	t.Parallel()
	addrs, prefix := worlds[0].start(t), apart()
	var programs []health.Store
	for range 4 {
		client, _ := connect(t, nil, addrs...)
		programs = append(programs, healthStore(t, client, prefix))
	}
	const callers, updates = 64, 8
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range updates {
				_, err := programs[i%len(programs)].Update(t.Context(), account("a"), func(s health.State) health.State {
					s.Failures++
					return s
				})
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	states, err := programs[0].Load(t.Context(), []health.Subject{account("a")})
	require.NoError(t, err)
	assert.Equal(t, callers*updates, states[0].Failures)
}

// TestProgramsHearOfEachOther has one program follow what another changes.
func TestProgramsHearOfEachOther(t *testing.T) {
	t.Parallel()
	addrs, prefix := worlds[0].start(t), apart()
	one, _ := connect(t, nil, addrs...)
	other, _ := connect(t, nil, addrs...)
	teller, listener := healthStore(t, one, prefix), healthStore(t, other, prefix)
	model := health.Subject{Kind: health.KindAccountModel, Name: "main", Model: "gpt-5"}

	page, err := listener.Changes(t.Context(), "")
	require.NoError(t, err)
	assert.Empty(t, page.States)
	assert.True(t, page.Anew)
	for _, s := range []health.State{{Failures: 1}, {Failures: 2, Reason: "503"}, {}} {
		_, err := teller.Update(t.Context(), model, become(s))
		require.NoError(t, err)
		_, err = teller.Update(t.Context(), account("other"), become(health.State{Failures: 1}))
		require.NoError(t, err)
		_, err = teller.Update(t.Context(), account("other"), become(health.State{}))
		require.NoError(t, err)
		page, err = listener.Changes(t.Context(), page.Next)
		require.NoError(t, err)
		told := map[health.Subject]health.State{}
		for _, c := range page.States {
			told[c.Subject] = c.State
		}
		require.Contains(t, told, model)
		assert.Equal(t, s, told[model])
		assert.False(t, page.More)
	}
}
