package sqlquota_test

import (
	"context"
	"database/sql"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota/sqlquota"
)

// TestABeginThatKeepsFailing has it fail on every connection: it is tried a few times, with pauses.
func TestABeginThatKeepsFailing(t *testing.T) {
	cases := []struct {
		name    string
		dialect sqlquota.Dialect
		begin   string
		err     error
		tries   int
	}{
		{"who knows why", sqlquota.MySQL, "START TRANSACTION", errPlain, 6},
		{"a network", sqlquota.PostgreSQL, beginPostgreSQL, errPlain, 6},
		{"a server that ends", sqlquota.PostgreSQL, beginPostgreSQL, undone("57P01"), 6},
		{"a connection that the server takes for broken", sqlquota.PostgreSQL, beginPostgreSQL, undone("08006"), 6},
		{"a server that refuses", sqlquota.PostgreSQL, beginPostgreSQL, undone("53300"), 1},
		{"a file that is full", sqlquota.SQLite, "BEGIN IMMEDIATE", busy(13), 1},
		{"a file that is locked", sqlquota.SQLite, "BEGIN IMMEDIATE", busy(5), 50},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fail: func(statement string) error {
					if statement == c.begin {
						return c.err
					}
					return nil
				}}
				s := store(t, f, sqlquota.Config{Dialect: c.dialect})
				begun := time.Now()
				_, err := s.Reserve(t.Context(), "a", limits, one, time.Minute)
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, c.tries, f.count(c.begin))
				if c.tries == 6 {
					assert.Positive(t, time.Since(begun), "it pauses")
					assert.Less(t, time.Since(begun), 100*time.Millisecond)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Microsecond)
				defer cancel()
				begun = time.Now()
				_, err = s.Reserve(ctx, "a", limits, one, time.Minute)
				require.ErrorIs(t, err, c.err)
				assert.LessOrEqual(t, time.Since(begun), 3*time.Microsecond, "a pause ends with the context")
			})
		})
	}
}

// TestAPoolOfBrokenConnections has all of many break while nobody uses them: none of them costs a call that succeeds on
// the next, nor a long pause.
func TestAPoolOfBrokenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 30
		f := &fake{fail: func(string) error { return nil }}
		db := f.open(t)
		db.SetMaxIdleConns(many)
		s, err := sqlquota.New(t.Context(), db, sqlquota.Config{Dialect: sqlquota.PostgreSQL})
		require.NoError(t, err)
		conns := make([]*sql.Conn, many)
		for i := range conns {
			conns[i], err = db.Conn(t.Context())
			require.NoError(t, err)
		}
		for _, c := range conns {
			require.NoError(t, c.Close())
		}
		require.Equal(t, many, db.Stats().Idle)
		f.broken = many
		begun := time.Now()
		_, err = s.Reserve(t.Context(), "a", limits, one, time.Minute)
		require.NoError(t, err)
		assert.Equal(t, many+1, f.opened)
		assert.Less(t, time.Since(begun), many*2*time.Millisecond)
	})
}
