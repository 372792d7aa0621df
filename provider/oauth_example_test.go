package provider_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/aitransport/aitransport/provider"
)

// An access token is fetched with a refresh token, which the server replaces: the
// new one has to be kept. A balancer puts the account's own transport into the
// context; here it is done by hand.
func ExampleNewOAuth() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"access_token":"access-for-%s","refresh_token":"refresh-2","expires_in":3600}`, r.FormValue("refresh_token"))
	}))
	defer server.Close()

	login, err := provider.NewOAuth(provider.OAuthConfig{
		TokenURL:     server.URL + "/oauth/token",
		ClientID:     "my-own-client",
		RefreshToken: "refresh-1",
		Save: func(_ context.Context, t provider.OAuthTokens) error {
			fmt.Println("keep", t.RefreshToken)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer login.Close()

	through := &http.Transport{}
	defer through.CloseIdleConnections()
	ctx := provider.WithCarrier(context.Background(), through)
	for range 2 { // the second finds the token there
		token, err := login.Token(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(token)
	}
	fmt.Println(login)
	// Output:
	// keep refresh-2
	// access-for-refresh-1
	// access-for-refresh-1
	// ***
}

// Another grant than the refresh of a login: a service that has a client secret of
// its own.
func ExampleOAuthConfig_grant() {
	service, err := provider.NewOAuth(provider.OAuthConfig{
		TokenURL:     "https://login.example.com/tenant/oauth2/v2.0/token",
		ClientID:     "my-service",
		ClientSecret: "from the environment",
		Scope:        "https://ai.example.com/.default",
		Grant: func(context.Context) (url.Values, error) {
			return url.Values{"grant_type": {"client_credentials"}}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer service.Close()
	_, err = service.Token(context.Background())
	fmt.Println(err)
	// Output:
	// provider: token endpoint https://login.example.com/tenant/oauth2/v2.0/token: there is nothing to send a renewal through: set OAuthConfig.Transport, or give Token a context with WithCarrier, as a balancer does
}

// A key from a secret store's own program, in a header that the API wants.
func ExampleCommand() {
	azure := *provider.OpenAI.At("azure", "https://mine.example.com/openai/v1")
	azure.Authorize = provider.HeaderAuth("api-key")
	key := provider.Command(provider.CommandConfig{Argv: []string{"sh", "-c", "echo key-from-the-store"}})

	token, err := key.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "https://mine.example.com/openai/v1/chat/completions", nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := azure.Authorize(r, token); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Header)
	// Output:
	// map[Api-Key:[key-from-the-store]]
}
