package redisquota_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// crashing is the environment of a test process that spends until it is killed: where, and whether it leases.
const crashing = "REDISQUOTA_TEST_CRASHING"

var crashLimits = []quota.Limit{
	{Unit: quota.Cost, Max: 60_000, Window: quota.Rolling(time.Hour)},
	{Unit: quota.Cost, Max: 90_000, Window: quota.Daily(0, nil)},
}

// spendUntilKilled has 16 callers print what they were admitted for.
func spendUntilKilled(t *testing.T, world string) {
	mode, world, _ := strings.Cut(world, " ")
	addr, prefix, _ := strings.Cut(world, " ")
	client, _ := connect(t, addr)
	var store quota.Store = open(t, client, prefix)
	limits := append([]quota.Limit{inFlight(40)}, crashLimits...)
	if mode == "leased" {
		store, limits = lease(t, store.(*redisquota.Store), redisquota.LeaseConfig{Slice: 100 * time.Millisecond}), crashLimits
	}
	for range 16 {
		go func() {
			for {
				cost := 1 + rand.Int64N(20)
				r, err := store.Reserve(t.Context(), "acme", limits, quota.Amount{Cost: cost}, time.Second)
				if err == nil {
					_, _ = os.Stdout.WriteString(fmt.Sprintf("spent %d\n", cost))
				} else if !errors.Is(err, quota.ErrExceeded) {
					_, _ = os.Stdout.WriteString("failed " + err.Error() + "\n")
				}
				time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
				if err == nil && rand.IntN(10) > 0 { // some forget
					_ = store.Settle(t.Context(), r, quota.Amount{Cost: cost})
				}
			}
		}()
	}
	select {} // until the kill
}

// TestProgramsCrash kills four programs again and again while they spend, and starts them anew.
func TestProgramsCrash(t *testing.T) {
	t.Parallel()
	if world := os.Getenv(crashing); world != "" {
		spendUntilKilled(t, world)
	}
	for _, mode := range []string{"plain", "leased"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			addr, prefix := servers.Redis(t).Addr, apart()
			self, err := os.Executable()
			require.NoError(t, err)
			var spent, crashes atomic.Int64
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for ctx.Err() == nil {
						life, end := context.WithTimeout(ctx, 200*time.Millisecond+time.Duration(rand.Int64N(int64(time.Second))))
						spent.Add(crash(life, t, self, mode+" "+addr+" "+prefix))
						crashes.Add(1)
						end()
					}
				})
			}
			wg.Wait()
			client, _ := connect(t, addr)
			store := open(t, client, prefix)
			assert.LessOrEqual(t, spent.Load(), crashLimits[0].Max)
			assert.Greater(t, spent.Load(), crashLimits[0].Max/20)
			assert.Greater(t, crashes.Load(), int64(8))
			counted := used(t, store, crashLimits[0])
			assert.GreaterOrEqual(t, counted, spent.Load(), "all that was admitted counts")
			assert.LessOrEqual(t, counted, crashLimits[0].Max)
			becomes(t, 0, store, inFlight(1), "the dead are not in flight")
		})
	}
}

// crash runs a program until ctx is done, kills it, and returns what it spent.
func crash(ctx context.Context, t *testing.T, self, world string) (spent int64) {
	cmd := exec.CommandContext(ctx, self, "-test.run", "^TestProgramsCrash$") // killed when ctx is done
	cmd.Env = append(os.Environ(), crashing+"="+world)
	out, err := cmd.StdoutPipe()
	if !assert.NoError(t, err) {
		return 0
	}
	if err := cmd.Start(); err != nil {
		assert.Error(t, ctx.Err(), "%v", err) // it is only not started where the time is over
		return 0
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, ok := strings.CutPrefix(lines.Text(), "spent ")
		if cost, err := strconv.ParseInt(n, 10, 64); ok && err == nil {
			spent += cost
			continue
		}
		assert.NotContains(t, lines.Text(), "failed ")
	}
	assert.Error(t, cmd.Wait(), "it was killed")
	return spent
}
