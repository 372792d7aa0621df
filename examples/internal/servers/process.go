package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// lookup returns the path of a program that a test needs.
func lookup(tb testing.TB, binary, debianPackage string) string {
	tb.Helper()
	for _, name := range []string{binary, filepath.Join("/usr/sbin", binary), filepath.Join("/usr/local/bin", binary)} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	reason := "servers: " + binary + " is not installed: apt-get install " + debianPackage
	if os.Getenv("CI") == "true" {
		tb.Fatal(reason + " (with CI=true this is a failure, not a skip)")
	}
	tb.Skip(reason)
	return ""
}

// process is one running program.
type process struct {
	cmd    *exec.Cmd
	log    string        // the file that it prints to
	exited chan struct{} // closed once it has ended and been waited for
}

// launch starts a program in a folder, where it finds nothing of the test's environment.
func launch(folder, binary string, arguments ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // in the test's own folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()        // the program has it open itself
	cmd := exec.Command(binary, arguments...) //nolint:gosec,noctx // a program of the test's choice; stop ends it
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, log, log
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=" + folder}
	confine(cmd)
	p := &process{cmd: cmd, log: log.Name(), exited: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return p, nil
}

// run starts the program and stays until it has ended. The kernel kills the program when the thread that started it ends,
// so that a dead test leaves no program behind; the thread is therefore kept for as long as the program runs.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	_ = p.cmd.Wait() // what it printed says more than how it ended
	close(p.exited)
}

// stop kills the program and waits until it has ended.
func (p *process) stop() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("process %d does not end, though killed", p.cmd.Process.Pid)
	}
}

// printed is the end of what the program printed.
func (p *process) printed() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 4 << 10
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
