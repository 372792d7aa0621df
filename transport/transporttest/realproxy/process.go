package realproxy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is one running program: the leader of a process group of its own.
type process struct {
	cmd    *exec.Cmd
	output *os.File // what the program and its children print
	log    ring
	exited chan struct{} // closed once the leader has been waited for
	silent chan struct{} // closed once nobody is left who could print
	err    error         // of reading the output; only after silent
}

// launch starts a program in its folder; a jailed one sees that folder as its
// whole file system.
func launch(h *home, binary string, arguments []string, jailed bool) (*process, error) {
	output, sink, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	// squid opens its standard output by name, for which it must own it.
	if err := h.owner.own(sink); err != nil {
		output.Close()
		return nil, err
	}
	cmd := exec.Command(binary, arguments...)
	cmd.Stdout, cmd.Stderr = sink, sink
	cmd.Dir = h.path
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=" + h.path}
	if jailed {
		cmd.Dir = "/"
		cmd.Env[2] = "TMPDIR=/"
		err = confine(cmd, h.owner, h.path)
	} else {
		err = confine(cmd, h.owner, "")
	}
	if err != nil {
		output.Close()
		return nil, err
	}
	p := &process{cmd: cmd, output: output, exited: make(chan struct{}), silent: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		output.Close()
		return nil, err
	}
	go func() {
		defer close(p.silent)
		_, p.err = io.Copy(&p.log, output)
	}()
	return p, nil
}

// run starts the program and stays until it has ended. The kernel kills the
// program when the thread that started it ends, so that a dead test leaves no
// program behind; the thread is therefore kept for as long as the program runs.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	defer close(p.exited)
	// The leader's children die with it. Their group can be killed by its
	// number because the leader has not yet been waited for: until then the
	// number can belong to nobody else.
	awaitEnd(p.cmd.Process)
	killGroup(p.cmd.Process)
	_ = p.cmd.Wait()
}

// state says how the leader ended; only after exited.
func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

// kill ends the program and its children. When it returns they have closed all
// they had open, but the kernel may still be busy burying them. It is called
// once.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		return fmt.Errorf("process %d does not end, though killed", p.cmd.Process.Pid)
	}
	// A child outside the group (squid's password helper) ends by itself when
	// it loses its leader. All of them hold the output open, so its end is
	// theirs.
	timeout := time.AfterFunc(5*time.Second, func() { p.output.Close() })
	defer timeout.Stop()
	defer p.output.Close()
	<-p.silent
	if p.err != nil {
		return fmt.Errorf("a child of process %d outlives it: %w", p.cmd.Process.Pid, p.err)
	}
	return nil
}
