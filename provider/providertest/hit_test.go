package providertest_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider/providertest"
)

func TestHit(t *testing.T) {
	f := providertest.Gemini(providertest.Config{})
	call := serve(t, f)
	seen := http.Header{
		"Authorization": {"Bearer a"}, "X-Api-Key": {"b"}, "Api-Key": {"c"}, "X-Goog-Api-Key": {"d"},
		"Proxy-Authorization": {"Basic e"}, "Cookie": {"f=g"}, "Openai-Organization": {"h"}, "Openai-Project": {"i"},
	}
	header := seen.Clone()
	header.Set("X-Other", "j")
	call(asked{path: streamPath + "?alt=sse&key=k&access_token=l", header: header, body: contentBody})
	h := f.Hits()[0]
	if h.Method != http.MethodPost || h.Path != streamPath || h.RawQuery != "alt=sse&key=k&access_token=l" || h.Model != "m1" ||
		!h.Stream || h.Key != "d" || h.Status != 200 || string(h.Body) != contentBody || h.ContentLength != int64(len(contentBody)) ||
		!strings.HasPrefix(h.Host, "127.0.0.1:") || h.Header.Get("X-Other") != "j" {
		t.Errorf("%+v", h)
	}
	seen["query:key"], seen["query:access_token"] = []string{"k"}, []string{"l"}
	if !maps.EqualFunc(h.Credentials, seen, slices.Equal) || h.Credentials.Get("query:key") != "k" {
		t.Error(h.Credentials)
	}
	h.Body[0], h.Header["X-Other"][0], h.Credentials["Cookie"][0] = 'x', "x", "x"
	if again := f.Hits()[0]; string(again.Body) != contentBody || again.Header.Get("X-Other") != "j" || again.Credentials.Get("Cookie") != "f=g" {
		t.Error("a hit is not the caller's own:", again)
	}
}

func TestHitOfForm(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	call := serve(t, f)
	body, header := form(t, []string{"file"}, "stream", "true", "prompt", strings.Repeat("x", 5000), "model", "m1")
	call(asked{path: "/v1/audio/transcriptions", key: "k", body: body, header: header})
	h := f.Hits()[0]
	assert.Equal(t, "audio.transcriptions", h.Operation)
	assert.Equal(t, "m1", h.Model)
	assert.True(t, h.Stream)
	assert.Len(t, h.Fields, 3, "a file is no field")
	assert.Len(t, h.Fields.Get("prompt"), 4096)
	h.Fields.Set("model", "x")
	assert.Equal(t, "m1", f.Hits()[0].Fields.Get("model"))
	many := make([]string, 2*100)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	body, header = form(t, nil, many...)
	call(asked{path: "/v1/files", key: "k", body: body, header: header})
	assert.Len(t, f.Hits()[1].Fields, 64)
	call(asked{path: "/v1/elsewhere", key: "k", body: chatBody})
	assert.Empty(t, f.Hits()[2].Operation)
	assert.Nil(t, f.Hits()[2].Fields)
}

func TestHitsOfRefusedCalls(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Keys: []string{"good"}})
	call := serve(t, f)
	call(asked{path: "/v1/other", key: "bad", body: chatStream})
	h := f.Hits()[0]
	if h.Key != "bad" || h.Model != "m1" || !h.Stream || h.Status != 401 || f.CountFor("bad") != 1 || f.CountFor("good") != 0 {
		t.Errorf("%+v", h)
	}
}

func TestHitsAreBounded(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	f.Always(raw(204))
	const calls = 4096 + 10
	for i := range calls {
		r := httptest.NewRequest(http.MethodPost, "/v1/files", nil)
		r.Header.Set("Authorization", "Bearer "+strconv.Itoa(i))
		f.ServeHTTP(httptest.NewRecorder(), r)
	}
	hits := f.Hits()
	if len(hits) != 4096 || hits[0].Key != "10" || hits[4095].Key != strconv.Itoa(calls-1) || f.Count() != calls {
		t.Error(len(hits), hits[0].Key, hits[len(hits)-1].Key, f.Count())
	}
	if f.CountFor("0") != 1 || f.CountFor(strconv.Itoa(calls-1)) != 0 {
		t.Error(f.CountFor("0"), f.CountFor(strconv.Itoa(calls-1)))
	}
}

func TestBodiesAreBounded(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	call := serve(t, f)
	body := `{"model":"m1","input":"` + strings.Repeat("x", 1<<20) + `"}`
	if r := call(asked{path: "/v1/responses", key: "k", body: body}); r.status != 200 {
		t.Fatal(r.status)
	}
	if h := f.Hits()[0]; len(h.Body) != 64<<10 || h.Model != "m1" || h.ContentLength != int64(len(body)) {
		t.Error(len(h.Body), h.Model, h.ContentLength)
	}
}

func TestEndlessBody(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB, which takes seconds with the race detector")
	}
	f := providertest.OpenAI(providertest.Config{})
	r := httptest.NewRequest(http.MethodPost, "/v1/responses", io.LimitReader(spaces{}, 1<<40))
	r.Header.Set("Authorization", "Bearer k")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if h := f.Hits()[0]; h.Status != 413 || w.Code != 413 || h.ContentLength != -1 {
		t.Error("a body without an end is answered", h.Status, w.Code, h.ContentLength)
	}
}

// spaces is a body without an end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) { return copy(b, manySpaces), nil }

var manySpaces = strings.Repeat(" ", 1<<20)
