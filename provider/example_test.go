package provider_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/provider"
)

// A request that an SDK made for api.openai.com goes to a relay, with another
// key and another model, and its answer is judged.
func Example() {
	const body = `{"model":"gpt-5.6","messages":[{"role":"user","content":"hi"}],"stream":true}`
	r, err := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer the-caller's-own")

	rest, ok := provider.OpenAI.Match(r.URL)
	op := provider.OpenAI.API.Describe(r, []byte(body))
	fmt.Println(ok, rest, op.Kind, op.Model, op.Stream, op.Repeatable)

	relay := provider.OpenAI.At("relay", "https://relay.example.com/openai/v1")
	if err := relay.Validate(); err != nil {
		log.Fatal(err)
	}
	sent, err := op.Rename(r, []byte(body), "azure/gpt-5.6")
	if err != nil {
		log.Fatal(err)
	}
	if err := relay.Address(r, rest); err != nil {
		log.Fatal(err)
	}
	provider.StripCredentials(r)
	token, err := provider.Key("relay-key").Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if err := relay.API.Authorize(r, token); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.URL, r.Header)
	fmt.Println(string(sent))

	v := relay.API.Classify(provider.Answer{Op: op, Status: 429, Header: http.Header{"Retry-After": {"20"}},
		Body: []byte(`{"error":{"message":"Rate limit reached for sk-relay-12.","type":"requests","code":"rate_limit_exceeded"}}`)})
	fmt.Println(v.Class, "/", v.Scope, "/", v.Class.Retryable(), "/", v.Message)

	// Output:
	// true /chat/completions chat gpt-5.6 true true
	// https://relay.example.com/openai/v1/chat/completions map[Authorization:[Bearer relay-key]]
	// {"model":"azure/gpt-5.6","messages":[{"role":"user","content":"hi"}],"stream":true}
	// rate limited / account and model / true / Rate limit reached for ***.
}

// A base URL that cannot work says so before it is used.
func ExampleProvider_Validate() {
	fmt.Println(provider.OpenAI.At("local", "http://127.0.0.1:8000:8000").Validate())
	fmt.Println(provider.OpenAI.At("relay", "https://me:hunter2@relay.example.com").Validate())
	// Output:
	// provider "local": BaseURL has the port "8000:8000", which is not one number from 1 to 65535: write it as https://host[:port][/path]
	// provider "relay": BaseURL holds user info: give the key as the account's Secret (an @ in a path is written %40); write it as https://host[:port][/path]
}
