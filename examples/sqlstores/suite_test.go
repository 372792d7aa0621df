package sqlstores_test

import (
	"testing"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
)

// cases are what is looked at on each database beside the promises of quotatest, each in tables of its own.
var cases = []struct {
	name  string
	check func(*testing.T, database)
}{
	{"migrate by eight programs at once", migrateAtOnce},
	{"tables of another version", otherVersions},
	{"one transaction each", oneTransactionEach},
	{"no overspend by callers who go", noOverspend},
	{"purge drops what is idle", purge},
	{"bounded reservations", boundedReservations},
	{"a key that somebody holds", heldKey},
	{"a deadlock is tried again", deadlock},
	{"settings of a session", sessionSettings},
	{"commits whose answers are lost", lostCommits},
}

func TestSQLStores(t *testing.T) {
	for _, sort := range databases {
		t.Run(sort.name, func(t *testing.T) {
			d := sort.start(t)
			t.Run("promises", func(t *testing.T) {
				if d.server == nil {
					quotatest.Run(t, func(t *testing.T) quota.Store { // days pass, since SQLite's clock is the program's
						d := startSQLite(t)
						return d.store(t, d.open(t, 5))
					})
					return
				}
				// Each has connections of its own, so that none waits for the many callers of another.
				quotatest.RunRealTime(t, func(t *testing.T) quota.Store {
					d := d.apart(t)
					return d.store(t, d.open(t, 5))
				})
			})
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.check(t, d.apart(t))
				})
			}
		})
	}
}
