package realproxy

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// identity is the user a program runs as.
type identity struct {
	uid, gid int
	dropped  bool // the test is root and the program is not
}

// unprivileged returns the identity for programs: the test's own, and for a
// test that runs as root Debian's user for proxies. (squid refuses to run as
// root; the others have no use for it.)
func unprivileged() identity {
	own := identity{uid: os.Geteuid(), gid: os.Getegid()}
	if own.uid != 0 {
		return own
	}
	for _, name := range []string{"proxy", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return identity{uid: uid, gid: gid, dropped: true}
		}
	}
	return own
}

// own gives an open file to the identity.
func (i identity) own(f *os.File) error {
	if !i.dropped {
		return nil
	}
	return f.Chown(i.uid, i.gid)
}

// home is the temporary folder of one program, readable by that program's user
// only. It is not the test's TempDir: that lies below a folder which an
// unprivileged program cannot enter when the test is root.
type home struct {
	path  string
	owner identity
}

func newHome() (*home, error) {
	owner := unprivileged()
	parent := os.TempDir()
	if owner.dropped && !enterable(parent) {
		parent = "/tmp"
	}
	path, err := os.MkdirTemp(parent, "realproxy-*")
	if err != nil {
		return nil, err
	}
	h := &home{path: path, owner: owner}
	if owner.dropped {
		if err := os.Chown(path, owner.uid, owner.gid); err != nil {
			h.remove()
			return nil, err
		}
	}
	return h, nil
}

// enterable reports whether everybody may enter the folder.
func enterable(folder string) bool {
	for {
		info, err := os.Stat(folder)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if parent := filepath.Dir(folder); parent != folder {
			folder = parent
			continue
		}
		return true
	}
}

func (h *home) remove() { _ = os.RemoveAll(h.path) }

// join returns the path of a file in the folder.
func (h *home) join(name string) string { return filepath.Join(h.path, name) }

// create writes a file for the program, with the folders above it.
func (h *home) create(name string, content []byte, mode os.FileMode) error {
	path := h.join(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := h.owner.own(f); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Close()
}
