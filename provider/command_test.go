//go:build unix

package provider_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// shell is a command that runs a script; $1 is a directory of the test's own.
func shell(t *testing.T, script string, change ...func(*provider.CommandConfig)) (c provider.Credential, dir string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("there is no sh on this machine: install one to run the tests of commands")
	default:
		t.Skip("there is no sh on this machine: install one to run the tests of commands")
	}
	dir = t.TempDir()
	config := provider.CommandConfig{Argv: []string{sh, "-c", script, "sh", dir}}
	for _, f := range change {
		f(&config)
	}
	return provider.Command(config), dir
}

// counted is a script that writes a line into the file runs, and then goes on.
func counted(script string) string { return `echo x >> "$1/runs"; ` + script }

// runs is how often it did.
func runs(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "runs"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	return strings.Count(string(b), "x")
}

const numbered = `echo "key-$(wc -l < "$1/runs" | tr -d ' ')"`

func TestCommandYieldsAKey(t *testing.T) {
	c, dir := shell(t, counted(`printf ' key \n\n'`))
	for range 3 {
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "key", token)
	}
	assert.Equal(t, 1, runs(t, dir))
}

func TestCommandIsNoShell(t *testing.T) {
	c, _ := shell(t, `echo "$2-$KEY-$(pwd)"`, func(c *provider.CommandConfig) {
		c.Argv = append(c.Argv, "$(false);*")
		c.Env = []string{"KEY=a;b", "PATH=" + os.Getenv("PATH")}
		c.Dir = "/"
	})
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "$(false);*-a;b-/", token)
}

func TestCommandRunsAgain(t *testing.T) {
	t.Run("when its answer's time is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, dir := shell(t, counted(numbered))
			for _, want := range []struct {
				after time.Duration
				token string
			}{{0, "key-1"}, {5*time.Minute - time.Millisecond, "key-1"}, {time.Millisecond, "key-2"}, {time.Hour, "key-3"}} {
				time.Sleep(want.after)
				token, err := c.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, want.token, token)
			}
			assert.Equal(t, 3, runs(t, dir))
		})
	})
	t.Run("when its answer was refused", func(t *testing.T) {
		c, dir := shell(t, counted(numbered))
		first, err := c.Token(t.Context())
		require.NoError(t, err)
		renewer, ok := c.(provider.Renewer)
		require.True(t, ok)
		for range 3 {
			token, err := renewer.Renew(t.Context(), first)
			require.NoError(t, err)
			assert.Equal(t, "key-2", token, "once")
		}
		assert.Equal(t, 2, runs(t, dir))
	})
	t.Run("as its JSON says", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, dir := shell(t, counted(`printf '{"token":"%s","expiry":"%s","more":1}' `+"$("+numbered+`) "$EXPIRY"`), func(c *provider.CommandConfig) {
				c.JSON = true
				c.Env = []string{"PATH=" + os.Getenv("PATH"), "EXPIRY=" + time.Now().Add(time.Hour).Format(time.RFC3339)}
			})
			for i, pause := range []time.Duration{0, time.Hour - 31*time.Second, 2 * time.Second} {
				time.Sleep(pause)
				token, err := c.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, []string{"key-1", "key-1", "key-2"}[i], token)
			}
			assert.Equal(t, 2, runs(t, dir))
		})
	})
}

func TestCommandOneRunForManyCallers(t *testing.T) {
	c, dir := shell(t, counted(`while [ ! -e "$1/go" ]; do sleep 0.01; done; echo key`))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			token, err := c.Token(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, "key", token)
		})
	}
	require.Eventually(t, func() bool { return runs(t, dir) == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
	wg.Wait()
	assert.Equal(t, 1, runs(t, dir))
}

func TestCommandsThatFail(t *testing.T) {
	json := func(c *provider.CommandConfig) { c.JSON = true }
	for name, c := range map[string]struct {
		script  string
		change  func(*provider.CommandConfig)
		message string // of stderr
		want    string
	}{
		"exit code":       {`echo pa55word-out; echo 'no such  secret' >&2; exit 3`, nil, "no such secret", "exit status 3"},
		"keys in stderr":  {`echo 'cannot use sk-pa55word-1234 of me' >&2; exit 1`, nil, "cannot use *** of me", "exit status 1"},
		"much in stderr":  {`i=0; while [ $i -lt 400 ]; do echo "pa55word-x$i-0123456789" >&2; i=$((i+1)); done; printf '%0400d last words\n' 7 >&2; exit 1`, nil, "last words", "exit status 1"},
		"one long word":   {`printf '%04000dx' 7 >&2; exit 1`, nil, "", "exit status 1"},
		"a signal":        {`kill -9 $$`, nil, "", "signal: killed"},
		"nothing":         {`echo; echo hm >&2`, nil, "", "no key"},
		"two words":       {`echo pa55word two`, nil, "", "stdout holds a space"},
		"too much":        {`while :; do echo pa55word-pa55word-pa55word; done`, nil, "", "more than 65536 bytes"},
		"no program":      {"", func(c *provider.CommandConfig) { c.Argv = []string{"/nowhere/pa55", "-x"} }, "", "no such file"},
		"no name":         {"", func(c *provider.CommandConfig) { c.Argv = nil }, "", "Argv is empty"},
		"no JSON":         {`echo pa55word`, json, "", `is not {"token"`},
		"JSON, no token":  {`echo '{"expiry":"2000-01-01T00:00:00Z"}'`, json, "", "no key"},
		"JSON, a moment":  {`echo '{"token":"pa55word","expiry":"soon"}'`, json, "", `is not {"token"`},
		"JSON, long past": {`echo '{"token":"pa55word","expiry":"2000-01-01T00:00:00Z"}'`, json, "", "is past"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*provider.CommandConfig) {}
			}
			credential, _ := shell(t, c.script, c.change)
			_, err := credential.Token(t.Context())
			failure := credentialError(t, err)
			assert.False(t, failure.Permanent)
			assert.Equal(t, c.message, failure.Message)
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "command ")
			assert.NotContains(t, err.Error(), "pa55word")
			assert.Less(t, len(err.Error()), 1000)
		})
	}
	credential, _ := shell(t, "exit 7")
	_, err := credential.Token(t.Context())
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 7, exit.ExitCode())
}

// A program that hangs, or leaves one behind that does, is killed in time with all
// that it started.
func TestCommandTimeOut(t *testing.T) {
	short := func(c *provider.CommandConfig) { c.Timeout = 50 * time.Millisecond }
	for name, script := range map[string]string{
		"hangs":       `echo $$ > "$1/pid"; exec sleep 100`,
		"in a child":  `sleep 100 & echo $! > "$1/pid"; wait`,
		"deaf to end": `trap '' TERM INT HUP; echo $$ > "$1/pid"; while :; do sleep 1; done`,
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := shell(t, script, short)
			_, err := c.Token(t.Context())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, provider.ClassTimeout, credentialError(t, err).Class)
			requireGone(t, filepath.Join(dir, "pid"))
		})
	}
}

// A run that nobody waits for any more ends; the next caller begins another.
func TestCommandEndsWithItsCallers(t *testing.T) {
	c, dir := shell(t, counted(`[ -e "$1/go" ] && { echo key; exit; }; echo $$ > "$1/pid"; exec sleep 100`))
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			_, err := c.Token(ctx)
			assert.ErrorIs(t, err, errBroken)
		})
	}
	pid := filepath.Join(dir, "pid")
	require.Eventually(t, func() bool { b, _ := os.ReadFile(pid); return strings.HasSuffix(string(b), "\n") }, 10*time.Second, time.Millisecond)
	cancel(errBroken)
	wg.Wait()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
	token, err := c.Token(t.Context())
	require.NoError(t, err, "nothing was held against it")
	assert.Equal(t, "key", token)
	requireGone(t, pid)
	assert.Equal(t, 2, runs(t, dir))
}

// A daemon that the program leaves behind, with its output open, does not spoil its
// answer.
func TestCommandThatLeavesADaemon(t *testing.T) {
	c, dir := shell(t, `sleep 100 & echo $! > "$1/pid"; echo key`)
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "key", token)
	kill(t, filepath.Join(dir, "pid"))
}

// After a failure there is a pause, and the last answer is used while it lasts.
func TestCommandPausesAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := shell(t, counted(`[ -e "$1/broken" ] && exit 1; `+numbered))
		first, err := c.Token(t.Context())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600))
		_, err = c.(provider.Renewer).Renew(t.Context(), first)
		require.Error(t, err)
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first, token)
		assert.Equal(t, 2, runs(t, dir))
		time.Sleep(5 * time.Minute)
		for range 3 {
			_, err = c.Token(t.Context())
			require.Error(t, err)
		}
		assert.True(t, credentialError(t, err).Repeated)
		assert.Equal(t, 3, runs(t, dir))
		require.NoError(t, os.Remove(filepath.Join(dir, "broken")))
		time.Sleep(10 * time.Second)
		token, err = c.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "key-4", token)
	})
}

func TestCommandIsNotPrinted(t *testing.T) {
	config := provider.CommandConfig{Argv: []string{"echo", "pa55-argument"}, Env: []string{"X=pa55-env"}}
	c := provider.Command(config)
	_, _ = c.Token(t.Context())
	for _, v := range []any{c, config, &config, struct{ c provider.Credential }{c}, struct{ C provider.Credential }{c}} {
		assert.NotContains(t, printed(t, v), "pa55")
	}
}
