package healthtest

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aitransport/aitransport/health"
)

// Announcements is how many promises only a health.Changer makes.
var Announcements = len(announcements)

// Broken is the names of the promises that the stores made by open do not keep. It runs them in bubbles of
// testing/synctest: a store that sleeps halfway lets everybody else in first, every time.
func Broken(t *testing.T, open func() health.Store) []string {
	var broken []string
	for _, p := range slices.Concat(promises, announcements) {
		synctest.Test(t, func(t *testing.T) {
			if p.check(t.Context(), open()) != nil {
				broken = append(broken, p.name)
			}
		})
	}
	return broken
}
