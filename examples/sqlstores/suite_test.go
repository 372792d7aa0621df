package sqlstores_test

import (
	"testing"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
)

func TestSQLStoresKeepTheStoresPromises(t *testing.T) {
	for _, sort := range databases {
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			d := sort.start(t)
			db := d.open(t)
			quotatest.RunRealTime(t, func(t *testing.T) quota.Store { return d.apart().store(t, db) })
		})
	}
}

// TestSQLiteInABubble has days pass, since SQLite's clock is the program's.
func TestSQLiteInABubble(t *testing.T) {
	t.Parallel()
	quotatest.Run(t, func(t *testing.T) quota.Store {
		d := startSQLite(t)
		return d.store(t, d.open(t))
	})
}
