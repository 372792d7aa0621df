package realproxy

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Lookup returns the path of a program that a test needs, from PATH or from
// the folders of system programs that an ordinary user's PATH lacks
// (/usr/sbin, /usr/local/sbin, /sbin). Where the program is missing the test is
// skipped, with a reason that names the Debian package; with the environment
// variable CI set to "true" the test fails instead. Lookup must be called from
// the test's own goroutine.
func Lookup(tb testing.TB, binary, debianPackage string) string {
	tb.Helper()
	if path, err := exec.LookPath(binary); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, binary)); err == nil {
			return path
		}
	}
	unavailable(tb, "realproxy: "+binary+" is not installed: apt-get install "+debianPackage)
	return ""
}

// unavailable ends a test that cannot run on this machine: a skip with its
// reason, but a failure where CI promised the machine to be complete.
func unavailable(tb testing.TB, reason string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatal(reason + " (with CI=true this is a failure, not a skip)")
	}
	tb.Skip(reason)
}
