package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
)

// store is the least that a gateway needs: it has no keys and no accounts of its own.
type store struct{}

func (store) Key(context.Context, string) (resource.Key, error) {
	return resource.Key{}, resource.ErrNotFound
}
func (store) Accounts(context.Context) ([]resource.Account, int64, error) { return nil, 0, nil }
func (store) AccountsVersion(context.Context) (int64, error)              { return 0, nil }
func (store) Record(r resource.Request) {
	fmt.Println("recorded:", r.UserID, r.Model, r.Status, r.InputTokens+r.OutputTokens, "tokens")
}

// A program of one's own mounts the gateway under its own mux, with its own store and its
// own idea of who calls.
func Example() {
	fake := providertest.OpenAI(providertest.Config{})
	gateway, err := server.New(context.Background(), server.Config{
		Store: store{},
		Authenticate: func(r *http.Request) (resource.Key, error) {
			if r.Header.Get("X-Staff") != "ada" {
				return resource.Key{}, server.ErrUnauthorized
			}
			return resource.Key{ID: "staff/ada", UserID: "ada"}, nil
		},
		Accounts: []resource.Account{{Name: "main", Provider: "openai", Secret: resource.NewSecret("sk-1")}},
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) { // instead of the network
			return providertest.InMemory(fake), nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	mux := http.NewServeMux()
	mux.Handle("/ai/", http.StripPrefix("/ai", gateway))

	r := httptest.NewRequest(http.MethodPost, "/ai/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`))
	r.Header.Set("X-Staff", "ada")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	fmt.Println(w.Code, strings.Contains(string(body), "Hello from openai."))
	// Output:
	// recorded: ada gpt-5 200 18 tokens
	// 200 true
}
