//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDataDir has a data folder be this program's until unlock, or until it dies. A folder
// whose file system knows no locks is not locked.
func lockDataDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "gateway.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the folder is the operator's to name
	if err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be written to (%w): make it the gateway's own (chown, chmod), or name another by data_dir or -data", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("the data folder %s is another running gateway's: end that, or name another by data_dir or -data", dir)
	}
	return f.Close, nil
}
