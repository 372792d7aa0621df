//go:build !linux

package servers

import (
	"errors"
	"net"
	"os/exec"
)

// confine can do nothing here: a test that is killed leaves its programs behind.
func confine(*exec.Cmd) {}

func (p *process) freeze() error { return errors.ErrUnsupported }
func (p *process) thaw() error   { return errors.ErrUnsupported }

// holdPort picks a free port of 127.0.0.1. It cannot hold it here: somebody else may take it before the program does.
func holdPort() (port int, release func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	return l.Addr().(*net.TCPAddr).Port, func() {}, l.Close()
}
