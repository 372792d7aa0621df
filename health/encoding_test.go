package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

func fullState() health.State {
	return health.State{
		Failures: 1, AuthFailures: 2, Rests: 3, Cause: health.CauseFailure, RestUntil: at(1), ProbeDue: true, ProbeFrom: at(2), ProbeUntil: at(3),
		Disabled: true, Reason: "ä\x00b", Since: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), LastFailure: time.Date(9999, 1, 1, 0, 0, 0, 999999999, time.UTC),
		Version: 1<<64 - 1,
	}
}

func TestStateSurvivesBytes(t *testing.T) {
	for _, s := range []health.State{{}, fullState()} {
		data, err := s.MarshalBinary()
		require.NoError(t, err)
		got := health.State{Reason: "overwritten", Failures: 9}
		require.NoError(t, got.UnmarshalBinary(data))
		assert.True(t, got == s, "%+v", got)
	}
}

// TestFormatOne pins the bytes: instances of two versions share a store.
func TestFormatOne(t *testing.T) {
	want := health.State{Failures: 5, Rests: 1, Cause: health.CauseFailure, RestUntil: time.Unix(1, 2).UTC(), ProbeDue: true, Since: time.Unix(0, 0).UTC(), Reason: "500", Version: 7}
	zero := "\xff\xdb\x8f\xf9\xce\x03\x00"
	data := "\x01\x01\x01" + "\x0a\x00\x02" + "\x02\x04" + zero + zero + "\x00\x00" + zero + "\x07" + "\x03500"
	var got health.State
	require.NoError(t, got.UnmarshalBinary([]byte(data)))
	assert.Equal(t, want, got)
	wrote, err := want.MarshalBinary()
	require.NoError(t, err)
	assert.Equal(t, data, string(wrote))
}

func TestBadBytesAreAnErrorAndChangeNothing(t *testing.T) {
	good, err := fullState().MarshalBinary()
	require.NoError(t, err)
	cases := map[string]struct {
		data []byte
		says string
	}{
		"a later version": {append([]byte{2}, good[1:]...), "format 2 is not known here"},
		"zero":            {append([]byte{0}, good[1:]...), "format 0 is not known here"},
		"left over":       {append(append([]byte{}, good...), 0), "1 bytes left over"},
		"unknown flags":   {append([]byte{1, 0x80}, good[2:]...), "unknown flags 0x80"},
		"nanoseconds":     {append([]byte{1, 0, 0, 0, 0, 0, 0, 1}, good...), "a time out of range"},
		"negative count":  {append([]byte{1, 0, 0, 1}, good[4:]...), "out of range"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := health.State{Failures: 3}
			assert.ErrorContains(t, s.UnmarshalBinary(c.data), c.says)
			assert.Equal(t, health.State{Failures: 3}, s)
		})
	}
	for n := range good {
		s := health.State{Failures: 3}
		require.Error(t, s.UnmarshalBinary(good[:n]), "cut after %d bytes", n)
		require.Equal(t, health.State{Failures: 3}, s)
	}
}

func FuzzUnmarshalState(f *testing.F) {
	for _, s := range []health.State{{}, fullState()} {
		data, _ := s.MarshalBinary()
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s, again health.State
		if s.UnmarshalBinary(data) != nil {
			return
		}
		kept, err := s.MarshalBinary()
		require.NoError(t, err)
		require.NoError(t, again.UnmarshalBinary(kept))
		require.True(t, s == again, "%+v\n%+v", s, again)
	})
}
