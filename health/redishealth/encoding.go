package redishealth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aitransport/aitransport/health"
)

// field is the name of a subject in the store, such as "2:4:main:gpt-5": its kind, the length of its name, the name and
// the model. Different subjects have different ones.
func field(s health.Subject) string {
	return strconv.Itoa(int(s.Kind)) + ":" + strconv.Itoa(len(s.Name)) + ":" + s.Name + ":" + s.Model
}

var errField = errors.New("is not one that this store gives: does something else write to these keys?")

// subjectOf is the subject that field names.
func subjectOf(field string) (health.Subject, error) {
	kind, rest, _ := strings.Cut(field, ":")
	length, rest, _ := strings.Cut(rest, ":")
	k, err := strconv.ParseUint(kind, 10, 8)
	if err != nil {
		return health.Subject{}, errField
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n >= len(rest) || rest[n] != ':' {
		return health.Subject{}, errField
	}
	return health.Subject{Kind: health.Kind(k), Name: rest[:n], Model: rest[n+1:]}, nil
}

// nameSize is how many bytes precede those of a state: the name of the write. It makes every write another one, though
// the state be the same.
const nameSize = 8

// bytesOf is a state as it is stored, with a new name; "" for the zero State.
func bytesOf(s health.State) string {
	if s == (health.State{}) {
		return ""
	}
	b, _ := s.MarshalBinary() // never fails
	var name [nameSize]byte
	_, _ = rand.Read(name[:]) // never fails
	return string(name[:]) + string(b)
}

// readState is the state that was stored as these bytes.
func readState(stored string) (s health.State, err error) {
	if stored == "" {
		return s, nil
	}
	if len(stored) < nameSize {
		return s, fmt.Errorf("a stored state has %d bytes: does something else write to these keys? (%w)", len(stored), health.ErrSubject)
	}
	if err := s.UnmarshalBinary([]byte(stored[nameSize:])); err != nil {
		return s, fmt.Errorf("%w (%w)", err, health.ErrSubject)
	}
	return s, nil
}

// format is the number that begins the states of this version, and of none before it a greater one.
var format = bytesOf(health.State{Failures: 1})[nameSize]

// isLater reports whether a state that cannot be read is one that a later version can.
func isLater(stored string) bool { return len(stored) > nameSize && stored[nameSize] > format }

// newName is a name for a store that has none yet.
func newName() string {
	var name [nameSize]byte
	_, _ = rand.Read(name[:]) // never fails
	return hex.EncodeToString(name[:])
}
