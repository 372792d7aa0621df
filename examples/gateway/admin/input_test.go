package admin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// What is no JSON object of known fields is refused, and the field is named.
func TestBodies(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		body, code, field string
		status            int
	}{
		"nothing":            {"", "invalid", "", 400},
		"no JSON":            {"{", "invalid", "", 400},
		"more than one":      {"{}{}", "invalid", "", 400},
		"a list":             {"[]", "invalid", "", 400},
		"null":               {"null", "invalid", "", 400},
		"no UTF-8":           {"{\"name\":\"\xff\"}", "invalid", "", 400},
		"twice":              {`{"name":"a","name":"b"}`, "invalid", "name", 400},
		"another case":       {`{"Name":"a"}`, "unknown_field", "Name", 400},
		"unknown":            {`{"name":"a","colour":"red"}`, "unknown_field", "colour", 400},
		"unknown below":      {`{"name":"a","quotas":[{"window":"day","usd":1,"colour":1}]}`, "unknown_field", "quotas[0].colour", 400},
		"read-only":          {`{"name":"a","id":"mine"}`, "unknown_field", "id", 400},
		"another type":       {`{"name":5}`, "invalid", "name", 400},
		"another type below": {`{"name":"a","quotas":[null]}`, "invalid", "quotas[0]", 400},
		"no list":            {`{"name":"a","models":"gpt"}`, "invalid", "models", 400},
		"too long":           {`{"name":"` + strings.Repeat("a", 1<<20) + `"}`, "body_too_large", "", 413},
		"deep":               {strings.Repeat(`[`, 100_000), "invalid", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.send("POST", "/keys", c.body).failed(c.status, c.code, c.field)
		})
	}
	w.t = t
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; =", "multipart/form-data"} {
		w.send("POST", "/keys", `{"name":"a"}`, with("Content-Type", media)).failed(415, "unsupported_media_type", "")
	}
	w.send("POST", "/keys", `{"name":"a"}`, with("Content-Encoding", "gzip")).failed(415, "unsupported_media_type", "")
	assert.Empty(t, w.store.keys)
	assert.Equal(t, 201, w.send("POST", "/keys", `{"name":"a"}`, with("Content-Type", "application/json; charset=utf-8")).Status)
}

// A secret that is sent wrongly does not come back.
func TestErrorsQuoteNoSecret(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"name":"a","provider":"openai","secret":["` + mark + `"]}`,
		`{"name":"a","provider":"openai","secret":"` + mark + `\u0000"}`,
		`{"name":"a","provider":"openai","secret":"x","proxy_url":"http://u:` + mark + `@"}`,
		`{"name":"a","provider":"openai","secret":"x","proxy_url":"` + mark + `"}`,
		`{"name":"a","provider":"openai","secret":"x","proxy_url":"http://u:` + mark + `@h:99999999"}`,
		`{"name":"a","provider":"openai","secret":"x","proxy_url":{"password":"` + mark + `"}}`,
		`{"name":"a","provider":"openai","secret":"x","base_url":"https://u:` + mark + `@h/v1"}`,
		`{"name":"a","provider":"openai","secret":"x","header":{"X-A":"` + mark + `\n"}}`,
		`{"name":"a","provider":"openai","oauth":{"refresh_token":"` + mark + `"}}`,
	} {
		got := w.send("POST", "/accounts", body)
		assert.Equal(t, 400, got.Status, got.Body)
	}
	assert.Empty(t, recorded.leaks())
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodPost, "/admin/v1/keys", io.NopCloser(brokenBody{}))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	assert.Equal(t, 400, rec.Code)
	assert.Empty(t, w.store.keys)
}

// A panic below is a 500, and the next request is served.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	w.store.before = func(string) { panic("a bug") }
	w.send("PATCH", "/accounts/"+id, object{"weight": 1}).failed(500, "internal", "")
	assert.Contains(t, w.logged(), "a bug")
	w.store.before = nil
	w.ok(200, "PATCH", "/accounts/"+id, object{"weight": 1})
}

func TestLongNamesFitTheLog(t *testing.T) {
	w := newWorld(t)
	w.send("DELETE", "/slots/"+strings.Repeat("x", 5000), nil).failed(404, "not_found", "")
	assert.Less(t, len(w.logged()), 1000)
	w.gateway.active = []resource.Active{{ID: "a\nb"}}
	w.ok(204, "DELETE", "/slots/a%0Ab", nil)
}
