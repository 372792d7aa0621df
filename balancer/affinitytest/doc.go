// Package affinitytest checks that a [balancer.AffinityStore] keeps its promises. Whoever
// writes a store calls Run from a test:
//
//	func TestStore(t *testing.T) {
//		affinitytest.Run(t, func(t *testing.T) balancer.AffinityStore { return open(t) })
//	}
//
// Each case is a subtest with a store of its own. Where one fails, it says what was seen
// and which promise that breaks. The suite is itself tested, against stores that are
// broken on purpose.
package affinitytest
