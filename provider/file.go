package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// fileCheck is how often a file is looked at.
const fileCheck = time.Second

// File returns a Credential that a file holds: all of it, at most 64 KiB, without
// the white space around it. The file is looked at once a second at most, when a
// token is asked for, and read again when it is another or has another size or time
// of change. It is a [Renewer], which reads the file at once and whatever that says.
//
// Symbolic links are followed, as secrets that a cluster mounts need it; what is
// not a regular file is refused. Who else may read the file is not looked at:
// mounted secrets are often readable by all who are in the container. Permissions
// are for whoever writes it to set, 0600 as a rule.
//
// Errors are [*CredentialError]; they name the file, and wrap fs.ErrNotExist and
// its like. An error too is looked at again after a second. A file system that
// hangs is waited for, whatever the context says. The Credential is not printable.
func File(path string) Credential {
	f := &keyFile{path: path}
	return &file{own: func() *keyFile { return f }}
}

// A file hides its key in a closure, where no reflection finds it.
type file struct {
	unprintable
	own func() *keyFile
}

// Validate tells whether there is a path.
func (f *file) Validate() error {
	if f.own().path == "" {
		return errors.New("provider: File with an empty path: name the file")
	}
	return nil
}

func (f *file) Token(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return f.own().token()
}

func (f *file) Renew(ctx context.Context, stale string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return f.own().renew(stale)
}

// A keyFile is what is known of a file.
type keyFile struct {
	path string

	mu      sync.Mutex
	checked time.Time   // when it was last looked at; zero: never
	seen    os.FileInfo // as it was when it was read; nil: it was not
	key     string
	err     error
}

func (f *keyFile) token() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.checked.IsZero() || now.Sub(f.checked) >= fileCheck {
		f.look(now)
	}
	return f.key, f.err
}

func (f *keyFile) renew(stale string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.key == stale {
		f.seen = nil
		f.look(time.Now())
	}
	return f.key, f.err
}

// look reads the file if it has changed. The mutex is held.
func (f *keyFile) look(now time.Time) {
	f.checked = now
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && os.SameFile(info, f.seen) &&
		info.Size() == f.seen.Size() && info.ModTime().Equal(f.seen.ModTime()) {
		return
	}
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		err = errors.New("it is not a regular file")
	}
	f.key, f.seen, f.err = "", nil, nil
	if err == nil {
		f.key, f.seen, err = readKeyFile(f.path)
	}
	if err != nil {
		f.err = f.explain(err)
	}
}

// readKeyFile reads a file and tells what it was like then.
func readKeyFile(path string) (string, os.FileInfo, error) {
	in, err := os.Open(path) //nolint:gosec // which file is the user's to say
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return "", nil, err
	}
	b, err := io.ReadAll(io.LimitReader(in, maxKeyBytes+1))
	if err != nil {
		return "", nil, err
	}
	if len(b) > maxKeyBytes {
		return "", nil, fmt.Errorf("it is longer than %d bytes", maxKeyBytes)
	}
	key := string(bytes.TrimSpace(b))
	if key == "" {
		return "", nil, errors.New("it is empty")
	}
	if checkToken(key) != nil {
		return "", nil, errors.New("it holds a space, a line break or a character outside ASCII between other text")
	}
	return key, info, nil
}

// explain makes an error of the file one for people. A path error repeats the path.
func (f *keyFile) explain(err error) error {
	e := &CredentialError{Source: "file " + f.path, Class: ClassTransient, Advice: "write the key into it, and nothing else"}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
		e.Advice = "check the path, and that this process may read it"
	}
	e.Err = err
	return e
}
