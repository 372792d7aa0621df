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
		Version: 1<<64 - 1, LastCheck: at(4), Recovered: at(5),
		Window: health.Window{From: at(6), Failures: 4, Successes: 5, PastFailures: 6, PastSuccesses: 1<<31 - 1},
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

// Both formats are pinned byte by byte: instances of two versions share a store.
const (
	zeroTime   = "\xff\xdb\x8f\xf9\xce\x03\x00"
	upToReason = "\x01\x03" + "\x0a\x00\x02" + "\x02\x04" + zeroTime + zeroTime + "\x00\x00" + zeroTime + "\x07" + "\x03500"
	formatOne  = "\x01" + upToReason
	formatTwo  = "\x02" + upToReason + "\x08\x00" + zeroTime + "\x0c\x0e" + "\x02\x04\x06\x08"
)

func TestFormatOneIsRead(t *testing.T) {
	want := health.State{Failures: 5, Rests: 1, Cause: health.CauseRefused, RestUntil: time.Unix(1, 2).UTC(), ProbeDue: true, Since: time.Unix(0, 0).UTC(), Reason: "500", Version: 7}
	got := fullState()
	require.NoError(t, got.UnmarshalBinary([]byte(formatOne)))
	assert.Equal(t, want, got, "what format 1 does not have is zero")
	require.ErrorContains(t, got.UnmarshalBinary([]byte(formatOne+"\x00")), "1 bytes left over")
}

func TestFormatTwoIsReadAndWritten(t *testing.T) {
	want := health.State{
		Failures: 5, Rests: 1, Cause: health.CauseRefused, RestUntil: time.Unix(1, 2).UTC(), ProbeDue: true, Since: time.Unix(0, 0).UTC(), Reason: "500", Version: 7,
		LastCheck: time.Unix(4, 0).UTC(), Window: health.Window{From: time.Unix(6, 7).UTC(), Failures: 1, Successes: 2, PastFailures: 3, PastSuccesses: 4},
	}
	var got health.State
	require.NoError(t, got.UnmarshalBinary([]byte(formatTwo)))
	assert.Equal(t, want, got)
	wrote, err := want.MarshalBinary()
	require.NoError(t, err)
	assert.Equal(t, formatTwo, string(wrote))
}

func TestBadBytesAreAnErrorAndChangeNothing(t *testing.T) {
	good, err := fullState().MarshalBinary()
	require.NoError(t, err)
	cases := map[string]struct {
		data []byte
		says string
	}{
		"a later version": {append([]byte{3}, good[1:]...), "format 3 is not known here"},
		"zero":            {append([]byte{0}, good[1:]...), "format 0 is not known here"},
		"left over":       {append(append([]byte{}, good...), 0), "1 bytes left over"},
		"unknown flags":   {append([]byte{1, 0x80}, good[2:]...), "unknown flags 0x80"},
		"nanoseconds":     {append([]byte{1, 0, 0, 0, 0, 0, 0, 1}, good...), "a time out of range"},
		"negative count":  {append([]byte{1, 0, 0, 1}, good[4:]...), "out of range"},
		"count too large": {append(good[:len(good)-5:len(good)-5], "\x80\x80\x80\x80\x10"...), "a count out of range"},
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
	f.Add([]byte(formatOne))
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
