package store_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A lease whose answer is lost belongs to nobody: the others do not wait until it ends.
func lostLease(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, other := open(t, c), open(t, c)
	a, err := db.CreateAccount(t.Context(), resource.Account{Name: "main"})
	require.NoError(t, err)
	change(t, db.SQL(), "INSERT INTO settings (name, value) VALUES ('renewal/"+a.ID+"', '1000 lease_of_the_dead')")
	lost := errors.New("the answer was lost")
	db.OnCommit(func(tx *sql.Tx) error { // of whoever takes the lease, and of nobody else
		var taken int
		err := tx.QueryRow("SELECT COUNT(*) FROM settings WHERE name = 'renewal/" + a.ID + "' AND value <> '1000 lease_of_the_dead'").Scan(&taken)
		if err = errors.Join(err, tx.Commit()); taken > 0 {
			err = errors.Join(err, lost)
		}
		return err
	})
	_, _, err = db.LeaseTokens(t.Context(), a.ID)
	require.ErrorIs(t, err, lost)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, release, err := other.LeaseTokens(ctx, a.ID)
	require.NoError(t, err)
	require.NoError(t, release(t.Context()))
}
