//go:build !linux

package transport_test

import "testing"

// blackHole is an address where connections are neither accepted nor refused.
func blackHole(testing.TB) (addr, reason string) {
	return "", "no address that swallows connections can be made on this system"
}

// keepClosed hopes that nobody is given the port meanwhile.
func keepClosed(testing.TB, string) {}
