package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write puts a configuration into a folder.
func write(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(text), 0o600))
}

func TestABaseWithoutItsVersionIsWarnedOf(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "listen: 127.0.0.1:0\naccounts:\n  - name: own\n    provider: openai\n    secret: k\n    base_url: http://127.0.0.1:1\n")
	stdout, stderr, code := run(t, dir, nil, "check", "gateway.yaml")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, `gateway.yaml:6: accounts[0].base_url: warning: it has no version in its path`)
	assert.Contains(t, stdout, "gateway.yaml is right")

	r := start(t, dir, nil, "-config", "gateway.yaml")
	r.find(t, r.people, `gateway.yaml:6: accounts\[0\].base_url: warning: `)
	r.find(t, r.people, `serves at`)
	r.find(t, r.log, `"msg":"Account looks wrong","account":"own","field":"base_url"`)
	r.terminate(t)
}

// held is a gateway, with its log in files, and a request under way that does not end.
func held(t *testing.T, shutdown string) *running {
	t.Helper()
	reached, end := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(upstream.Close)
	t.Cleanup(func() { close(end) })
	dir := t.TempDir()
	write(t, dir, fmt.Sprintf("listen: 127.0.0.1:0\nlog: {dir: logs}\ntimeouts: {shutdown: %s}\naccounts:\n  - {name: a, provider: openai, base_url: %s/v1, secret: k}\nkeys:\n  - {name: k, secret: 0123456789abcdef}\n", shutdown, upstream.URL))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	req.Header.Set("Content-Type", "application/json")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	t.Cleanup(func() { <-done })
	<-reached
	return r
}

func TestWhoEndsTheGatewayIsToldWhatItWaitsFor(t *testing.T) {
	r := held(t, "50s")
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	r.find(t, r.people, `Ending: 1 request is under way, and is waited for at most 50s. A second Ctrl-C \(or SIGTERM\) ends at once.\n`)
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	<-r.ended
	assert.Contains(t, r.people.String(), "Ending at once, as it was told a second time.\n")
	assert.Equal(t, 1, r.cmd.ProcessState.ExitCode())
}

func TestARequestThatIsCutIsSaid(t *testing.T) {
	r := held(t, "0s")
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	r.find(t, r.people, `Ending: 1 request is under way, and is cut, since timeouts.shutdown is 0s.\n`)
	<-r.ended
}

func TestNothingUnderWayIsSaidToo(t *testing.T) {
	r := start(t, t.TempDir(), nil, "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
	assert.Contains(t, r.people.String(), "Ending: no request is under way.\n")
}

func TestAWordThatIsNoCommandIsNamed(t *testing.T) {
	for says, args := range map[string][]string{
		`gateway: "bogus" is no command`:               {"bogus", "-x"},
		`gateway: "more" is one word too many`:         {"version", "more"},
		`gateway: "check" takes the name of one file`:  {"check"},
		`gateway: "gateway.yaml" is one word too many`: {"serve", "gateway.yaml"},
		`gateway: "b.yaml" is one word too many`:       {"check", "a.yaml", "b.yaml"},
	} {
		_, stderr, code := run(t, t.TempDir(), nil, args...)
		assert.Equal(t, 2, code, stderr)
		assert.True(t, strings.HasPrefix(stderr, says), "%v: %s", args, stderr)
		assert.Contains(t, stderr, "gateway check file.yaml")
	}
}

// status is that of a question to the admin API.
func (r *running) status(t *testing.T, base, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/admin/v1/accounts", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	status, _ := do(t, req)
	return status
}

// The first token can be lost with the terminal that it was written to.
func TestALostAdminTokenIsReplaced(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := run(t, dir, nil, "token")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "there are no books")
	assert.NoDirExists(t, filepath.Join(dir, "gateway-data"))

	r := start(t, dir, nil, "-listen", "127.0.0.1:0")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	lost := r.find(t, r.people, `admin token, which is shown this once: (\S+)`)[1]
	assert.Contains(t, r.people.String(), "`gateway token` makes another")
	stdout, stderr, code := run(t, dir, nil, "token")
	require.Zero(t, code, stderr)
	token := strings.TrimSpace(stdout)
	assert.Contains(t, stderr, "until it is started again")
	assert.Equal(t, http.StatusOK, r.status(t, base, lost), "while it runs")
	r.terminate(t)

	r = start(t, dir, nil, "-listen", "127.0.0.1:0")
	base = r.find(t, r.people, `serves at (\S+),`)[1]
	assert.Equal(t, http.StatusOK, r.status(t, base, token))
	assert.Equal(t, http.StatusUnauthorized, r.status(t, base, lost))
	r.terminate(t)

	_, stderr, code = run(t, dir, []string{"GATEWAY_ADMIN_TOKEN=0123456789abcdef"}, "token")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "change admin_token or GATEWAY_ADMIN_TOKEN")
}

// A key that nothing was encrypted under would only be mistaken for the right one.
func TestNoMasterKeyStaysThatOpenedNothing(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "gateway-data", "master.key")
	write(t, dir, "listen: 127.0.0.1:0\ndatabase: other.db\n")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "other.db"), 0o700)) // no file
	_, stderr, code := run(t, dir, nil, "-config", "gateway.yaml")
	require.Equal(t, 1, code)
	assert.NotContains(t, stderr, "master key was made")
	assert.NoFileExists(t, key)

	require.NoError(t, os.Remove(filepath.Join(dir, "other.db")))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	r.find(t, r.people, `A master key was made: gateway-data/master.key`)
	r.find(t, r.people, `serves at`)
	r.terminate(t)
	require.FileExists(t, key)

	require.NoError(t, os.Rename(key, filepath.Join(dir, "kept"))) // lost: another is of no use
	_, stderr, code = run(t, dir, nil, "-config", "gateway.yaml")
	require.Equal(t, 1, code)
	assert.Contains(t, stderr, "encrypted under another master key")
	assert.NoFileExists(t, key)
	require.NoError(t, os.Rename(filepath.Join(dir, "kept"), key))
	r = start(t, dir, nil, "-config", "gateway.yaml")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
}

// post adds an account by the admin API.
func (r *running) post(t *testing.T, base, token, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/admin/v1/accounts", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	status, _ := do(t, req)
	return status
}

const adminToken = "0123456789abcdef"

func TestTheMasterKeyIsRotated(t *testing.T) {
	dir, env := t.TempDir(), []string{"GATEWAY_ADMIN_TOKEN=" + adminToken}
	key, next := filepath.Join(dir, "gateway-data", "master.key"), filepath.Join(dir, "gateway-data", "master.key.new")
	_, stderr, code := run(t, dir, env, "rotate-key")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "there are no books")

	r := start(t, dir, env, "-listen", "127.0.0.1:0")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	require.Equal(t, http.StatusCreated, r.post(t, base, adminToken, `{"name":"main","provider":"openai","secret":"sk-1"}`))
	_, stderr, code = run(t, dir, env, "rotate-key")
	assert.Equal(t, 1, code, "while it runs")
	assert.Contains(t, stderr, "another running gateway's")
	r.terminate(t)

	before, err := os.ReadFile(key)
	require.NoError(t, err)
	stdout, stderr, code := run(t, dir, env, "rotate-key")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "All secrets are encrypted under another master key now (accounts that have some: 1)")
	after, err := os.ReadFile(key)
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	assert.NoFileExists(t, next)
	kept, err := filepath.Glob(key + ".until-*")
	require.NoError(t, err)
	require.Len(t, kept, 1, "for backups")
	old, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	assert.Equal(t, before, old)

	// As if it had been interrupted before the key's file was replaced.
	require.NoError(t, os.Rename(key, next))
	require.NoError(t, os.WriteFile(key, before, 0o600))
	require.NoError(t, os.Remove(kept[0]))
	_, stderr, code = run(t, dir, env, "-listen", "127.0.0.1:0")
	require.Equal(t, 1, code)
	assert.Contains(t, stderr, "run `gateway rotate-key` again", "which finishes it")
	stdout, stderr, code = run(t, dir, env, "rotate-key")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "are encrypted under the other master key already")
	now, err := os.ReadFile(key)
	require.NoError(t, err)
	assert.Equal(t, after, now)

	r = start(t, dir, env, "-listen", "127.0.0.1:0")
	base = r.find(t, r.people, `serves at (\S+),`)[1]
	assert.Equal(t, http.StatusOK, r.status(t, base, adminToken))
	assert.NotContains(t, r.log.String(), "left out")
	r.terminate(t)
}

func TestAMasterKeyOfTheEnvironmentIsRotated(t *testing.T) {
	dir := t.TempDir()
	env := func(key string) []string { return []string{"GATEWAY_MASTER_KEY=" + strings.Repeat(key, 32)} }
	r := start(t, dir, env("ab"), "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
	_, stderr, code := run(t, dir, env("ab"), "rotate-key")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "set GATEWAY_NEW_MASTER_KEY")
	for _, want := range []string{"are encrypted under another", "are encrypted under the other master key already"} {
		stdout, stderr, code := run(t, dir, append(env("ab"), "GATEWAY_NEW_MASTER_KEY="+strings.Repeat("cd", 32)), "rotate-key")
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, want)
	}
	_, stderr, code = run(t, dir, env("ab"), "-listen", "127.0.0.1:0")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "another master key")
	r = start(t, dir, env("cd"), "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
}

// Whoever is told that the key is another one now may publish the one before.
func TestAMasterKeyIsNotReplacedByItself(t *testing.T) {
	dir, same := t.TempDir(), strings.Repeat("ab", 32)
	env := []string{"GATEWAY_MASTER_KEY=" + same, "GATEWAY_NEW_MASTER_KEY=" + strings.ToUpper(same)}
	r := start(t, dir, env, "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
	stdout, stderr, code := run(t, dir, env, "rotate-key")
	assert.Equal(t, 1, code, stdout)
	assert.Contains(t, stderr, "GATEWAY_NEW_MASTER_KEY is the master key that there is")
	assert.NotContains(t, stderr, same)
}

// The key to come may stand where the key that there is stands.
func TestTheMasterKeyToComeMayStandInDotEnv(t *testing.T) {
	dir := t.TempDir()
	dotEnv := "GATEWAY_MASTER_KEY=" + strings.Repeat("ab", 32) + "\nGATEWAY_NEW_MASTER_KEY=" + strings.Repeat("cd", 32) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(dotEnv), 0o600))
	r := start(t, dir, nil, "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at`)
	r.terminate(t)
	stdout, stderr, code := run(t, dir, nil, "rotate-key")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "are encrypted under another")
}

// What only the gateway itself finds wrong is told by its line, too.
func TestAnAccountThatWouldBeLeftOutIsToldByItsLine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "listen: 127.0.0.1:0\naccounts:\n  - {name: fine, provider: openai, secret: k}\n  - name: metadata\n    provider: openai\n    secret: k\n    base_url: http://2852039166/v1\n")
	_, stderr, code := run(t, dir, nil, "check", "gateway.yaml")
	assert.Equal(t, 1, code)
	assert.Equal(t, "gateway.yaml:7: accounts[1].base_url: the address \"2852039166\" is link-local, or one of a cloud's metadata: use another, or allow such addresses by allow_link_local\n", stderr)
}
