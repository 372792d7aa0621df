//go:build !race

package health_test

// raceEnabled tells that the race detector runs, which makes everything ten times slower.
const raceEnabled = false
