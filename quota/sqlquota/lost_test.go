package sqlquota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

// TestACommitWhoseAnswerIsLost has the next call for the key cancel what a caller heard nothing of.
func TestACommitWhoseAnswerIsLost(t *testing.T) {
	for name, carriedOut := range map[string]bool{"carried out": true, "not carried out": false} {
		t.Run(name, func(t *testing.T) {
			loses := false
			f := &fake{states: map[string][]byte{}, undoes: func() bool { return loses && !carriedOut }}
			f.fail = func(statement string) error {
				if statement == "COMMIT" && loses {
					return errPlain
				}
				return nil
			}
			s := store(t, f, sqlquota.Config{Dialect: sqlquota.SQLite, MaxReservations: 3})
			limits := append(limits, quota.Limit{Unit: quota.InFlight, Max: 3})
			used := func(key string, want int64, why string) {
				t.Helper()
				levels, err := s.Levels(t.Context(), key, limits)
				require.NoError(t, err)
				assert.Equal(t, []int64{want, want}, []int64{levels[0].Used, levels[1].Used}, why)
			}
			lost := int64(0)
			if carriedOut {
				lost = 1
			}
			lose := func(charges ...quota.Charge) {
				t.Helper()
				loses = true
				_, err := quota.ReserveAll(t.Context(), s, charges, one, time.Hour)
				require.ErrorIs(t, err, errPlain)
				loses = false
			}
			a, b := quota.Charge{Key: "a", Limits: limits}, quota.Charge{Key: "b", Limits: limits}

			lose(a)
			used("a", lost, "it may be reserved")
			r, err := s.Reserve(t.Context(), "a", limits, one, time.Hour)
			require.NoError(t, err)
			used("a", 1, "the next call cancels it")
			lose(a, b)
			used("a", 1+lost, "of several keys")
			used("b", lost, "of several keys")
			_, err = s.Reserve(t.Context(), "a", limits, quota.Amount{Requests: 100}, time.Hour)
			require.ErrorIs(t, err, quota.ErrExceeded)
			used("a", 1, "a refused one cancels too")
			for range 3 {
				lose(a)
			}
			used("a", 1+lost, "also where its own answer is lost")
			require.NoError(t, s.Settle(t.Context(), r, quota.Amount{}))
			used("a", 0, "and a Settle")
			require.NoError(t, s.Settle(t.Context(), r, quota.Amount{}))
			used("b", lost, "each key has its own")
			_, err = s.Renew(t.Context(), quota.Reservation{ID: r.ID, Key: "b"}, time.Hour)
			require.ErrorIs(t, err, quota.ErrExpired)
			used("b", 0, "whatever the call is")
		})
	}
}
