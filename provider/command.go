package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// CommandConfig says which program yields a key. Argv is required. However it is
// printed, nothing of it shows.
type CommandConfig struct {
	unprintable

	Argv    []string      // the program and its arguments; no shell reads them
	Env     []string      // of the program, key=value; nil: this process's own
	Dir     string        // where it runs; "": where this process does
	Timeout time.Duration // for one run; 0: 30 s
	TTL     time.Duration // how long an answer is used; 0: 5 min

	// JSON says that the program writes {"token": "…", "expiry": "…"} and not the
	// key alone. The expiry is RFC 3339; a token with one is used until 30 s before
	// it, or a quarter of its time if that is less, and TTL plays no part.
	JSON bool
}

const (
	defaultCommandTimeout = 30 * time.Second
	defaultCommandTTL     = 5 * time.Minute

	// maxKeyBytes bounds what a command or a file may yield.
	maxKeyBytes = 64 << 10

	// maxStderr is how much of the end of a command's stderr is kept, and
	// maxStderrShown how much of that is told.
	maxStderr      = 2 << 10
	maxStderrShown = 300

	// pipeDelay is how long a process that the command left behind may hold its
	// output open.
	pipeDelay = 2 * time.Second
)

// Command returns a Credential that a program yields: what it writes to stdout,
// without the white space around it, at most 64 KiB. It is a [Renewer], which runs
// the program again before its answer's time. There is one run at a time, whoever
// waits for it; it is killed, with its process group where there are such, at its
// time-out and when nobody waits for it any more. After a run that failed the next
// comes after 5 s, then 10 s, up to 5 min, and the last answer is used while its
// time lasts.
//
// Errors are [*CredentialError], which wraps an *exec.ExitError where the program
// said no, or those of the caller's context. They name the program without its
// arguments and quote the end of its stderr, redacted, and never its stdout. The
// Credential is not printable.
func Command(c CommandConfig) Credential {
	c.Argv, c.Env = slices.Clone(c.Argv), slices.Clone(c.Env)
	if c.Timeout <= 0 {
		c.Timeout = defaultCommandTimeout
	}
	if c.TTL <= 0 {
		c.TTL = defaultCommandTTL
	}
	name := "(none)"
	if len(c.Argv) > 0 {
		name = filepath.Base(c.Argv[0])
	}
	r := &renewing{source: "command " + name, timeout: c.Timeout}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.fetch = func(ctx context.Context) (lease, error) { return c.run(ctx, r.source) }
	return &command{own: func() *renewing { return r }, invalid: c.check()}
}

// A command hides its answer in a closure, where no reflection finds it.
type command struct {
	unprintable
	own     func() *renewing
	invalid error // why it can never run; nil: it may
}

func (c *command) Token(ctx context.Context) (string, error) { return c.own().Token(ctx) }

func (c *command) Renew(ctx context.Context, stale string) (string, error) {
	return c.own().Renew(ctx, stale)
}

// Validate tells whether there is a program to run.
func (c *command) Validate() error { return c.invalid }

// check refuses what cannot be run.
func (c *CommandConfig) check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return errors.New("provider: CommandConfig.Argv is empty: name a program")
	}
	return nil
}

// run is one run of the program.
func (c *CommandConfig) run(ctx context.Context, source string) (lease, error) {
	if err := c.check(); err != nil {
		return lease{}, &CredentialError{Source: source, Class: ClassTransient, Err: err}
	}
	began := time.Now()
	var stdout headWriter
	var stderr tailWriter
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...) //nolint:gosec // what to run is the user's to say
	cmd.Env, cmd.Dir, cmd.WaitDelay = c.Env, c.Dir, pipeDelay
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ownGroup(cmd)
	err := cmd.Run()
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("it was killed: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrWaitDelay): // it said all it had to say; what it left behind goes on
		err = nil
	}
	if stdout.over {
		err = fmt.Errorf("it wrote more than %d bytes to stdout: write the key alone", maxKeyBytes)
	}
	if err != nil {
		e := credentialFailure(source, err)
		e.Message = stderr.text()
		e.Advice = "run it by hand, as the same user"
		return lease{}, e
	}
	l, err := c.read(stdout.b.Bytes(), began)
	if err != nil {
		return lease{}, &CredentialError{Source: source, Class: ClassTransient, Err: err}
	}
	return l, nil
}

// read takes the key from what the program wrote. Its errors quote none of it.
func (c *CommandConfig) read(out []byte, began time.Time) (lease, error) {
	token, expiry := string(bytes.TrimSpace(out)), time.Time{}
	if c.JSON {
		var answer struct {
			Token  string    `json:"token"`
			Expiry time.Time `json:"expiry"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return lease{}, errors.New(`its stdout is not {"token": "…", "expiry": "an RFC 3339 time"}`)
		}
		token, expiry = strings.TrimSpace(answer.Token), answer.Expiry
	}
	if token == "" {
		return lease{}, errors.New("it wrote no key to stdout")
	}
	if checkToken(token) != nil {
		return lease{}, errors.New("its stdout holds a space, a line break or a character outside ASCII: write the key alone")
	}
	if expiry.IsZero() {
		end := began.Add(c.TTL)
		return lease{token: token, late: end, expiry: end}, nil
	}
	left := expiry.Sub(began)
	if left <= 0 {
		return lease{}, errors.New("the expiry that it wrote is past")
	}
	return lease{token: token, late: expiry.Add(-min(defaultWaitBefore, left/4)), expiry: expiry}, nil
}

// A headWriter keeps what is written, up to maxKeyBytes, and fails beyond.
type headWriter struct {
	b    bytes.Buffer
	over bool
}

var errTooMuch = errors.New("too much output")

func (w *headWriter) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > maxKeyBytes {
		w.over = true
		return 0, errTooMuch
	}
	return w.b.Write(p)
}

// A tailWriter keeps the end of what is written.
type tailWriter struct {
	b   []byte
	cut bool
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p[max(0, len(p)-maxStderr):]...)
	if n := len(w.b) - maxStderr; n > 0 || len(p) > maxStderr {
		w.cut = true
		w.b = append(w.b[:0], w.b[max(n, 0):]...)
	}
	return len(p), nil
}

// text is the end in one line, redacted. Words are kept whole or left out: a part
// of a key does not look like one.
func (w *tailWriter) text() string {
	s := string(w.b)
	cut := w.cut
	if n := len(s) - maxStderrShown; n > 0 {
		s, cut = s[n:], true
	}
	if cut {
		i := strings.IndexFunc(s, unicode.IsSpace)
		if i < 0 {
			return ""
		}
		s = s[i:]
	}
	return redact(s, maxStderrShown)
}
