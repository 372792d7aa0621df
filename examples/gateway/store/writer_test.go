package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

var errNoAnswer = errors.New("no answer")

// lostCommit has every other COMMIT's answer lost, and every fifth COMMIT itself.
func lostCommit(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	commits, lost := 0, 0 // of the writer alone
	db.OnCommit(func(tx *sql.Tx) error {
		commits++
		switch {
		case commits%5 == 0:
			lost++
			return errors.Join(errNoAnswer, tx.Rollback())
		case commits%2 == 0:
			lost++
			return errors.Join(tx.Commit(), errNoAnswer)
		}
		return tx.Commit()
	})
	const n = 1500
	for i := range n {
		db.Record(request(i))
		if i%100 == 0 {
			require.NoError(t, db.Flush(t.Context()))
		}
	}
	report := agree(t, db)
	assert.EqualValues(t, n, report.Rows)
	assert.EqualValues(t, n*1000, report.Cost)
	require.NoError(t, db.Close(t.Context()))
	assert.Greater(t, lost, 5, "of %d", commits)
}

// away has no COMMIT work until it is called.
func away(db *store.DB) (back func()) {
	var is atomic.Bool
	is.Store(true)
	db.OnCommit(func(tx *sql.Tx) error {
		if is.Load() {
			return errNoAnswer
		}
		return tx.Commit()
	})
	return func() { is.Store(false) }
}

func fullQueue(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	c.MaxRows = 100
	db := open(t, c)
	back := away(db)
	const n = 2500
	var wg sync.WaitGroup
	for caller := range 5 {
		wg.Go(func() {
			for i := range n / 5 {
				r := request(caller*n + i)
				r.Account = fmt.Sprintf("a%d", i%3)
				db.Record(r)
			}
		})
	}
	wg.Wait()
	assert.Positive(t, db.Dropped())
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := db.Flush(ctx)
		return errors.Is(err, context.DeadlineExceeded) && errors.Is(err, errNoAnswer)
	}, 20*time.Second, time.Millisecond, "Flush tells why")
	back()
	report := agree(t, db)
	assert.EqualValues(t, n, report.Requests)
	assert.EqualValues(t, n*1000, report.Cost, "money is never dropped")
	assert.EqualValues(t, n, report.Rows+report.Dropped)
	assert.Equal(t, db.Dropped(), report.Dropped)
	assert.LessOrEqual(t, report.Rows, int64(100+store.BatchRows))
}

func TestManyModelsAreOneWhileRowsAreDropped(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	c.MaxRows = 1
	db := open(t, c)
	back := away(db)
	db.KeepApart(300)
	const n = 1000
	for i := range n {
		r := request(i)
		r.Model = fmt.Sprint("invented-", i)
		db.Record(r)
	}
	back()
	report := agree(t, db)
	assert.EqualValues(t, n, report.Requests)
	others, err := db.DailyUsage(t.Context(), resource.UsageFilter{Model: "(other)"})
	require.NoError(t, err)
	require.Len(t, others, 1)
	assert.Greater(t, others[0].Requests, int64(100))
}

func killed(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	for i := range 500 {
		db.Record(request(i))
	}
	require.NoError(t, db.Flush(t.Context()))
	back := away(db)
	for i := range 300 {
		db.Record(request(1000 + i))
	}
	require.NoError(t, db.Abandon())
	back()
	report := agree(t, open(t, c))
	assert.EqualValues(t, 500, report.Rows)
}

func severalPrograms(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	var programs []*store.DB
	for range 3 {
		programs = append(programs, open(t, c))
	}
	_, err := programs[0].CreateAccount(t.Context(), resource.Account{Name: "main"})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for _, db := range programs {
		wg.Go(func() {
			for i := range 300 {
				db.Record(request(i))
				if i%100 == 0 {
					assert.NoError(t, db.Flush(t.Context()))
				}
			}
			assert.NoError(t, db.Flush(t.Context()))
		})
	}
	wg.Wait()
	report := agree(t, programs[0])
	assert.EqualValues(t, 900, report.Rows)
	accounts, version, err := programs[2].Accounts(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 900_000, accounts[0].TotalCost)
	assert.EqualValues(t, 1, version, "counting is no change")
}

func spoolFile(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	for i := range 10 {
		db.Record(request(i))
	}
	require.NoError(t, db.Flush(t.Context()))
	db.OnCommit(func(tx *sql.Tx) error { return errors.Join(tx.Commit(), errNoAnswer) }) // the next was written, though nobody knows
	r := request(10)
	r.Attempts = []resource.Attempt{{Account: "a", Cost: 400}, {Account: "b", Cost: 600}}
	db.Record(r)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = db.Flush(ctx) // in vain
	away(db)
	const n = store.BatchRows + 300
	for i := range n {
		r := request(100 + i)
		if i%2 == 0 {
			r.Attempts = []resource.Attempt{{Account: "a", Cost: 1}, {Account: "b", Cost: 999}}
		}
		db.Record(r)
	}
	require.NoError(t, db.Close(t.Context()))
	require.NoError(t, db.Close(t.Context()), "once more")
	files, err := filepath.Glob(filepath.Join(c.SpoolDir, "spool-*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)

	other := config(t, w.fresh(t))
	other.SpoolDir = c.SpoolDir
	assert.Zero(t, agree(t, open(t, other)).Rows, "it is another database's")
	db, err = store.Open(t.Context(), c)
	require.NoError(t, err)
	report := agree(t, db)
	assert.EqualValues(t, 11+n, report.Rows)
	assert.EqualValues(t, (11+n)*1000, report.Cost)
	assert.NoFileExists(t, files[0])
	shut(t, db)

	require.NoError(t, os.WriteFile(files[0], data, 0o600)) // as where a program was killed before it removed it
	assert.EqualValues(t, 11+n, agree(t, open(t, c)).Rows)
	require.NoError(t, os.WriteFile(files[0], data[:len(data)/2], 0o600))
	_, err = store.Open(t.Context(), c)
	require.ErrorContains(t, err, "move it away to start without it")
}

// TestADatabaseThatStopsAndComesBack stops a server while requests are recorded.
func TestADatabaseThatStopsAndComesBack(t *testing.T) {
	t.Parallel()
	for _, sort := range worlds[1:] { // SQLite has no server
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			w := sort.start(t)
			db := open(t, config(t, w.fresh(t)))
			_, err := db.CreateAccount(t.Context(), resource.Account{Name: "main"})
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			var recorded atomic.Int64
			var wg sync.WaitGroup
			for caller := range 4 {
				wg.Go(func() {
					tick := time.NewTicker(200 * time.Microsecond)
					defer tick.Stop()
					for i := 0; ctx.Err() == nil; i++ {
						db.Record(request(caller*1_000_000 + i))
						recorded.Add(1)
						<-tick.C
					}
				})
			}
			for range 2 {
				wait(t, &recorded, 2000)
				w.server.Stop()
				wait(t, &recorded, 2000)
				w.server.Start()
			}
			wait(t, &recorded, 1000)
			stop()
			wg.Wait()
			report := agree(t, db)
			assert.Equal(t, recorded.Load(), report.Requests)
			assert.Equal(t, recorded.Load()*1000, report.Cost, "no money was lost, none counted twice")
			accounts, _, err := db.Accounts(t.Context())
			require.NoError(t, err)
			assert.Equal(t, recorded.Load()*1000, accounts[0].TotalCost)
			t.Logf("%v", report)
		})
	}
}

// wait waits until so many more were recorded.
func wait(t *testing.T, recorded *atomic.Int64, more int64) {
	t.Helper()
	until := recorded.Load() + more
	require.Eventually(t, func() bool { return recorded.Load() >= until }, 30*time.Second, time.Millisecond)
}

func TestADatabaseThatStaysAway(t *testing.T) {
	t.Parallel()
	for _, sort := range worlds[1:] {
		t.Run(sort.name, func(t *testing.T) {
			t.Parallel()
			w := sort.start(t)
			c := config(t, w.fresh(t))
			var log strings.Builder
			c.Logger = logger(&log)
			db, err := store.Open(t.Context(), c)
			require.NoError(t, err)
			w.server.Stop()
			for i := range 100 {
				db.Record(request(i))
			}
			begin := time.Now()
			shut(t, db)
			assert.Less(t, time.Since(begin), 5*time.Second, "it is not waited for all the time that there is")
			assert.Contains(t, log.String(), "records could not be written; the next start reads them from the file")
			w.server.Start()
			assert.EqualValues(t, 100, agree(t, open(t, c)).Rows)
		})
	}
}

func TestRecordAfterCloseIsSaid(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	var log strings.Builder
	c.Logger = logger(&log)
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	shut(t, db)
	db.Record(request(1))
	assert.Contains(t, log.String(), "after the store was closed")
}

func TestRecordWaitsForNoDatabase(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	c.MaxRows = 1000
	db := open(t, c)
	blocked, release := make(chan struct{}, 1), make(chan struct{})
	db.OnCommit(func(tx *sql.Tx) error {
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-release
		return tx.Commit()
	})
	db.Record(request(0))
	<-blocked
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 5000 {
			db.Record(request(i))
			db.AccountState("main", time.Time{}, int64(i))
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		assert.Fail(t, "Record waits for the database")
	}
	close(release)
	<-done
	report := agree(t, db)
	assert.EqualValues(t, 5001, report.Requests)
}

func TestRowsThatTheDatabaseRefusesAreDropped(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	var log strings.Builder
	c.Logger = logger(&log)
	db := open(t, c)
	change(t, db.SQL(), "CREATE TRIGGER refuse BEFORE INSERT ON request_logs WHEN NEW.model = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END")
	r := request(1)
	r.Model = "poison"
	db.Record(r)
	require.NoError(t, db.Flush(t.Context()))
	db.Record(request(2))
	report := agree(t, db)
	assert.EqualValues(t, 2000, report.Cost)
	assert.EqualValues(t, 1, report.Dropped)
	assert.EqualValues(t, 1, db.Dropped())
	shut(t, db)
	assert.Contains(t, log.String(), "the database refuses rows of the request log")
}

func TestRecordMakesNoGarbageOfItsOwn(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	c.Flush, c.MaxRows = time.Hour, 100_000
	db := open(t, c)
	blocked, release := make(chan struct{}, 1), make(chan struct{})
	db.OnCommit(func(tx *sql.Tx) error {
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-release
		return tx.Commit()
	})
	for i := range store.BatchRows {
		db.Record(request(i))
	}
	<-blocked // the writer does nothing else meanwhile
	r := request(1)
	assert.LessOrEqual(t, testing.AllocsPerRun(5000, func() { db.Record(r) }), 0.1)
	close(release)
}

func TestAFullBatchDoesNotWait(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]struct{ rows, trail, maxRows int }{
		"of rows":            {store.BatchRows, 10, 0},
		"of bytes":           {store.BatchBytes/60_000 + 1, 60_000, 0},
		"where few may wait": {10, 10, 20},
		"where only one may": {1, 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
			c.Flush, c.MaxRows = time.Hour, full.maxRows
			db := open(t, c)
			for i := range full.rows {
				r := request(i)
				r.Trail = []byte(`"` + strings.Repeat("x", full.trail-2) + `"`)
				db.Record(r)
			}
			assert.Eventually(t, func() bool {
				return query[int](t, db, "SELECT COUNT(*) FROM request_logs") == full.rows
			}, 20*time.Second, 5*time.Millisecond)
			assert.Zero(t, db.Dropped())
		})
	}
}

func TestAConnectionThatIsLostIsMadeAnew(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	for i := range 3 {
		db.Record(request(i))
		require.NoError(t, db.Flush(t.Context()))
		c, err := db.SQL().Conn(t.Context())
		require.NoError(t, err)
		require.ErrorIs(t, c.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	}
	assert.EqualValues(t, 3, agree(t, db).Rows)
}

func TestAnOperatorsPragmaStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.db")
	db := open(t, config(t, path+"?_pragma=cache_size(-1000)"))
	assert.Equal(t, -1000, query[int](t, db, "PRAGMA cache_size"))
	assert.Equal(t, 4000, query[int](t, db, "PRAGMA wal_autocheckpoint"))
	assert.Equal(t, 2, query[int](t, db, "PRAGMA synchronous"), "FULL")
}

func TestFlushEndsWithClose(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), config(t, filepath.Join(t.TempDir(), "gateway.db")))
	require.NoError(t, err)
	away(db)
	db.Record(request(1))
	flushed := make(chan error, 1)
	go func() { flushed <- db.Flush(context.WithoutCancel(t.Context())) }()
	shut(t, db)
	require.ErrorContains(t, <-flushed, "it was closed")
}

func TestASpoolThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	away(db)
	db.Record(request(1))
	require.NoError(t, os.RemoveAll(c.SpoolDir))
	require.NoError(t, os.WriteFile(c.SpoolDir, nil, 0o600)) // a file where the folder was
	err = db.Close(t.Context())
	require.ErrorContains(t, err, "writing what the database did not take")
	require.ErrorIs(t, err, errNoAnswer)
}
