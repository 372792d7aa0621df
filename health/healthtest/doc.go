// Package healthtest checks that a [health.Store] keeps its promises. Whoever writes a store calls Run from a test:
//
//	func TestStore(t *testing.T) {
//		healthtest.Run(t, func(t *testing.T) health.Store { return open(t) })
//	}
//
// Each case is a subtest with a store of its own. Where one fails, it says what was seen and which promise that breaks.
// The suite is itself tested, against stores that are broken on purpose.
package healthtest
