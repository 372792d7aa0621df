package providertest_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/aitransport/aitransport/provider/providertest"
)

func statuses(f *providertest.Fake) []int {
	var out []int
	for _, h := range f.Hits() {
		out = append(out, h.Status)
	}
	return out
}

func raw(code int) providertest.Step { return providertest.Status(code, nil, "") }

func TestScriptOrder(t *testing.T) {
	cases := []struct {
		name   string
		script func(*providertest.Fake)
		keys   []string
		want   []int
	}{
		{"in order, then normal", func(f *providertest.Fake) { f.Script(raw(501), providertest.OK()); f.Script(raw(502)) },
			[]string{"a", "b", "a", "a"}, []int{501, 200, 502, 200}},
		{"a key's own first", func(f *providertest.Fake) { f.Script(raw(501)); f.ScriptFor("b", raw(502), raw(503)) },
			[]string{"b", "a", "b", "b", "a"}, []int{502, 501, 503, 200, 200}},
		{"always, after the scripts", func(f *providertest.Fake) { f.Always(raw(501)); f.Script(raw(502)) },
			[]string{"a", "a", "b"}, []int{502, 501, 501}},
		{"always for a key", func(f *providertest.Fake) { f.AlwaysFor("a", raw(503)); f.ScriptFor("a", raw(502)) },
			[]string{"a", "a", "a", "b"}, []int{502, 503, 503, 200}},
		{"a key that is spared", func(f *providertest.Fake) { f.Always(raw(501)); f.AlwaysFor("a", providertest.OK()) },
			[]string{"a", "b"}, []int{200, 501}},
		{"back to normal", func(f *providertest.Fake) {
			f.Always(raw(501))
			f.AlwaysFor("a", raw(502))
			f.Always(providertest.Step{})
			f.AlwaysFor("a", providertest.Step{})
		}, []string{"a", "b"}, []int{200, 200}},
		{"the zero step is a normal answer", func(f *providertest.Fake) { f.Always(raw(501)); f.Script(providertest.Step{}) },
			[]string{"a", "a"}, []int{200, 501}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := providertest.OpenAI(providertest.Config{})
			c.script(f)
			call := serve(t, f)
			for _, key := range c.keys {
				call(asked{path: "/v1/chat/completions", key: key, body: chatBody})
			}
			if got := statuses(f); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRefusedCallsTakeNoStep(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Keys: []string{"good"}, Script: []providertest.Step{raw(502)}})
	call := serve(t, f)
	for _, key := range []string{"", "bad", "good", "good"} {
		call(asked{path: "/v1/chat/completions", key: key, body: chatBody})
	}
	if got := statuses(f); !slices.Equal(got, []int{401, 401, 502, 200}) {
		t.Error(got)
	}
}

func TestScriptsReachUnknownPaths(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Script: []providertest.Step{providertest.ServerError(), providertest.Status(201, nil, "made"), providertest.CutStream(0)}})
	call := serve(t, f)
	for range 3 {
		call(asked{path: "/v1/other", key: "k", body: "not JSON"})
	}
	if got := statuses(f); !slices.Equal(got, []int{500, 201, 404}) {
		t.Error(got)
	}
}

func TestConfigIsCopied(t *testing.T) {
	c := providertest.Config{Keys: []string{"k"}, Models: []string{"m1"}, Script: []providertest.Step{raw(502)}}
	f := providertest.OpenAI(c)
	c.Keys[0], c.Models[0], c.Script[0] = "x", "x", raw(503)
	header := http.Header{"X-Mark": {"one"}}
	f.Script(providertest.Status(504, header, "late"))
	header.Set("X-Mark", "two")
	call := serve(t, f)
	call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	r := call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	if r.status != 504 || r.body != "late" || r.header.Get("X-Mark") != "one" {
		t.Error(r)
	}
	call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	if got := statuses(f); !slices.Equal(got, []int{502, 504, 200}) {
		t.Error(got)
	}
}

// Every step of a script is taken by exactly one of many calls at the same
// time, and each hit has the status of its own step.
func TestConcurrentCalls(t *testing.T) {
	const calls = 60
	f := providertest.OpenAI(providertest.Config{})
	for i := range calls {
		f.Script(raw(500 + i%50))
	}
	call := serve(t, f)
	var group sync.WaitGroup
	for i := range calls {
		group.Go(func() {
			call(asked{path: "/v1/chat/completions", key: fmt.Sprint("key-", i%3), body: chatStream})
			f.Hits()
		})
	}
	group.Wait()
	for i, h := range f.Hits() {
		if h.Status != 500+i%50 {
			t.Errorf("hit %d has status %d", i, h.Status)
		}
	}
	if f.Count() != calls || f.CountFor("key-1") != calls/3 {
		t.Error(f.Count(), f.CountFor("key-1"))
	}
}
