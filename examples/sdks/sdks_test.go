package sdks_test

import (
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// TestSDKsDoNotMultiplyAttempts: with default settings an SDK retries by itself,
// but not what the balancer has given up on.
func TestSDKsDoNotMultiplyAttempts(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.ServerError())
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	lb, err := balancer.New(balancer.Config{Accounts: []balancer.Account{
		{Name: "a", Provider: at, Secret: "a"}, {Name: "b", Provider: at, Secret: "b"}, {Name: "c", Provider: at, Secret: "c"},
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, lb.Close()) }()
	for i, call := range sdks.OpenAI(lb.Client(), "unused", models.OpenAI) {
		_, err := call.Do(t.Context())
		var failure *openai.Error
		require.ErrorAs(t, err, &failure, call.Name)
		assert.Equal(t, http.StatusInternalServerError, failure.StatusCode)
		assert.Equal(t, 3*(i+1), fake.Count(), "each account once, and no SDK retry on top")
	}
}
