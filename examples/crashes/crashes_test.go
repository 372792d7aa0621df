package crashes_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota"
)

var (
	length    = flag.Duration("crashes.for", 5*time.Second, "how long the workers spend and crash")
	processes = 4
)

// TestNothingIsOverspent has four programs spend under the same limits, each by 16 callers,
// and kills and restarts them at random: by what they wrote down themselves nothing is
// overspent, and once the leases of the dead are over nothing is in flight.
func TestNothingIsOverspent(t *testing.T) {
	for _, kind := range []string{"redis", "postgresql"} {
		t.Run(kind, func(t *testing.T) {
			at := start(t, kind)
			crew := newCrew(t, kind, at, "")
			crew.crash(*length)
			calls, failures := crew.report()
			assert.Zero(t, failures, "calls that the store failed")
			full := assertWithin(t, calls, 0)
			assert.Positive(t, full, "no key was used up, so that nothing is overspent says nothing")
			assertNothingInFlight(t, kind, at, calls)
			assertAllCounts(t, kind, at, calls)
		})
	}
}

// TestAStoreThatGoesAway is the same while Redis is killed and started again in the middle,
// with what it had kept, under both policies of a Guard.
func TestAStoreThatGoesAway(t *testing.T) {
	for _, policy := range []string{"closed", "open"} {
		t.Run(policy, func(t *testing.T) {
			server := servers.Redis(t, "--appendonly", "yes")
			crew := newCrew(t, "redis", server.Addr, policy)
			crew.crash(*length / 2)
			down := time.Now()
			server.Stop()
			time.Sleep(2 * time.Second)
			up := time.Now()
			server.Start()
			crew.crash(*length / 2)
			calls, _ := crew.report()
			admitted := 0
			for _, c := range calls {
				if c.began > down.Add(100*time.Millisecond).UnixNano() && c.ended < up.UnixNano() {
					admitted++
				}
			}
			if policy == "open" {
				assert.Positive(t, admitted, "while it was away")
				assertWithin(t, calls, crew.started) // each counts for itself meanwhile
			} else {
				assert.Zero(t, admitted, "while it was away")
				assertWithin(t, calls, 0)
			}
			assertNothingInFlight(t, "redis", server.Addr, calls)
		})
	}
}

// assertWithin checks the journals against the limits, to which each of some programs had its own
// beside the store's. It returns how many keys were used up.
func assertWithin(t *testing.T, calls []call, beside int) (full int) {
	t.Helper()
	times := int64(1 + beside)
	keys := spentOf(calls)
	for key, spent := range keys {
		assert.LessOrEqual(t, spent, most*times, key)
		if spent > most-dear { // not all that were asked for found room
			full++
		}
	}
	requests, flying := busiest(calls), crowd(calls)
	assert.LessOrEqual(t, int64(requests), often*times, "requests in a window")
	assert.LessOrEqual(t, int64(flying), atOnce*times, "in flight")
	assert.NotEmpty(t, calls)
	t.Logf("%d calls admitted, of %d keys %d used up, at most %d requests in a window of %d, and %d of %d in flight",
		len(calls), len(keys), full, requests, often, flying, atOnce)
	return full
}

// assertNothingInFlight looks at the store once all leases are over.
func assertNothingInFlight(t *testing.T, kind, at string, calls []call) {
	t.Helper()
	time.Sleep(ttl + time.Second)
	store, err := open(kind, at, "")
	require.NoError(t, err)
	inspector, ok := store.(quota.Inspector)
	require.True(t, ok)
	for key := range spentOf(calls) {
		levels, err := inspector.Levels(t.Context(), key, limits)
		require.NoError(t, err)
		assert.Zero(t, levels[2].Used, "in flight under %s", key)
		assert.LessOrEqual(t, levels[0].Used, int64(most), key)
	}
}

// assertAllCounts checks that a store that lost nothing has counted all that was spent by the journals: nothing was given
// back that was spent.
func assertAllCounts(t *testing.T, kind, at string, calls []call) {
	t.Helper()
	store, err := open(kind, at, "")
	require.NoError(t, err)
	inspector, ok := store.(quota.Inspector)
	require.True(t, ok)
	for key, spent := range spentOf(calls) {
		levels, err := inspector.Levels(t.Context(), key, limits)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, levels[0].Used, spent, key)
		assert.LessOrEqual(t, levels[0].Used, int64(most), key)
	}
}

// crew are the programs that spend.
type crew struct {
	t        *testing.T
	env      []string
	journals []string
	members  []*member
	started  int
}

// member is one program under way.
type member struct {
	cmd   *exec.Cmd
	input io.Closer
}

func newCrew(t *testing.T, kind, at, policy string) *crew {
	t.Helper()
	c := &crew{t: t, env: append(os.Environ(), "CRASHES_STORE="+kind, "CRASHES_AT="+at, "CRASHES_POLICY="+policy)}
	t.Cleanup(func() {
		for _, m := range c.members {
			m.kill()
		}
	})
	for range processes {
		c.members = append(c.members, c.start())
	}
	return c
}

func (c *crew) start() *member {
	c.t.Helper()
	journal := filepath.Join(c.t.TempDir(), fmt.Sprint("journal-", c.started))
	c.started++
	c.journals = append(c.journals, journal)
	require.NoError(c.t, os.WriteFile(journal, nil, 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(c.t.Context()), os.Args[0])
	cmd.Env = append(c.env, "CRASHES_JOURNAL="+journal)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())
	return &member{cmd, input}
}

func (m *member) kill() {
	if m.cmd.ProcessState == nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait() // it was killed
	}
}

// crash lets them spend, and kills one now and then that is replaced at once.
func (c *crew) crash(d time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(100*time.Millisecond + rand.N(300*time.Millisecond))
		i := rand.IntN(len(c.members))
		c.members[i].kill()
		c.members[i] = c.start()
	}
}

// report ends them in peace, and reads what all have written down.
func (c *crew) report() (calls []call, failures int) {
	c.t.Helper()
	for _, m := range c.members {
		require.NoError(c.t, m.input.Close())
	}
	for _, m := range c.members {
		require.NoError(c.t, m.cmd.Wait())
	}
	return journals(c.t, c.journals)
}
