package realproxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// life is one process; a number alone may be given to another one later.
type life struct{ pid, start string }

// running returns all processes that are neither gone nor merely waiting to be
// waited for, with their parents.
func running(t *testing.T) map[life]string {
	t.Helper()
	all := map[life]string{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		// After the name, which may hold anything: state, parent, …; the 22nd
		// field of all is the time of its start.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if state := fields[0][0]; state != 'Z' && state != 'X' {
			all[life{filepath.Base(filepath.Dir(file)), string(fields[19])}] = string(fields[1])
		}
	}
	return all
}

// below returns the descendants of a process.
func below(t *testing.T, pid int) map[life]bool {
	t.Helper()
	all, found := running(t), map[life]bool{}
	family := map[string]bool{strconv.Itoa(pid): true}
	for grown := true; grown; {
		grown = false
		for l, parent := range all {
			if family[parent] && !family[l.pid] {
				family[l.pid], found[l], grown = true, true, true
			}
		}
	}
	return found
}

// files returns what realproxy has in a temporary folder, and in shared memory
// for a proxy at the address.
func files(t *testing.T, temporary, addr string) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := filepath.Glob(filepath.Join(temporary, "realproxy-*"))
	b, _ := filepath.Glob("/dev/shm/realproxy" + port + "-*")
	return append(a, b...)
}

// temporary makes a folder that programs of another user can enter the
// temporary folder of this test.
func temporary(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, f := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", folder)
	return folder
}

func TestStopLeavesNothing(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			folder := temporary(t)
			p := k.start(t, k.config())
			to := upstream(t, true)
			if _, _, err := post(client(t, p.URL(), to), to.URL); err != nil {
				t.Fatal(err)
			}
			born := below(t, os.Getpid())
			if len(born) < len(chain(p)) {
				t.Fatalf("%d processes were found, want one for each proxy", len(born))
			}
			for _, part := range chain(p) {
				if len(files(t, folder, part.Addr())) == 0 {
					t.Fatalf("%v runs, but no folder was found", part)
				}
				part.Stop()
				part.Stop()
			}
			awaitGone(t, born)
			for _, part := range chain(p) {
				for _, f := range files(t, folder, part.Addr()) {
					t.Errorf("%s outlived Stop", f)
				}
				if conn, err := net.Dial("tcp", part.Addr()); err == nil {
					conn.Close()
					t.Errorf("%v still accepts connections", part)
				}
			}
			if p.Log() == "" && k.name != "microsocks" {
				t.Error("the log is gone after Stop")
			}
		})
	}
}

// TestAbortedTestLeavesNoProcess kills a test program that has started every
// proxy, and looks for their processes.
func TestAbortedTestLeavesNoProcess(t *testing.T) {
	const marker = "REALPROXY_TEST_ABORT"
	if os.Getenv(marker) != "" {
		for _, k := range kinds {
			for _, p := range chain(k.start(t, k.config())) {
				fmt.Println(p.Addr())
			}
		}
		fmt.Println()
		select {} // until the parent kills us
	}
	for _, k := range kinds { // what is not installed skips here, with its reason
		for _, p := range chain(k.start(t, realproxy.Config{})) {
			p.Stop()
		}
	}
	folder := temporary(t)
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	child.Env = append(os.Environ(), marker+"=1")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for lines := bufio.NewScanner(output); lines.Scan() && lines.Text() != ""; {
		addrs = append(addrs, lines.Text())
	}
	born := below(t, child.Process.Pid)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if len(addrs) < len(kinds) || len(born) < len(addrs) {
		t.Fatalf("%d processes were started, want one for each proxy and more than %d; it printed %q", len(born), len(kinds), addrs)
	}
	t.Cleanup(func() {
		for _, addr := range addrs {
			for _, f := range files(t, folder, addr) {
				_ = os.RemoveAll(f)
			}
		}
	})
	awaitGone(t, born)
}

// awaitGone fails the test if a process is left after ten seconds. A process
// closes its files a moment before it counts as ended, so a look at once would
// be too early.
func awaitGone(t *testing.T, born map[life]bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(10 * time.Second)
	for {
		var left []string
		for l := range running(t) {
			if born[l] {
				left = append(left, l.pid)
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("of %d processes, %v are left", len(born), left)
		}
	}
}
