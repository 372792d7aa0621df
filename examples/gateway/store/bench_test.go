//go:build unix

package store_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
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

// BenchmarkWrite is what a record costs in all, written: of 3,500 requests a second, by many
// keys.
func BenchmarkWrite(b *testing.B) {
	for _, sort := range worlds {
		b.Run(sort.name, func(b *testing.B) {
			w := sort.start(b)
			db, err := store.Open(b.Context(), store.Config{URL: w.fresh(b), Key: masterKey, MaxRows: 1 << 30, SpoolDir: b.TempDir()})
			require.NoError(b, err)
			some := busyRequests()
			b.ReportAllocs()
			before := used(b)
			i := 0
			for ; b.Loop(); i++ {
				r := some[i%len(some)]
				r.ID = "req_" + strconv.FormatInt(1<<40+int64(i), 32) + "n0c8w4x2k7z5qd"
				r.Start = r.Start.Add(time.Duration(i) * time.Second / 3500)
				db.Record(r)
				if i%3500 == 3499 {
					require.NoError(b, db.Flush(b.Context()))
				}
			}
			b.StopTimer()
			shut(b, db)
			b.ReportMetric(float64((used(b)-before).Nanoseconds())/1000/float64(i), "cpu-µs/op")
		})
	}
}

// busyRequests are requests of some users, keys, accounts and models.
func busyRequests() []resource.Request {
	const keys, accounts = 40, 9
	some := make([]resource.Request, keys*accounts)
	for i := range some {
		key, account := i%keys, fmt.Sprintf("account-%d", i%accounts)
		r := request(i)
		r.UserID, r.KeyID = fmt.Sprintf("user-%d", key/2), fmt.Sprintf("key_06b8s0k4n0c8w4x2k7z5qd%02d", key)
		r.Account, r.Group, r.Model, r.ClientIP = account, "default", fmt.Sprintf("gpt-5-%d", i%3), "203.0.113.7"
		r.Trail = fmt.Appendf(nil, `{"attempts":[{"account":%q,"provider":"openai","proxy":"direct","class":"ok","status":200}]}`, account)
		r.Start = noon()
		some[i] = r
	}
	return some
}

// used is how long the processors have worked for this program. Unlike the time that passes
// it does not know who else is busy; a database server's work is not in it.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
