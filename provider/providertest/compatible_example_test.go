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

// exchange makes one chat call to a fake and shows the answer's head and body.
func exchange(fake *providertest.Fake, path, body string) {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer key-1")
	answer := httptest.NewRecorder()
	fake.ServeHTTP(answer, req)
	resp := answer.Result()
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, resp.Header.Get("Content-Type"))
	fmt.Println(strings.TrimSpace(string(all)))
}

// MiniMax says on HTTP 200 that the money is out, and Zhipu with a 429 whose
// code means the same.
func ExampleCompatible() {
	const body = `{"model":"m","messages":[]}`
	minimax := providertest.Compatible("minimax", providertest.Config{})
	minimax.Always(providertest.QuotaExhausted())
	exchange(minimax, "/v1/chat/completions", body)

	zhipu := providertest.Compatible("zhipu", providertest.Config{})
	zhipu.Always(providertest.Capacity())
	exchange(zhipu, "/api/paas/v4/chat/completions", body)
	// Output:
	// 200 application/json
	// {"id":"","choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}
	// 429 application/json
	// {"error":{"code":"1302","message":"Rate limit reached for requests"}}
}

// A stream that a client must not trust: signs of life first, then an event
// whose lines end with \r\n, and then an overload.
func ExampleStep_Lines() {
	fake := providertest.Anthropic(providertest.Config{Text: "Hi"})
	fake.Script(providertest.FailInStream(0, providertest.Overloaded()).
		KeepAlive(2, 0, time.Millisecond).
		Lines(providertest.Lines{End: "\r\n", NoSpace: true}))
	req := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(`{"model":"m","stream":true}`))
	req.Header.Set("X-Api-Key", "key-1")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	answer := httptest.NewRecorder()
	fake.ServeHTTP(answer, req)
	for line := range strings.SplitSeq(strings.TrimSpace(answer.Body.String()), "\r\n") {
		fmt.Printf("%q\n", line)
	}
	// Output:
	// "event: ping"
	// "data: {\"type\":\"ping\"}"
	// ""
	// "event: ping"
	// "data: {\"type\":\"ping\"}"
	// ""
	// "event:error"
	// "data:{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"
}

// One byte a write, a moment apart, from an answer that says in how long to ask
// again as a date.
func ExampleStep_ByteByByte() {
	slow := providertest.RateLimited(0).
		RetryAfter(2*time.Second, providertest.RetryDate).
		ByteByByte(time.Microsecond)
	fake := providertest.Compatible("nvidia", providertest.Config{Script: []providertest.Step{slow}})
	exchange(fake, "/v1/chat/completions", `{"model":"m","messages":[]}`)
	// Output:
	// 429 application/json
	// {"status":429,"title":"Too Many Requests"}
}
