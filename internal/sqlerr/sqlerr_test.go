package sqlerr_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/internal/sqlerr"
)

type postgres string

func (e postgres) Error() string    { return "the database said no" }
func (e postgres) SQLState() string { return string(e) }

type sqlite int

func (e sqlite) Error() string { return "the database said no" }
func (e sqlite) Code() int     { return int(e) }

func TestWhatWasUndone(t *testing.T) {
	for err, want := range map[error]bool{
		postgres("40001"): true, postgres("40P01"): true, postgres("23505"): false,
		sqlite(5): true, sqlite(6): true, sqlite(5 | 2<<8): true, sqlite(19): false,
		errors.New("40001"): false,
	} {
		wrapped := fmt.Errorf("around: %w", err)
		assert.Equal(t, want, sqlerr.UndonePostgreSQL(wrapped) || sqlerr.UndoneSQLite(wrapped), "%T %v", err, err)
	}
	_, ok := sqlerr.State(sqlite(5))
	assert.False(t, ok)
	_, ok = sqlerr.Code(postgres("40001"))
	assert.False(t, ok)
}
