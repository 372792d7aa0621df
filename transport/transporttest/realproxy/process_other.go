//go:build !linux

package realproxy

import (
	"errors"
	"os"
	"os/exec"
)

// confine can do nothing here: the program runs as the test does, in the
// test's process group.
func confine(_ *exec.Cmd, _ identity, jail string) error {
	if jail != "" {
		return errors.New("a private root folder needs Linux")
	}
	return nil
}

// awaitEnd leaves the waiting to os.Process.Wait.
func awaitEnd(*os.Process) {}

// killGroup has no group to kill: the program's children end when they lose it.
func killGroup(*os.Process) {}

// holdPort cannot hold a port here.
func holdPort() (port int, release func(), err error) {
	return 0, nil, errors.ErrUnsupported
}
