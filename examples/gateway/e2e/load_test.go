package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// loadCallers is how many send at the same time.
const loadCallers = 32

var loadTime = flag.Duration("load.for", time.Second, "how long each round of the load test lasts")

// loadRounds is how often each front has its turn: the turns alternate, so that what else
// the machine does hits all of them.
const loadRounds = 3

// program starts this test's own program in a role, and returns its address and process.
func program(t *testing.T, role string) (base string, pid int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr, cmd.WaitDelay = os.Stderr, 5*time.Second
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return "http://" + strings.TrimSpace(address), cmd.Process.Pid
}

// measured is what one front did.
type measured struct {
	requests int
	failed   []error
	time     time.Duration
	first    []time.Duration // until the first byte of the body
	most     int             // connections at the provider at the same time
	cpu      time.Duration   // that the front's process has worked, 0: not known here
}

func (m *measured) rate() float64 { return float64(m.requests) / m.time.Seconds() }

// percentile is the time to the first byte that a share of the requests stayed below.
func (m *measured) percentile(share float64) time.Duration {
	slices.Sort(m.first)
	return m.first[min(int(share*float64(len(m.first))), len(m.first)-1)]
}

// work is the processor time of a request, which does not depend, unlike the time that
// passes, on who else is busy.
func (m *measured) work() time.Duration { return m.cpu / time.Duration(max(m.requests, 1)) }

// front is what stands under load, before its provider.
type front struct {
	name, base, provider string
	pid                  int
}

// Requests through the gateway, with keys, quotas and logging on, beside the same
// requests through a bare reverse proxy. The table is for people: the test asserts what
// does not depend on the machine, that every request through the gateway was answered and
// that it never had more connections to the provider than there were callers.
//
//	go test -v -run TestLoad ./examples/gateway/e2e -load.for 10s
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it needs the machine for itself")
	}
	fronts := []front{{name: "reverse proxy"}, {name: "gateway"}}
	for i := range fronts {
		fronts[i].provider, _ = program(t, "provider")
	}
	fronts[0].base, fronts[0].pid = program(t, "reverseproxy "+fronts[0].provider)
	fronts[1].base, fronts[1].pid = loadGateway(t, fronts[1].provider)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REQUESTS\tFRONT\tCALLERS\tREQ/S\tOF THE PROXY'S\tCPU A REQUEST\tMORE\tFIRST BYTE p50\tp99\tADDED AT p99\tCONNECTIONS\tFAILED")
	for _, kind := range []struct {
		name   string
		stream bool
		waits  bool          // the provider thinks for a while, as they do
		pause  time.Duration // between two requests of a caller
	}{
		{name: "json, as fast as they can"},
		{name: "streams, as fast as they can", stream: true},
		{name: "json, of a provider that thinks", waits: true},
		{name: "streams, of a provider that thinks", stream: true, waits: true},
		{name: "json, a few at a time", pause: 100 * time.Millisecond},
		{name: "streams, a few at a time", stream: true, pause: 100 * time.Millisecond},
	} {
		all := make([]measured, len(fronts))
		for range loadRounds {
			for i, f := range fronts {
				before := processorTime(t, f.pid)
				load(t, f, requestBody(kind.stream, kind.waits), kind.pause, &all[i])
				all[i].cpu += processorTime(t, f.pid) - before
				all[i].most = max(all[i].most, peak(t, f.provider))
			}
		}
		gateway := &all[1]
		assert.Empty(t, gateway.failed, "requests through the gateway")
		assert.LessOrEqual(t, gateway.most, loadCallers+1, "connections of the gateway at the provider, with the test's own")
		for i, f := range fronts {
			m := &all[i]
			fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%.0f %%\t%v\t%v\t%v\t%v\t%v\t%d\t%d\n", kind.name, f.name, loadCallers, m.rate(), 100*m.rate()/all[0].rate(),
				m.work().Round(time.Microsecond), (m.work() - all[0].work()).Round(time.Microsecond),
				m.percentile(.5).Round(10*time.Microsecond), m.percentile(.99).Round(10*time.Microsecond),
				(m.percentile(.99) - all[0].percentile(.99)).Round(10*time.Microsecond), m.most, len(m.failed))
		}
	}
	require.NoError(t, w.Flush())
	t.Logf("%d rounds of %v each, in turns\n%s", loadRounds, *loadTime, table.String())
}

// loadGateway is the real program with its real database, logs in files, and a key under
// limits of every kind.
func loadGateway(t *testing.T, provider string) (base string, pid int) {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
listen: 127.0.0.1:0
data_dir: %s
log: {dir: %s}
accounts:
  - {name: one, provider: openai, base_url: "%s/v1", secret: %s, limits: [{unit: in_flight, max: 1000}]}
  - {name: two, provider: openai, base_url: "%s/v1", secret: %s, limits: [{unit: in_flight, max: 1000}]}
keys:
  - name: load
    secret: %s
    requests_per_minute: 1000000000
    in_flight: 1000
    quotas: [{window: 5h, usd: 1000000}, {window: day, usd: 1000000, tokens: 1000000000000}, {window: month, usd: 1000000}]
`, filepath.Join(dir, "data"), filepath.Join(dir, "logs"), provider, upstreamKey, provider, upstreamKey, goodKey)
	g := runGateway(t, config)
	return g.Base, g.cmd.Process.Pid
}

// processorTime is how long the processors have worked for a process, its system calls
// with it. Only Linux tells of a process that goes on; elsewhere it is 0.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	const tick = 10 * time.Millisecond // what Linux shows times in, on every machine that Go runs on
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, after, found := bytes.Cut(text, []byte(") ")) // after the program's name
	fields := strings.Fields(string(after))
	require.True(t, found && len(fields) > 12, "%s", text)
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return time.Duration(user+system) * tick
}

// requestBody is a chat.
func requestBody(stream, waits bool) string {
	body := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("Tell me more. ", 40) + `"}]}`
	if stream {
		body = `{"stream":true,` + body[1:]
	}
	if waits {
		body = `{` + loadThinks + `,` + body[1:]
	}
	return body
}

// load sends requests for loadTime, as many at a time as there are callers.
func load(t *testing.T, f front, body string, pause time.Duration, m *measured) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: loadCallers}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		from = time.Now()
		end  = from.Add(*loadTime)
	)
	for i := range loadCallers {
		wg.Go(func() {
			var first []time.Duration
			if pause > 0 && !rest(ctx, pause*time.Duration(i)/loadCallers) { // spread evenly
				return
			}
			for time.Now().Before(end) {
				d, err := call(ctx, transport, f, body)
				if err != nil {
					mu.Lock()
					m.failed = append(m.failed, err)
					mu.Unlock()
				} else {
					first = append(first, d)
				}
				if pause > 0 && !rest(ctx, pause) {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			m.requests += len(first)
			m.first = append(m.first, first...)
		})
	}
	wg.Wait()
	m.time += time.Since(from)
}

// rest waits, and reports whether the context let it.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// call makes one request and reads its answer to the end.
func call(ctx context.Context, rt http.RoundTripper, f front, body string) (first time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.base+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+goodKey)
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var head [1]byte
	if _, err := io.ReadFull(resp.Body, head[:]); err != nil {
		return 0, err
	}
	first = time.Since(began)
	rest, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Contains(rest, []byte(`"total_tokens":191`))) && !strings.Contains(body, `"stream"`) {
		err = fmt.Errorf("%s: %.200s", resp.Status, rest)
	}
	return first, err
}

// peak is how many connections the provider has had at the same time since it was last asked.
func peak(t *testing.T, provider string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, provider, nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	most, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	return most
}
