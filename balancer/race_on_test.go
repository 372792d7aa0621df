//go:build race

package balancer_test

// raceEnabled tells that the race detector runs, which allocates on its own.
const raceEnabled = true
