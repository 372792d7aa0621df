package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// BenchmarkRecord is what a request waits for.
func BenchmarkRecord(b *testing.B) {
	for name, most := range map[string]int{"queued": 1 << 30, "dropped": 1} {
		b.Run(name, func(b *testing.B) {
			db, err := store.Open(b.Context(), store.Config{URL: filepath.Join(b.TempDir(), "gateway.db"), Key: masterKey, MaxRows: most, Flush: time.Hour})
			require.NoError(b, err)
			away(db)
			r := request(1)
			r.Attempts = []resource.Attempt{{Account: "main", Cost: 1000}}
			b.ReportAllocs()
			for b.Loop() {
				db.Record(r)
			}
			b.StopTimer()
			require.NoError(b, db.Abandon())
		})
	}
}

// BenchmarkWrite is what a record costs in all, written.
func BenchmarkWrite(b *testing.B) {
	for _, sort := range worlds {
		b.Run(sort.name, func(b *testing.B) {
			w := sort.start(b)
			db, err := store.Open(b.Context(), store.Config{URL: w.fresh(b), Key: masterKey, MaxRows: 1 << 30, SpoolDir: b.TempDir()})
			require.NoError(b, err)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				db.Record(request(i))
				if i%2000 == 1999 {
					require.NoError(b, db.Flush(b.Context()))
				}
			}
			b.StopTimer()
			shut(b, db)
		})
	}
}
