package providertest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

// In memory: no port is opened, and the client reaches the fake under any name.
func ExampleFake() {
	fake := providertest.Anthropic(providertest.Config{Text: "Hello."})
	req, err := http.NewRequest(http.MethodPost, "https://api.anthropic.com/v1/messages", strings.NewReader(
		`{"model":"claude-sonnet-5","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("X-Api-Key", "key-1")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := fake.Client().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, strings.Contains(string(answer), "Hello."), err)
	hit := fake.Hits()[0]
	fmt.Println(hit.Operation, hit.Host, hit.Model, hit.Key)
	// Output:
	// 200 OK true <nil>
	// messages api.anthropic.com claude-sonnet-5 key-1
}

// Each account fails in its own way: one is overloaded once, in the middle of
// its stream, the other never has money.
func ExampleFake_ScriptFor() {
	fake := providertest.OpenAI(providertest.Config{Text: "Hello to you."})
	fake.ScriptFor("key-1", providertest.FailInStream(2, providertest.Overloaded()))
	fake.AlwaysFor("key-2", providertest.QuotaExhausted())
	for _, key := range []string{"key-1", "key-1", "key-2"} {
		status, answer, err := askStreamed(context.Background(), fake.Client(), key)
		fmt.Println(key, status, strings.Contains(answer, "overloaded"), strings.HasSuffix(answer, "[DONE]\n\n"), err)
	}
	// Output:
	// key-1 200 true false <nil>
	// key-1 200 false true <nil>
	// key-2 429 false false <nil>
}

// Several providers share a network in memory, each at its own host.
func ExampleInMemory() {
	openai, anthropic := providertest.OpenAI(providertest.Config{}), providertest.Anthropic(providertest.Config{})
	mux := http.NewServeMux()
	mux.Handle("api.openai.com/", openai)
	mux.Handle("api.anthropic.com/", anthropic)
	client := &http.Client{Transport: providertest.InMemory(mux)}
	openai.Script(providertest.CutStream(3))

	status, _, err := askStreamed(context.Background(), client, "key-1")
	fmt.Println(status, err)
	fmt.Println(openai.Count(), anthropic.Count())
	// Output:
	// 200 unexpected EOF
	// 1 0
}

// askStreamed asks for a stream and reads it to its end.
func askStreamed(ctx context.Context, client *http.Client, key string) (status int, answer string, err error) {
	body := strings.NewReader(`{"model":"gpt-5.6","messages":[{"role":"user","content":"Hi"}],"stream":true}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

// As a real server: a fake with two keys, one of which is out of money, is asked
// three times.
func ExampleFake_server() {
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
