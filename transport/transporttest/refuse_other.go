//go:build !linux

package transporttest

import "net"

// refuse does nothing: closing the socket has to do.
func refuse(*net.TCPListener) {}
