package provider_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/provider"
)

// FuzzMeterSplit: wherever a body is split, and whenever the meter is asked, it
// says the same about usage, failure, end and content.
func FuzzMeterSplit(f *testing.F) {
	for i, c := range metered(f) {
		f.Add([]byte(c.body), uint16(i*7), uint16(i*31), uint8(i))
		f.Add([]byte(strings.ReplaceAll(c.body, "\n", "\r\n")), uint16(i*13), uint16(i*3), uint8(i+100))
	}
	for i, c := range contentCases {
		if body := strings.Join(c.pieces, ""); len(body) < 8192 {
			f.Add([]byte(body), uint16(len(c.pieces[0])), uint16(1), uint8(i))
		}
	}
	apis := []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini}
	kinds := []provider.OperationKind{provider.OpUnknown, provider.OpImages, provider.OpEmbeddings, provider.OpAudio, provider.OpModeration}
	types := []string{"", "text/event-stream", "application/x-ndjson"}
	f.Fuzz(func(t *testing.T, body []byte, first, second uint16, which uint8) {
		n := int(which)
		api, op := apis[n%3].API, provider.Operation{Kind: kinds[n/3%5]}
		h := headers("Content-Type", types[n/15%3])
		whole, split, bytewise := api.NewMeter(op, h), api.NewMeter(op, h), api.NewMeter(op, h)
		_, _ = whole.Write(body)

		i := int(first) % (len(body) + 1)
		j := i + int(second)%(len(body)-i+1)
		for _, piece := range [][]byte{body[:i], body[i:j], body[j:]} {
			p := bytes.Clone(piece)
			if n, err := split.Write(p); n != len(p) || err != nil {
				t.Fatalf("Write: %d, %v", n, err)
			}
			clear(p)
			split.Usage()
			for k := range piece {
				_, _ = bytewise.Write(piece[k : k+1])
			}
			if hasContent(split) != hasContent(bytewise) {
				t.Fatalf("content: %v, bytewise %v", hasContent(split), hasContent(bytewise))
			}
		}
		for _, other := range []provider.Meter{split, bytewise} {
			agreeingMeters(t, whole, other)
		}
		soundUsage(t, whole.Usage())
	})
}

// agreeingMeters fails if two meters say different things.
func agreeingMeters(t *testing.T, a, b provider.Meter) {
	t.Helper()
	if a, b := a.Usage(), b.Usage(); a != b {
		t.Fatalf("%+v, whole: %+v", b, a)
	}
	va, fa := failure(a)
	vb, fb := failure(b)
	va.Until, vb.Until = time.Time{}, time.Time{} // by the clock
	if va != vb || fa != fb || ended(a) != ended(b) || hasContent(a) != hasContent(b) {
		t.Fatalf("%+v %v %v, whole: %+v %v %v", vb, ended(b), hasContent(b), va, ended(a), hasContent(a))
	}
}

// soundUsage fails if a number is negative or a part larger than its whole.
func soundUsage(t *testing.T, u provider.Usage) {
	t.Helper()
	for _, n := range []int64{
		u.Input, u.CachedInput, u.CacheWrite, u.CacheWrite1h, u.AudioInput, u.ImageInput, u.Output, u.Reasoning, u.AudioOutput,
		u.ImageOutput, u.Images, int64(u.Audio), u.WebSearches,
		u.Input - max(u.CachedInput, u.CacheWrite, u.AudioInput, u.ImageInput), u.CacheWrite - u.CacheWrite1h,
		u.Output - max(u.Reasoning, u.AudioOutput, u.ImageOutput),
	} {
		if n < 0 {
			t.Fatalf("%+v", u)
		}
	}
}

// FuzzMeterBound: whatever is repeated however often, a meter keeps no more
// than its bound of it, and goes on.
func FuzzMeterBound(f *testing.F) {
	f.Add([]byte("data: {\"a\":\""), []byte("x"), []byte("\"}\n\n"), uint8(0))
	f.Add([]byte("data: "), []byte("x\ndata: "), []byte("\n\n"), uint8(1))
	f.Add([]byte("["), []byte(`{"a":[{"usageMetadata":{}}]},`), []byte("]"), uint8(2))
	f.Add([]byte("{"), []byte(`"usage":{"prompt_tokens":9e15},`), []byte("}"), uint8(0))
	f.Add([]byte(": "), []byte(`{`), []byte("\n"), uint8(1))
	f.Add([]byte(""), []byte("{\"usage\":{\"iterations\":[1]}}\n"), []byte(""), uint8(1))
	f.Add([]byte("{\""), []byte("\\"), []byte("\"}"), uint8(2))
	apis := []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini}
	f.Fuzz(func(t *testing.T, head, unit, end []byte, which uint8) {
		if len(unit) == 0 || len(head)+len(unit)+len(end) > 4096 {
			return
		}
		m := apis[int(which)%3].API.NewMeter(provider.Operation{}, http.Header{})
		piece := bytes.Repeat(unit, 1+4096/len(unit))
		for range 2 {
			_, _ = m.Write(head)
			for written := 0; written < 5<<18; written += len(piece) {
				_, _ = m.Write(piece)
			}
			if n := provider.Kept(m); n > 1<<20+64<<10 {
				t.Fatalf("keeps %d bytes", n)
			}
			_, _ = m.Write(end)
			soundUsage(t, m.Usage())
			if n := provider.Kept(m); n > 1<<20+64<<10 {
				t.Fatalf("keeps %d bytes at the end", n)
			}
		}
	})
}

// FuzzModel: on valid bodies Describe finds the model that encoding/json does,
// and Rename changes that and nothing else.
func FuzzModel(f *testing.F) {
	for _, s := range []string{
		`{"model":"a"}`, `{"x":[{"model":"no"}],"model":"\u0061\n","y":"\\\""}`, `{"model":"a","mod\u0065l":"b"}`,
		`{"model":null}`, ` { "model" : "a" , "n" : -1.5E+3 } `, `{"model":"a","model":1}`, `[]`, `{}`, `"model"`, "{\"model\":\"\xff\"}",
	} {
		f.Add([]byte(s), "b")
	}
	f.Fuzz(func(t *testing.T, body []byte, model string) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/v1/chat/completions"}}
		op := provider.OpenAI.API.Describe(r, body)
		if !json.Valid(body) {
			return
		}
		want, ok := modelOf(body)
		if ok && len(want) < 80 && op.Model != want {
			t.Fatalf("%q, encoding/json says %q", op.Model, want)
		}
		if !ok && op.Model != "" {
			t.Fatalf("%q, encoding/json finds none", op.Model)
		}
		before := string(body)
		got, err := op.Rename(r, body, model)
		if string(body) != before {
			t.Fatal("the body was changed")
		}
		if err != nil || model == op.Model {
			if ok && len(want) < 80 && model != "" && err != nil {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%s became %s", body, got)
		}
		if now, _ := modelOf(got); now != strings.ToValidUTF8(model, "\ufffd") && now != jsonText(model) {
			t.Fatalf("%q became %q, not %q", want, now, model)
		}
		if again, err := provider.OpenAI.API.Describe(r, got).Rename(r, got, "\x00"); err == nil {
			third, err := provider.OpenAI.API.Describe(r, body).Rename(r, body, "\x00")
			if err != nil || string(again) != string(third) {
				t.Fatalf("more than the model was changed: %s, %s", again, third)
			}
		}
	})
}

// modelOf reads the model as encoding/json does.
func modelOf(body []byte) (string, bool) {
	var members map[string]json.RawMessage
	var model any
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["model"], &model) != nil {
		return "", false
	}
	s, ok := model.(string)
	return s, ok
}

// jsonText is s after a journey through JSON.
func jsonText(s string) (out string) {
	b, _ := json.Marshal(s)
	_ = json.Unmarshal(b, &out)
	return out
}

// FuzzClassify: no answer is too strange to be judged, and no judgement is out
// of bounds.
func FuzzClassify(f *testing.F) {
	f.Add(429, []byte(openaiBody(row{typ: "tokens", code: "rate_limit_exceeded", text: "try again in 6m0s"})), "9")
	f.Add(400, []byte(geminiBody(row{400, "RESOURCE_EXHAUSTED", "PerDay", "x", 0, 0})), "Tue, 18 Aug 2026 12:01:00 GMT")
	f.Add(200, []byte(`{"error":[]}`), "1e9")
	f.Add(503, []byte("<html>"), "2026-08-18T12:00:07Z")
	f.Fuzz(func(t *testing.T, status int, body []byte, after string) {
		for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
			v := p.API.Classify(provider.Answer{Status: status, Body: body, Header: http.Header{
				"Retry-After": {after}, "X-Ratelimit-Remaining-Tokens": {"0"}, "X-Ratelimit-Reset-Tokens": {after},
				"Anthropic-Ratelimit-Unified-Status": {"rejected"}, "Anthropic-Ratelimit-Unified-Reset": {after},
			}, At: noon})
			if !v.Until.IsZero() && (v.Until.Before(noon) || v.Until.After(noon.AddDate(0, 0, 40))) {
				t.Fatalf("until %v", v.Until)
			}
			if n := len([]rune(v.Message)); n > 300 || len([]rune(v.Code)) > 64 || strings.ContainsAny(v.Message+v.Code, "\n\r\x00\x1b") {
				t.Fatalf("%q %q", v.Code, v.Message)
			}
		}
	})
}

// FuzzStripQuery: what has no key is left as it was.
func FuzzStripQuery(f *testing.F) {
	f.Add("a=1&key=2;b")
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		provider.StripCredentials(r)
		once := r.URL.RawQuery
		provider.StripCredentials(r)
		if r.URL.RawQuery != once {
			t.Fatalf("%q, then %q", once, r.URL.RawQuery)
		}
		values, _ := url.ParseQuery(once)
		for name := range values {
			if n := strings.ToLower(name); n == "key" || n == "access_token" {
				t.Fatalf("%q keeps %q", once, name)
			}
		}
		if kept, _ := url.ParseQuery(query); len(kept) > 0 && len(once) > len(query) {
			t.Fatal("grew")
		}
	})
}
