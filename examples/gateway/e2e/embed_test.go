package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An empty module elsewhere has the gateway by replace, mounts it under a mux of its own
// with its own store and login, and serves a request.
func TestAModuleElsewhereEmbedsTheGateway(t *testing.T) {
	u := newUpstreams(t)
	dir := t.TempDir()
	examples, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	copyFile(t, filepath.Join("testdata", "embed", "main.go.txt"), filepath.Join(dir, "main.go"))
	copyFile(t, filepath.Join(examples, "go.sum"), filepath.Join(dir, "go.sum")) // as a second go mod tidy would find it

	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	run("mod", "init", "example.com/app")
	run("mod", "edit", "-go=1.26",
		"-require=github.com/aitransport/aitransport@v0.0.0", "-replace=github.com/aitransport/aitransport="+filepath.Dir(examples),
		"-require=github.com/aitransport/aitransport/examples@v0.0.0", "-replace=github.com/aitransport/aitransport/examples="+examples)
	out := run("run", ".", u.URL("openai"), upstreamKey)
	assert.Contains(t, out, "recorded ada gpt-5 200 11 7")
	assert.Contains(t, out, "answered ada 200")
	assert.Contains(t, out, "answered eve 401")
	assert.Equal(t, 1, u.hits(), "who is not let in reaches nobody")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
}
