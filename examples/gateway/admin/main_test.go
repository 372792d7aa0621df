package admin_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/examples/gateway/admin"
)

// mark stands in every secret of these tests.
const mark = "s3cr3t"

// record is what went out during the whole run: answers and log lines.
type record struct {
	mu      sync.Mutex
	texts   []string
	secrets []string        // of keys, as they were told once
	served  map[string]bool // operations that answered 2xx
}

var recorded = record{served: make(map[string]bool)}

// Write takes a line of a log.
func (r *record) Write(line []byte) (int, error) {
	r.add(string(line))
	return len(line), nil
}

func (r *record) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// leaks are the texts with a secret in them.
func (r *record) leaks() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, text := range r.texts {
		if strings.Contains(text, mark) || slices.ContainsFunc(r.secrets, func(s string) bool { return strings.Contains(text, s) }) {
			found = append(found, text)
		}
	}
	return found
}

// missing are the operations that no test has had served.
func (r *record) missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Sorted(maps.Values(admin.Routes()))
	return slices.DeleteFunc(all, func(name string) bool { return r.served[name] })
}

func TestMain(m *testing.M) {
	code := m.Run()
	fail := func(format string, args ...any) {
		code = 1
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
	if err := goleak.Find(); err != nil {
		fail("%v", err)
	}
	for _, text := range recorded.leaks() {
		fail("a secret got out: %s", text)
	}
	if len(recorded.texts) == 0 && code == 0 && !listing() {
		fail("nothing was recorded")
	}
	if missing := recorded.missing(); len(missing) > 0 && whole() {
		fail("no test had these served: %v", missing)
	}
	os.Exit(code) //nolint:forbidigo // the run as a whole is tested too
}

// whole tells whether all tests were to run.
func whole() bool {
	return !slices.ContainsFunc(os.Args[1:], func(arg string) bool {
		return strings.HasPrefix(arg, "-test.run=") || strings.HasPrefix(arg, "-test.skip=") || strings.HasPrefix(arg, "-test.list=") || strings.HasPrefix(arg, "-test.fuzz")
	})
}

func listing() bool { return !whole() }
