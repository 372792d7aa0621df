package server_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// A renewal that ends after its login was replaced by another one does not put its tokens in
// that one's place; where the login is the same, changed in other ways, they are kept.
func TestTokensOfALoginThatWasReplacedAreNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		refresh, scope string
		kept           bool
	}{
		"another login":            {"rt-other", "", false},
		"the same, asked for more": {"rt-0", "more", true},
	} {
		t.Run(name, func(t *testing.T) {
			reached, answer := make(chan struct{}), make(chan struct{})
			var once sync.Once
			login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				if r.Host != "login.example" || !strings.Contains(string(data), "rt-0") {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				once.Do(func() { close(reached) })
				<-answer
				_, _ = io.WriteString(w, `{"access_token":"at-1","refresh_token":"rt-1","expires_in":3600}`)
			})
			r := newRig(t, func(cfg *server.Config) { cfg.Accounts, cfg.RoundTripper = nil, inMemory(login) })
			set := func(refresh, scope string) {
				r.store.set(account("plan", "openai", func(a *resource.Account) {
					a.Secret = resource.Secret{}
					a.OAuth = &resource.OAuth{TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret(refresh), Scope: scope}
				}))
				require.NoError(t, r.s.Reload(t.Context()))
			}
			set("rt-0", "")
			var asking sync.WaitGroup
			asking.Go(func() { r.chat() })
			<-reached
			set(c.refresh, c.scope)
			close(answer)
			asking.Wait()
			require.NoError(t, r.s.Close()) // which waits for the renewal
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			assert.Equal(t, c.kept, len(r.store.tokens) == 1)
		})
	}
}
