package quotatest

import (
	"testing"
	"testing/synctest"

	"github.com/aitransport/aitransport/quota"
)

// Broken is the names of the promises that the stores made by open do not keep.
func Broken(t *testing.T, open func() quota.Store) []string {
	var broken []string
	for _, p := range promises {
		synctest.Test(t, func(t *testing.T) {
			if p.check(&bench{Context: t.Context(), Store: open()}) != nil {
				broken = append(broken, p.name)
			}
		})
	}
	return broken
}
