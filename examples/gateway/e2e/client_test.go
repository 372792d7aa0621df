package e2e_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// job is one call that a client is to make.
type job struct {
	ID     int    `json:"id"`
	Client string `json:"client"` // openai, anthropic, gemini
	Call   string `json:"call"`
	Stream bool   `json:"stream,omitempty"`
	Base   string `json:"base"`
	Key    string `json:"key"`
	Model  string `json:"model,omitempty"`
}

// outcome is what came of it: an answer, or an error in the client's own class.
type outcome struct {
	ID         int      `json:"id"`
	Text       string   `json:"text"`
	Input      int64    `json:"input"`
	Output     int64    `json:"output"`
	Models     []string `json:"models"`
	Error      string   `json:"error"`
	Status     int      `json:"status"`
	Message    string   `json:"message"`
	RetryAfter string   `json:"retryAfter"`
	RequestID  string   `json:"requestId"`
}

// clientTime bounds one call of a client, the start of its program included.
const clientTime = 60 * time.Second

// client is a program that makes calls with the official clients of its language.
type client struct {
	encode *json.Encoder
	decode *json.Decoder
	calls  int
}

// node starts the Node clients.
func node(t *testing.T) *client {
	need(t, filepath.Join("clients", "node", "node_modules", "openai"), "npm ci --prefix examples/gateway/e2e/clients/node")
	return start(t, "node", filepath.Join("clients", "node", "run.mjs"))
}

// python starts the Python clients.
func python(t *testing.T) *client {
	program := filepath.Join("clients", "python", ".venv", "bin", "python")
	need(t, program, "python3 -m venv examples/gateway/e2e/clients/python/.venv, and its pip install -r requirements.txt")
	return start(t, program, filepath.Join("clients", "python", "run.py"))
}

// need skips the test where a client is not installed, and fails it in CI.
func need(t *testing.T, path, command string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", path, command)
	}
	t.Skipf("%s is missing: %s", path, command)
}

// start runs a program that reads jobs and writes outcomes, until the test's end.
func start(t *testing.T, program string, args ...string) *client {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "PYTHONUNBUFFERED=1")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close() // it ends when there are no more jobs
		_ = cmd.Wait() // or by the test's context, which is done by now
	})
	return &client{encode: json.NewEncoder(in), decode: json.NewDecoder(bufio.NewReader(out))}
}

// do makes a call and waits for what comes of it.
func (c *client) do(t *testing.T, j job) outcome {
	t.Helper()
	c.calls++
	j.ID = c.calls
	require.NoError(t, c.encode.Encode(j))
	done := make(chan outcome, 1)
	failed := make(chan error, 1)
	go func() {
		var o outcome
		if err := c.decode.Decode(&o); err != nil {
			failed <- err
			return
		}
		done <- o
	}()
	timeout := time.NewTimer(clientTime)
	defer timeout.Stop()
	select {
	case o := <-done:
		require.Equal(t, j.ID, o.ID)
		return o
	case err := <-failed:
		require.NoError(t, err, "the client's program ended")
	case <-timeout.C:
		require.Fail(t, "the client did not answer in time")
	}
	return outcome{}
}
