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
	lost, answers := errors.New("the answer was lost"), 0
	db.OnCommit(func(tx *sql.Tx) error {
		if answers++; answers > 1 {
			return tx.Commit()
		}
		return errors.Join(tx.Commit(), lost)
	})
	_, _, err = db.LeaseTokens(t.Context(), a.ID)
	require.ErrorIs(t, err, lost)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, release, err := other.LeaseTokens(ctx, a.ID)
	require.NoError(t, err)
	require.NoError(t, release(t.Context()))
}
