package balancer_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// renewing yields one token until it is told that it was refused, then another; err
// is what renewing comes to, if it is set.
type renewing struct {
	mu      sync.Mutex
	token   string
	next    string
	err     error
	renewed int
	carried bool // by the account's own transport
}

func (r *renewing) Token(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token, nil
}

func (r *renewing) Renew(ctx context.Context, stale string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renewed++
	r.carried = provider.CarrierFrom(ctx) != nil
	if r.err != nil {
		return "", r.err
	}
	if stale == r.token {
		r.token = r.next
	}
	return r.token, nil
}

// A probe whose token is refused has it renewed once, as a request has.
func TestCheckRenewsARefusedToken(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"fresh"}})
	credential := &renewing{token: "stale", next: "fresh"}
	lb := newTransport(t, over(fake, account("only", with(credential))))
	report, err := lb.Check(t.Context(), "only")
	require.NoError(t, err)
	assert.True(t, report.OK(), "%+v", report)
	assert.Equal(t, 1, credential.renewed)
	assert.True(t, credential.carried)
	assert.Equal(t, []string{"stale", "fresh"}, keysSeen(fake))
}

func TestCheckOfATokenThatStaysRefused(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"other"}})
	credential := &renewing{token: "stale", next: "fresh"}
	lb := newTransport(t, over(fake, account("only", with(credential))))
	report, err := lb.Check(t.Context(), "only")
	require.NoError(t, err)
	assert.Equal(t, provider.ClassAuthInvalid, report.Probes[0].Class)
	assert.Equal(t, provider.RemedyLogin, report.Probes[0].Advice.Do)
	assert.Equal(t, 1, credential.renewed, "once")
	assert.Len(t, fake.Hits(), 2)
}

// Who has to log in again is told so, in the credential's own words.
func TestCheckOfALoginThatHasEnded(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"other"}})
	credential := &renewing{token: "stale", err: &provider.CredentialError{
		Source: "token endpoint", Class: provider.ClassAuthInvalid, Permanent: true, Code: "invalid_grant", Advice: "log in again at the desk"}}
	lb := newTransport(t, over(fake, account("only", with(credential))))
	report, err := lb.Check(t.Context(), "only")
	require.NoError(t, err)
	p := report.Probes[0]
	assert.Equal(t, provider.ClassAuthInvalid, p.Class)
	assert.True(t, p.Verdict.Permanent)
	assert.Equal(t, "invalid_grant", p.Code)
	assert.Equal(t, provider.Advice{Do: provider.RemedyLogin, Text: "log in again at the desk"}, p.Advice)
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "closed", s.Accounts[0].State, "asking changes nothing")
}

// An endpoint that is down is not a login that has ended.
func TestCheckOfALoginWhoseEndpointIsDown(t *testing.T) {
	auth := &authServer{fake: providertest.OpenAI(providertest.Config{})}
	auth.set(refuse(500, "down"))
	o := login(t, func(c *provider.OAuthConfig) { c.AccessToken = "" })
	report, err := newTransport(t, over(auth, account("only", with(o)))).Check(t.Context(), "only")
	require.NoError(t, err)
	assert.Equal(t, provider.RemedyWait, report.Probes[0].Advice.Do)
	assert.NotContains(t, report.Probes[0].Advice.Text, "log in")
	assert.False(t, report.Probes[0].Advice.Until.IsZero())
}

// What signs requests signs those of probes, too.
func TestCheckSigns(t *testing.T) {
	var signed string
	lb := newTransport(t, over(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed = r.Header.Get("X-Signature")
		_, _ = w.Write([]byte(`{"data":[{"id":"m"}]}`))
	}), account("only", with(signs{}))))
	models, err := lb.ListModels(t.Context(), "only")
	require.NoError(t, err)
	assert.Len(t, models, 1)
	assert.Equal(t, "GET /v1/models", signed)
}

type signs struct{}

func (signs) Token(context.Context) (string, error) { return "", nil }
func (signs) Sign(_ context.Context, r *http.Request) error {
	r.Header.Set("X-Signature", r.Method+" "+r.URL.Path)
	return nil
}
