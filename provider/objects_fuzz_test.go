package provider_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/aitransport/aitransport/provider"
)

// FuzzObjects: what a walk with encoding/json finds in a valid body, Describe finds
// too, and it finds nothing that is no string of the body.
func FuzzObjects(f *testing.F) {
	for _, s := range []string{
		`{"input":[{"content":[{"file_id":"a"},{"x":{"file_id" : "b"}}]}],"previous_response_id":"c"}`,
		`{"tools":[{"vector_store_ids":["a"],"container":{"file_ids":["b"]}}],"conversation":{"id":"d"},"prompt":{"id":"e"}}`,
		`{"messages":[{"input":{"file_id":"no"}}],"file_id":null,"file_ids":["a",1]}`,
		`{"a":["file_id",{"file_id":"a"},"]",-1.5e+30,[[]]],"container":"b","x":"}","y":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/v1/responses"}}
		got := provider.OpenAI.API.Describe(r, body).Objects
		var whole map[string]any
		if json.Unmarshal(body, &whole) != nil || bytes.IndexByte(body, '\\') >= 0 {
			return
		}
		for _, id := range got {
			if utf8.Valid(body) && !bytes.Contains(body, []byte(`"`+id+`"`)) {
				t.Fatalf("%q stands nowhere", id)
			}
		}
		if len(got) > 16 {
			t.Fatal("too many")
		}
		if len(got) == 16 {
			return
		}
		want := filesIn(whole, 0, nil)
		for _, key := range []string{"previous_response_id", "container", "input_file_id"} {
			if s, ok := whole[key].(string); ok {
				want = append(want, s)
			}
		}
		for _, id := range want {
			if id != "" && len(id) < 80 && !slices.Contains(got, id) {
				t.Fatalf("%q is not in %q", id, got)
			}
		}
	})
}

// filesIn are the files that a value refers to, some levels down.
func filesIn(v any, depth int, found []string) []string {
	if depth > 8 {
		return found
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			found = filesIn(e, depth+1, found)
		}
	case map[string]any:
		for key, e := range v {
			if s, ok := e.(string); ok && key == "file_id" {
				found = append(found, s)
			}
			switch key {
			case "input", "arguments", "args", "response", "metadata", "parameters", "input_schema", "json_schema", "schema":
				if depth > 0 {
					continue
				}
			case "file_id", "fileUri", "file_uri":
				continue
			}
			found = filesIn(e, depth+1, found)
		}
	}
	return found
}
