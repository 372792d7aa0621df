package quotatest

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/aitransport/aitransport/quota"
)

// Broken is the names of the promises that the stores made by open do not keep.
func Broken(t *testing.T, open func() quota.Store) []string {
	var broken []string
	for _, p := range promises {
		synctest.Test(t, func(t *testing.T) {
			s := Suite{Open: func(*testing.T) quota.Store { return open() }}
			if err := p.check(s.bench(t)); err != nil && !errors.Is(err, errOptional) {
				broken = append(broken, p.name)
			}
		})
	}
	return broken
}

// Promises is the names of all.
func Promises() (names []string) {
	for _, p := range promises {
		names = append(names, p.name)
	}
	return names
}
