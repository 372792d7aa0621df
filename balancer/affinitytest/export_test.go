package affinitytest

import (
	"testing"
	"testing/synctest"

	"github.com/aitransport/aitransport/balancer"
)

// Promises is how many cases there are.
var Promises = len(promises)

// Broken is the names of the promises that the stores made by open do not keep. It runs
// them in bubbles of testing/synctest, where waiting takes no time.
func Broken(t *testing.T, open func() balancer.AffinityStore) []string {
	var broken []string
	for _, p := range promises {
		synctest.Test(t, func(t *testing.T) {
			if p.check(t.Context(), open()) != nil {
				broken = append(broken, p.name)
			}
		})
	}
	return broken
}
