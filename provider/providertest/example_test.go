package providertest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

// A fake with two keys, one of which is out of money, is asked three times.
func Example() {
	fake := providertest.OpenAI(providertest.Config{
		Keys:   []string{"key-1", "key-2"},
		Text:   "Hello.",
		Script: []providertest.Step{providertest.RateLimited(20 * time.Second)},
	})
	fake.AlwaysFor("key-1", providertest.QuotaExhausted())
	server := httptest.NewServer(fake)
	defer server.Close()

	for _, key := range []string{"key-1", "key-1", "key-2"} {
		body := strings.NewReader(`{"model":"gpt-5.6","messages":[{"role":"user","content":"Hi"}]}`)
		req, err := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", body)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := server.Client().Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(key, resp.StatusCode, "retry-after:", resp.Header.Get("Retry-After"), strings.Contains(string(answer), "Hello."))
	}
	for _, hit := range fake.Hits() {
		fmt.Println(hit.Method, hit.Path, hit.Model, hit.Key, hit.Status)
	}
	// Output:
	// key-1 429 retry-after: 20 false
	// key-1 429 retry-after:  false
	// key-2 200 retry-after:  true
	// POST /v1/chat/completions gpt-5.6 key-1 429
	// POST /v1/chat/completions gpt-5.6 key-1 429
	// POST /v1/chat/completions gpt-5.6 key-2 200
}
