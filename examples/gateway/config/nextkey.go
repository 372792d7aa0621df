package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// NextKey is the master key that is to follow that of the file in DataDir: what
// master.key.new holds there, which is made unless a rotation that was interrupted has left
// it. An error is one line that says what to do.
func (f *File) NextKey() (key []byte, err error) {
	path := f.nextKey()
	if key, err = readKey(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = makeKey(path); err != nil {
		return nil, err
	}
	if key == nil { // another program was quicker
		return readKey(path)
	}
	return key, syncDir(f.DataDir) // before anything is encrypted under it
}

// HasNextKey tells whether a rotation was interrupted, which has left a NextKey.
func (f *File) HasNextKey() bool {
	_, err := os.Stat(f.nextKey())
	return f.MasterKey.IsZero() && err == nil
}

// AdoptNextKey has NextKey be the master key from now on. The one before stays, for
// backups, in a file whose path is returned.
func (f *File) AdoptNextKey() (before string, err error) {
	path := filepath.Join(f.DataDir, "master.key")
	before = path + ".until-" + time.Now().UTC().Format("20060102T150405Z")
	err = os.Link(path, before)
	if err == nil {
		err = os.Rename(f.nextKey(), path) // at any moment there is a master.key
	}
	if err == nil {
		err = syncDir(f.DataDir)
	}
	if err != nil {
		return "", fmt.Errorf("the master key could not be replaced (%w): keep %s and %s, make the folder one that the gateway may write to, and run it again", cause(err), path, f.nextKey())
	}
	return before, nil
}

func (f *File) nextKey() string { return filepath.Join(f.DataDir, "master.key.new") }

// syncDir has the names in a folder outlast a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder is the operator's to name
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil // systems that cannot do so for folders
	}
	return errors.Join(err, d.Close())
}
