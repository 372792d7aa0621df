package quotatest_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil { // those in real time wait for the clock, not for a processor
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestASoundStorePasses(t *testing.T) {
	quotatest.Run(t, func(*testing.T) quota.Store { return new(naive) })
}

func TestMemoryPassesInRealTime(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits for some 20 seconds")
	}
	quotatest.RunRealTime(t, func(*testing.T) quota.Store { return quota.NewMemory(quota.MemoryConfig{}) })
}

func TestASoundChargerPasses(t *testing.T) {
	quotatest.Run(t, func(*testing.T) quota.Store { return new(charger) })
}

func TestSuiteCatchesBrokenChargers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		breaks chargerFaults
		caught string
	}{
		{"forgets to roll back", chargerFaults{keepsPart: true}, "charges"},
		{"checks, then spends", chargerFaults{checksFirst: true}, "charges by many"},
		{"settles a part", chargerFaults{settlesFirst: true}, "charges"},
		{"names the wrong key", chargerFaults{lastFull: true}, "charges"},
		{"takes a key twice", chargerFaults{gullible: true}, "charges"},
		{"refuses while others are at it", chargerFaults{refusesBusy: true}, "charges by many"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := quotatest.Broken(t, func() quota.Store { return &charger{breaks: c.breaks} })
			assert.Contains(t, broken, c.caught)
			assert.Less(t, len(broken), 4, "so broken that it proves nothing: %v", broken)
		})
	}
}

func TestASoundStoreNeedsNoOptionalMethods(t *testing.T) {
	quotatest.Run(t, func(*testing.T) quota.Store { return struct{ quota.Store }{new(naive)} })
}

func TestAGuardPasses(t *testing.T) {
	for _, open := range []bool{false, true} {
		stores := map[string]func() quota.Store{
			"memory":           func() quota.Store { return quota.NewMemory(quota.MemoryConfig{}) },
			"a store":          func() quota.Store { return new(naive) },
			"the least of one": func() quota.Store { return struct{ quota.Store }{new(naive)} },
		}
		for name, store := range stores {
			t.Run(fmt.Sprintf("of %s, open %v", name, open), func(t *testing.T) {
				quotatest.Run(t, func(*testing.T) quota.Store { return quota.NewGuard(store(), quota.GuardConfig{Open: open}) })
			})
		}
	}
}

func TestSuiteCatchesBrokenStores(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		breaks faults
		caught string // the promise whose case must catch it; others may too
	}{
		{"forgets to roll back", faults{keepsPart: true}, "all or none"},
		{"settles twice", faults{settlesTwice: true}, "settled once"},
		{"settles twice, many at a time", faults{settlesTwice: true}, "settled once by many"},
		{"settles another's reservation for one that was settled", faults{reusesIDs: true}, "settled once"},
		{"checks, then spends", faults{checksFirst: true}, "no overspend"},
		{"loses the slots of the dead", faults{neverExpires: true}, "expiry"},
		{"gives back what the dead may have used", faults{expiryRefunds: true}, "expiry"},
		{"does not book a late truth", faults{forgetsExpired: true}, "late truth"},
		{"forgives debt", faults{forgivesDebt: true}, "debt"},
		{"keeps the estimate", faults{keepsEstimate: true}, "truth"},
		{"counts in fixed windows", faults{fixedWindows: true}, "rolling"},
		{"holds what was spent too long", faults{slowWindows: true}, "rolling"},
		{"confuses keys", faults{oneKey: true}, "keys"},
		{"forgets output tokens", faults{inputIsAll: true}, "units"},
		{"counts in flight only who asks", faults{countsAsked: true}, "in flight"},
		{"charges a limit named twice twice", faults{chargesTwice: true}, "same limit twice"},
		{"does not see a new Max", faults{keepsMax: true}, "Max changes"},
		{"does not heed the context", faults{heedless: true}, "done context"},
		{"takes every argument", faults{gullible: true}, "nonsense"},
		{"names the wrong limit", faults{firstFull: true}, "last to have room"},
		{"promises what will not be", faults{hopeful: true}, "total"},
		{"renews the dead", faults{renewsDead: true}, "renewal"},
		{"ends what is in flight", faults{resetsFlying: true}, "reset"},
		{"charges for what was cancelled", faults{cancelsRequest: true}, "cancel"},
		{"forgets to roll back what has several keys", faults{keepsPart: true}, "charges"},
		{"takes a day for 24 hours", faults{dayLengths: true}, "days"},
		{"begins days late", faults{lateDays: true}, "days"},
		{"knows no summer", faults{noSummer: true}, "calendar"},
		{"gives back in the new window", faults{refundsNow: true}, "days"},
		{"settles where it did not reserve", faults{settlesAsked: true}, "limits change"},
		{"forgets what it granted", faults{grantsNothing: true}, "grant"},
		{"grants nothing on top", faults{grantsBackOnly: true}, "grant"},
		{"grants for ever", faults{grantsForever: true}, "grant"},
		{"grants for more than a day", faults{grantsForever: true}, "days"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := quotatest.Broken(t, func() quota.Store { return &naive{breaks: c.breaks} })
			assert.Contains(t, broken, c.caught)
			assert.LessOrEqual(t, len(broken), len(quotatest.Promises())/2, "so broken that it proves nothing: %v", broken)
		})
	}
}
