package balancer_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A program whose accounts are made while it runs can begin, and end, without any.
func TestAccountsCanComeLater(t *testing.T) {
	cfg := over(providertest.OpenAI(providertest.Config{}))
	cfg.Accounts = []balancer.Account{}
	cfg.HealthChecks.Enabled = true
	lb := newTransport(t, cfg)
	nobody := func() {
		_, _, err := send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoRoute)
		snapshot, err := lb.SnapshotWithLimits(t.Context())
		require.NoError(t, err)
		assert.Empty(t, snapshot.Accounts)
		assert.Empty(t, lb.Probe(t.Context()))
		assert.NoError(t, lb.ResetErrors(t.Context(), true))
	}
	nobody()
	require.NoError(t, lb.SetAccounts(twoAccounts()))
	status, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	assert.Equal(t, 200, status)
	require.Error(t, lb.SetAccounts(nil), "which was forgotten, not meant")
	status, _, err = send(t.Context(), t, lb)
	require.NoError(t, err)
	assert.Equal(t, 200, status)
	require.NoError(t, lb.SetAccounts([]balancer.Account{}))
	nobody()
}
