package transporttest

import (
	"net"
	"syscall"
)

// refuse makes a listening socket refuse connections though somebody else holds it
// too: a child that is being forked does, until it has become another program.
func refuse(l *net.TCPListener) {
	raw, err := l.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RD) })
}
