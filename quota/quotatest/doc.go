// Package quotatest checks that a [quota.Store] keeps its promises. Whoever writes a store calls Run from a test, or
// RunRealTime where the store's clock is not this process's (a server):
//
//	func TestStore(t *testing.T) {
//		quotatest.Run(t, func(t *testing.T) quota.Store { return open(t) })
//	}
//
// Each case is a subtest with a store of its own. Where one fails, it says what was seen and which promise that breaks.
// What a store is besides, a [quota.Renewer], a [quota.Inspector], a [quota.Granter] or a [quota.Charger], is checked
// where it is, and skipped where it is not. A [Suite] is for a store whose clock on the wall is another machine's. The
// suite is itself tested, against stores that are broken on purpose.
package quotatest
