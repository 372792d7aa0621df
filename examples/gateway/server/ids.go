package server

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// sortable is an alphabet whose texts sort as their bytes do.
var sortable = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID is a name for a request: the time in milliseconds and 72 random bits, so that
// names sort by time. It opens nothing: who guesses one has only guessed a name.
func newID() string {
	var raw [15]byte                                                                             // 24 characters
	binary.BigEndian.PutUint64(raw[:8], uint64(time.Now().UnixMilli())<<16|rand.Uint64()&0xffff) //nolint:gosec // see above
	binary.BigEndian.PutUint64(raw[7:], rand.Uint64())                                           //nolint:gosec // see above
	var text [4 + 24]byte
	copy(text[:], "req_")
	sortable.Encode(text[4:], raw[:])
	return string(text[:])
}

// statusText is a status in digits.
func statusText(status int) string { return strconv.Itoa(status) }

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return fmt.Sprintf("%d bytes", n)
}
