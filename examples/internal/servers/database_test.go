package servers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
)

func TestDatabasesStopAndStartAgain(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *servers.Database{"PostgreSQL": servers.PostgreSQL, "MariaDB": servers.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			db := d.Open()
			_, err := db.ExecContext(t.Context(), "CREATE TABLE kept (n integer)")
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "INSERT INTO kept VALUES (7)")
			require.NoError(t, err)
			d.Stop()
			assert.Error(t, db.PingContext(t.Context()))
			d.Start()
			again, n := d.Open(), 0
			require.NoError(t, again.QueryRowContext(t.Context(), "SELECT n FROM kept").Scan(&n))
			assert.Equal(t, 7, n)
		})
	}
}
