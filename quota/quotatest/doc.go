// Package quotatest checks that a [quota.Store] keeps its promises. Whoever writes a store calls Run from a test, or
// RunRealTime where the store's clock is not this process's (a server):
//
//	func TestStore(t *testing.T) {
//		quotatest.Run(t, func(t *testing.T) quota.Store { return open(t) })
//	}
//
// Each case is a subtest with a store of its own. Where one fails, it says what was seen and which promise that breaks.
// What a store is besides, a [quota.Renewer] or a [quota.Inspector], is checked where it is. The suite is itself tested,
// against stores that are broken on purpose.
package quotatest
