package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// gateway is where the program is, built once.
var gateway string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gateway-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	gateway = filepath.Join(dir, "gateway")
	if out, err := exec.Command("go", "build", "-o", gateway, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	m.Run()
}

// output is what a program writes, for reading while it does.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // has a value when something was written
}

func newOutput() *output { return &output{more: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// running is a gateway that was started.
type running struct {
	cmd            *exec.Cmd
	people, log    *output
	ended          chan struct{}
	endedWithError error
}

// start starts the program in a folder, with no variables of the environment but those.
func start(t *testing.T, dir string, env []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	r := &running{cmd: exec.CommandContext(ctx, gateway, args...), people: newOutput(), log: newOutput(), ended: make(chan struct{})}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r.log, r.people
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}, env...)
	require.NoError(t, r.cmd.Start())
	go func() {
		r.endedWithError = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// find waits until what is written matches.
func (r *running) find(t *testing.T, o *output, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m
		}
		select {
		case <-o.more:
		case <-r.ended:
			if m := re.FindStringSubmatch(o.String()); m != nil {
				return m
			}
			require.Fail(t, "the gateway ended", "%v\n%s\n%s", r.endedWithError, r.people, r.log)
		}
	}
}

// terminate ends it as an operator does.
func (r *running) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	<-r.ended
	require.NoError(t, r.endedWithError, "%s\n%s", r.people, r.log)
}

// run runs the program to its end.
func run(t *testing.T, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	r := start(t, dir, env, args...)
	<-r.ended
	return r.log.String(), r.people.String(), r.cmd.ProcessState.ExitCode()
}

var curl = regexp.MustCompile(`curl (\S+) -H '([^']*)' -H '([^']*)' -d '([^']*)'`)

// send sends what a curl line would.
func send(t *testing.T, line string) (status int, body string) {
	t.Helper()
	m := curl.FindStringSubmatch(line)
	require.NotNil(t, m, line)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m[1], strings.NewReader(m[4]))
	require.NoError(t, err)
	for _, field := range m[2:4] {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Set(name, value)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestDemoAnswersAndTheLogShowsTheFailover(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil, "-demo", "-listen", "127.0.0.1:0")
	line := r.find(t, r.people, `curl .*`)[0]
	status, body := send(t, line)
	require.Equal(t, http.StatusOK, status, "%s\n%s", body, r.log)
	assert.Contains(t, body, "Hello from a fake OpenAI")
	assert.NotContains(t, r.people.String(), "gateway token", "which is of no use to a database that ends with the demo")
	r.find(t, r.log, `"msg":"Request"`) // the last line about it: what the log has comes by a pipe

	var failed []string
	for _, m := range regexp.MustCompile(`(?m)^.*"msg":"Attempt failed".*$`).FindAllString(r.log.String(), -1) {
		var record struct{ Account, Class string }
		require.NoError(t, json.Unmarshal([]byte(m), &record))
		failed = append(failed, record.Account+" "+record.Class)
	}
	assert.Equal(t, []string{"openai-1 proxy failed", "openai-2 rate limited"}, failed)
	assert.NotContains(t, r.log.String(), "demo-password")
	assert.NotContains(t, r.log.String(), "sk-demo")
	assert.NotContains(t, r.log.String(), "gw-demo-", "nor the key")

	r.terminate(t)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "it leaves nothing behind")
}

func TestATakenPortIsToldBeforeAFolderIsMade(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	dir := t.TempDir()
	_, stderr, code := run(t, dir, nil, "-listen", taken.Addr().String())
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "is taken by another program")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFirstStartTellsItsSecretsOnce(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil, "-listen", "127.0.0.1:0")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	key := r.find(t, r.people, `API key, which is shown this once: (gw-\S+)`)[1]
	token := r.find(t, r.people, `admin token, which is shown this once: (\S+)`)[1]
	assert.Contains(t, r.people.String(), "A master key was made: gateway-data/master.key")
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/v1/models": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		status, body := do(t, req)
		assert.Equal(t, want, status, "%s: %s", path, body)
	}
	r.terminate(t)

	again := start(t, dir, nil, "-listen", "127.0.0.1:0")
	again.find(t, again.people, `serves at (\S+),`)
	assert.NotContains(t, again.people.String(), "shown this once")
	again.terminate(t)

	kept := filepath.Join(dir, "gateway-data")
	require.NoError(t, filepath.WalkDir(kept, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		assert.NotContains(t, string(text), key, path)
		assert.NotContains(t, string(text), token, path)
		return err
	}))
	out, _, code := run(t, dir, nil, "reconcile")
	assert.Zero(t, code)
	assert.Contains(t, out, "all sums agree")
}

func TestAStreamFinishesWhenTheGatewayEnds(t *testing.T) {
	release := make(chan struct{})
	upstream := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5","choices":[{"index":0,"delta":{"content":"first"}}]}`+"\n\n")
		w.(http.Flusher).Flush()
		<-release
		fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5","choices":[{"index":0,"delta":{"content":"last"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go upstream.Serve(l)
	t.Cleanup(func() { upstream.Close() })

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil,
		"listen: 127.0.0.1:0\naccounts:\n  - {name: a, provider: openai, base_url: http://%s/v1, secret: k}\nkeys:\n  - {name: k, secret: 0123456789abcdef}\n", l.Addr()), 0o600))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer 0123456789abcdef")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	lines := bufio.NewReader(resp.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, "first")

	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	r.find(t, r.log, `"msg":"Ending".*"requests":1`)
	close(release)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Contains(t, string(rest), "last")
	assert.Contains(t, string(rest), "[DONE]")
	<-r.ended
	require.NoError(t, r.endedWithError, "%s", r.people)

	out, _, code := run(t, dir, nil, "reconcile", "-config", "gateway.yaml")
	assert.Zero(t, code)
	assert.Contains(t, out, "1 requests (1 in the log", "its record was written before the end")
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0") // which never answers
	require.NoError(t, err)
	t.Cleanup(func() { upstream.Close() })
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil,
		"listen: 127.0.0.1:0\ntimeouts: {shutdown: 1h}\naccounts:\n  - {name: a, provider: openai, base_url: http://%s/v1, secret: k}\nkeys:\n  - {name: k, secret: 0123456789abcdef}\n", upstream.Addr()), 0o600))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	accepted := make(chan struct{})
	go func() {
		c, err := upstream.Accept()
		if err == nil {
			t.Cleanup(func() { c.Close() })
			close(accepted)
		}
	}()
	go func() {
		req, _ := http.NewRequest(http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		req.Header.Set("Authorization", "Bearer 0123456789abcdef")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	<-accepted
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	r.find(t, r.log, `"msg":"Ending"`)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGTERM))
	<-r.ended
	assert.Equal(t, 1, r.cmd.ProcessState.ExitCode(), "and not because the test's time was over")
}

func TestWhatIsWrongIsOneLineThatSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	closed, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	t.Cleanup(func() { closed.Close() })
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("postgres.yaml", "listen: 127.0.0.1:0\ndatabase: postgres://u:hidden@"+closed.Addr()+"/x")
	write("mysql.yaml", "listen: 127.0.0.1:0\ndatabase: mysql://u:hidden@"+closed.Addr()+"/x")
	write("redis.yaml", "listen: 127.0.0.1:0\nredis: redis://u:hidden@"+closed.Addr())
	write("wrong.yaml", "listen: here")
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"taken port", []string{"-listen", taken.Addr().String()}, "is taken by another program"},
		{"address without a port", []string{"-listen", "8080"}, "write host:port"},
		{"port too high", []string{"-listen", ":99999"}, "write host:port"},
		{"address of another machine", []string{"-listen", "192.0.2.1:80"}, "name an address of this machine"},
		{"data folder", []string{"-data", "file/data", "-listen", "127.0.0.1:0"}, "cannot be written to"},
		{"PostgreSQL", []string{"-config", "postgres.yaml"}, "cannot reach the PostgreSQL database"},
		{"MySQL", []string{"-config", "mysql.yaml"}, "cannot reach the MySQL database"},
		{"Redis", []string{"-config", "redis.yaml"}, "cannot reach Redis"},
		{"configuration", []string{"-config", "wrong.yaml"}, "wrong.yaml:1: listen: "},
		{"no configuration", []string{"-config", "nowhere.yaml"}, "gateway example"},
		{"demo with a configuration", []string{"-demo", "-config", "wrong.yaml"}, "leave out -config"},
		{"no books", []string{"reconcile", "-data", "nowhere"}, "no books"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, stderr, code := run(t, dir, []string{"GATEWAY_MASTER_KEY=" + strings.Repeat("ab", 32)}, c.args...)
			assert.Equal(t, 1, code, "%s", stderr)
			assert.Contains(t, stderr, c.says)
			assert.Equal(t, 1, strings.Count(stderr, "\n"), "%s", stderr)
			assert.NotContains(t, stderr, "hidden")
		})
	}
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	example, _, code := run(t, dir, nil, "example")
	require.Zero(t, code)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(example), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "full.yaml"), []byte(regexp.MustCompile(`(?m)^(\s*)#([^ \n].*)$`).ReplaceAllString(example, "$1$2")), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("listne: x\nmax_attempts: 0\nredis: ${NONE}\n"), 0o600))
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"check the example", []string{"check", "gateway.yaml"}, 0, "gateway.yaml is right"},
		{"check all fields", []string{"check", "full.yaml"}, 0, "with 2 accounts and 1 keys"},
		{"check a bad one", []string{"check", "bad.yaml"}, 1, "bad.yaml:3: redis: "},
		{"check nothing", []string{"check"}, 2, "gateway check file.yaml"},
		{"version", []string{"version"}, 0, "gateway "},
		{"help", []string{"-h"}, 0, "gateway reconcile"},
		{"unknown command", []string{"sevre"}, 2, "gateway check file.yaml"},
		{"unknown flag", []string{"-port", "80"}, 2, "-listen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := run(t, dir, nil, c.args...)
			assert.Equal(t, c.code, code, "%s%s", stdout, stderr)
			assert.Contains(t, stdout+stderr, c.says)
		})
	}
	_, stderr, _ := run(t, dir, nil, "check", "bad.yaml")
	assert.Equal(t, 3, strings.Count(stderr, "\n"), "every problem at once: %s", stderr)
	assert.Contains(t, stderr, "did you mean listen?")
}

func TestHeadersAreAsLargeAsTheConfigurationSays(t *testing.T) {
	for limit, statuses := range map[string]map[int]int{ // bytes of a header: the status
		"4KiB":   {3 << 10: 200, 6 << 10: 431},
		"64KiB":  {60 << 10: 200, 100 << 10: 431},
		"256KiB": {200 << 10: 200, 300 << 10: 431},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte("listen: 127.0.0.1:0\nlimits: {header: "+limit+"}\nkeys: [{name: k, secret: 0123456789abcdef}]\n"), 0o600))
		r := start(t, dir, nil, "-config", "gateway.yaml")
		base := r.find(t, r.people, `serves at (\S+),`)[1]
		for size, want := range statuses {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/models", http.NoBody)
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer 0123456789abcdef")
			req.Header.Set("X-Large", strings.Repeat("x", size))
			status, body := do(t, req)
			assert.Equal(t, want, status, "%d bytes, of %s", size, limit)
			if want == 431 {
				assert.Contains(t, body, `"header_too_large"`, "in the client's dialect")
			}
		}
		r.terminate(t)
	}
}

func TestAClientThatDoesNotReadIsGoneAfterTheConfiguredTime(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		event := []byte("data: " + strings.Repeat("x", 64<<10) + "\n\n")
		for {
			if _, err := w.Write(event); err != nil {
				return
			}
		}
	}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil,
		"listen: 127.0.0.1:0\ntimeouts: {write: 500ms}\naccounts:\n  - {name: a, provider: openai, base_url: %s/v1, secret: k}\nkeys:\n  - {name: k, secret: 0123456789abcdef}\n", upstream.URL), 0o600))
	r := start(t, dir, nil, "-config", "gateway.yaml")
	base := r.find(t, r.people, `serves at (\S+),`)[1]
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	defer c.Close()
	body := `{"model":"gpt-5","stream":true,"messages":[]}`
	_, err = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, err)
	r.find(t, r.log, `"msg":"Request".*"status":499`)
	r.terminate(t)
}

func TestADataFolderIsOfOneGateway(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, nil, "-listen", "127.0.0.1:0")
	r.find(t, r.people, `serves at (\S+),`)
	_, stderr, code := run(t, dir, nil, "-listen", "127.0.0.1:0")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "another running gateway's")
	assert.Equal(t, 1, strings.Count(stderr, "\n"), "%s", stderr)
	out, _, code := run(t, dir, nil, "reconcile")
	assert.Zero(t, code, "which may run beside it: %s", out)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.ended
	again := start(t, dir, nil, "-listen", "127.0.0.1:0")
	again.find(t, again.people, `serves at (\S+),`)
	again.terminate(t)
}
