package realproxy_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// verdict records how a test within a test ended.
type verdict struct {
	testing.TB
	skipped, failed string
	cleanups        []func()
}

func (v *verdict) Helper()          {}
func (v *verdict) Failed() bool     { return v.failed != "" }
func (v *verdict) Cleanup(f func()) { v.cleanups = append(v.cleanups, f) }
func (v *verdict) Skip(a ...any)    { v.skipped = fmt.Sprint(a...); runtime.Goexit() }
func (v *verdict) Fatal(a ...any)   { v.failed = fmt.Sprint(a...); runtime.Goexit() }
func (v *verdict) Fatalf(f string, a ...any) {
	v.failed = fmt.Sprintf(f, a...)
	runtime.Goexit()
}

// within runs a test within a test.
func within(t *testing.T, f func(testing.TB)) *verdict {
	t.Helper()
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(v)
	}()
	<-done
	for _, f := range v.cleanups {
		f()
	}
	return v
}

func TestMissingProgram(t *testing.T) {
	look := func(tb testing.TB) { realproxy.Lookup(tb, "no-such-program", "its-package") }
	t.Setenv("CI", "")
	if v := within(t, look); !strings.Contains(v.skipped, "apt-get install its-package") || v.failed != "" {
		t.Errorf("skipped %q, failed %q: want a skip that names the package", v.skipped, v.failed)
	}
	t.Setenv("CI", "true")
	if v := within(t, look); !strings.Contains(v.failed, "apt-get install its-package") || v.skipped != "" {
		t.Errorf("skipped %q, failed %q: want a failure that names the package", v.skipped, v.failed)
	}
}

func TestLookupFindsSystemPrograms(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "program-of-this-test")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	if got := realproxy.Lookup(t, "program-of-this-test", "none"); got != path {
		t.Errorf("from PATH: %s, want %s", got, path)
	}
	if _, err := os.Stat("/usr/sbin/squid"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("squid is not installed: %v", err)
		}
		t.Skipf("no program of /usr/sbin to look for: %v", err)
	}
	if got := realproxy.Lookup(t, "squid", "squid"); got != "/usr/sbin/squid" {
		t.Errorf("outside PATH: %s, want /usr/sbin/squid", got)
	}
}

func TestConfigThatCannotWork(t *testing.T) {
	for _, c := range []realproxy.Config{
		{User: "alice"},
		{Password: "p4ssw0rd"},
		{User: "al:ice", Password: "p4ssw0rd"},
		{User: "al\nice", Password: "p4ssw0rd"},
		{User: "#alice", Password: "p4ssw0rd"},
		{User: "alice", Password: "p4ssw0rd\n"},
		{User: "alice", Password: "p4ssw0rd" + strings.Repeat("x", 250)},
	} {
		for _, k := range kinds {
			v := within(t, func(tb testing.TB) { k.start(tb, c) })
			if !strings.Contains(v.failed, "Config.") || strings.Contains(v.failed, "p4ssw0rd") {
				t.Errorf("%s with %v: failed %q, want a failure that names the field and hides the password", k.name, c, v.failed)
			}
		}
	}
	for _, k := range kinds {
		if k.password != "" {
			continue
		}
		v := within(t, func(tb testing.TB) { k.start(tb, realproxy.Config{User: user, Password: "p4ssw0rd"}) })
		if !strings.Contains(v.failed, "knows no passwords") || strings.Contains(v.failed, "p4ssw0rd") {
			t.Errorf("%s: failed %q, want a failure that says so", k.name, v.failed)
		}
	}
	v := within(t, func(tb testing.TB) { realproxy.Tinyproxy(tb, realproxy.Config{User: "alice", Password: "p@ss"}) })
	if !strings.Contains(v.failed, "letters") {
		t.Errorf("tinyproxy: failed %q, want a failure that says which characters are allowed", v.failed)
	}
}

// TestProgramThatDoesNotStart puts a program in tinyproxy's place that ends at
// once: the test must fail early, with what the program said.
func TestProgramThatDoesNotStart(t *testing.T) {
	folder := t.TempDir()
	script := "#!/bin/sh\necho the port is taken >&2\nexit 3\n"
	if err := os.WriteFile(filepath.Join(folder, "tinyproxy"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	began := time.Now()
	v := within(t, func(tb testing.TB) { realproxy.Tinyproxy(tb, realproxy.Config{}) })
	if n := strings.Count(v.failed, "the port is taken"); n < 2 || !strings.Contains(v.failed, "exit status 3") {
		t.Errorf("failed %q: want several tries, each with its output and exit status", v.failed)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to see that the program had ended", took)
	}
}

func TestWaitLogGivesUp(t *testing.T) {
	p := realproxy.Tinyproxy(t, realproxy.Config{})
	p.WaitLog(t, "Accepting connections")
	p.Stop()
	v := within(t, func(tb testing.TB) { p.WaitLog(tb, "no such line") })
	if !strings.Contains(v.failed, "no such line") || !strings.Contains(v.failed, "Accepting connections") {
		t.Errorf("failed %q: want what was looked for, and the log", v.failed)
	}
}

func TestLogIsBounded(t *testing.T) {
	p := realproxy.Tinyproxy(t, realproxy.Config{})
	to := upstream(t, false)
	through := client(t, p.URL(), to)
	through.Transport.(*http.Transport).DisableKeepAlives = true // see Tinyproxy
	for i := range 400 {
		if status, _, err := post(through, fmt.Sprintf("%s/%s/%d", to.URL, strings.Repeat("x", 300), i)); err != nil || status != 200 {
			t.Fatal(status, err)
		}
	}
	p.WaitLog(t, "x/399")
	if n := len(p.Log()); n > 64<<10 || n < 32<<10 {
		t.Errorf("the log has %d bytes, want at most 64 KiB, and no less than half of it", n)
	}
	if strings.Contains(p.Log(), "x/0 ") {
		t.Error("the log still has its first line")
	}
}
