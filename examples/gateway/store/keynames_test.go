package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// Two keys of one name could not be told apart: of any number of programs that make one at
// once, one does.
func keyNames(t *testing.T, w world) {
	url := w.fresh(t)
	programs := []*store.DB{open(t, config(t, url)), open(t, config(t, url))}
	ctx := t.Context()
	var all sync.WaitGroup
	var won atomic.Int64
	for i := range 8 {
		all.Go(func() {
			_, err := programs[i%2].CreateKey(ctx, resource.Key{Name: "ci", Hash: fmt.Sprint(i)})
			if err == nil {
				won.Add(1)
				return
			}
			assert.ErrorIs(t, err, resource.ErrNameTaken)
			assert.ErrorIs(t, err, resource.ErrConflict)
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())

	db := programs[0]
	other, err := db.CreateKey(ctx, resource.Key{Name: "laptop", Hash: "l"})
	require.NoError(t, err)
	other.Name = "ci"
	require.ErrorIs(t, second(db.UpdateKey(ctx, other)), resource.ErrNameTaken)
	require.NoError(t, second(db.CreateKey(ctx, resource.Key{Name: "CI", Hash: "u"})), "each byte counts")

	// Doubles of old stay, and can be changed.
	change(t, db.SQL(), "UPDATE api_keys SET name = 'ci' WHERE id = '"+other.ID+"'")
	double, err := db.KeyByID(ctx, other.ID)
	require.NoError(t, err)
	double.InFlight = 3
	require.NoError(t, second(db.UpdateKey(ctx, double)))
}
