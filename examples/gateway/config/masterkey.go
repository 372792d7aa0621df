package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoMasterKey says that there is no master key, and that a new one would not do.
var ErrNoMasterKey = errors.New("there is no master key")

// Key is the master key: MasterKey, or that of the file master.key in DataDir. Where there
// is neither, and nothing that was encrypted under one, a new key is put into that file,
// for its owner alone, and made is its path. An error is one line that says what to do.
func (f *File) Key() (key []byte, made string, err error) {
	if text := f.MasterKey.Reveal(); text != "" {
		key, err = ParseMasterKey(text)
		return key, "", err
	}
	path := filepath.Join(f.DataDir, "master.key")
	key, err = readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, "", err
	}
	if _, err := os.Lstat(filepath.Join(f.DataDir, "gateway.db")); err == nil {
		return nil, "", fmt.Errorf("%w, and %s has a database whose secrets are encrypted under one: put its master.key back, or set GATEWAY_MASTER_KEY", ErrNoMasterKey, f.DataDir)
	}
	if key, err = makeKey(path); err != nil {
		return nil, "", err
	}
	if key != nil {
		return key, path, nil
	}
	key, err = readKey(path) // another program was quicker
	return key, "", err
}

func readKey(path string) ([]byte, error) {
	text, err := readBounded(path, 1024)
	if err != nil {
		return nil, fmt.Errorf("the master key %s cannot be read (%w): make it readable, or set GATEWAY_MASTER_KEY", path, cause(err))
	}
	key, err := ParseMasterKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("the master key %s: %w", path, err)
	}
	return key, nil
}

// makeKey makes a file with a new key, whole or not at all; nil: there is one already.
func makeKey(path string) (key []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the master key %s cannot be made (%w): make the folder one that the gateway may write to, or set GATEWAY_MASTER_KEY", path, cause(err))
		}
	}()
	key = make([]byte, 32)
	rand.Read(key)
	temp, err := os.CreateTemp(filepath.Dir(path), "master.key.*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // it has another name by then, or is of no use
	_, err = temp.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	err = os.Link(temp.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil
	}
	return key, err
}

// MakeDataDir makes DataDir if need be, for its owner alone, and sees whether files can be
// made there. An error is one line that says what to do.
func (f *File) MakeDataDir() error {
	err := os.MkdirAll(f.DataDir, 0o700)
	if err == nil {
		var trial *os.File
		if trial, err = os.CreateTemp(f.DataDir, ".writable.*"); err == nil {
			err = errors.Join(trial.Close(), os.Remove(trial.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("the data folder %s cannot be written to (%w): make it the gateway's own (chown, chmod), or name another by data_dir or -data", f.DataDir, cause(err))
	}
	return nil
}
