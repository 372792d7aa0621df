package provider_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

var openrouterRows = []judged{
	{402, "Retry-After: 3", "openrouter/402-in-flight.json", capacity, account},
	{402, "", "openrouter/402-in-flight.json", capacity, account},
	{402, "", openrouterBody("402", `"reason":"in_flight_budget_exhausted"`), capacity, account},
	{402, "Retry-After: 3", openrouterBody("402", `"x":1`), capacity, account},
	{402, "", openrouterBody("402", `"reason":"weight_exceeds_budget"`), permission, none},
	{402, "", openrouterBody("402", `"limit_source":"openrouter_credits"`), quota, account},
	{402, "", openrouterBody("402", `"limit_source":"openrouter_key_limit"`), quota, account},
	{403, "", openrouterBody("403", `"limit_source":"openrouter_key_limit"`), quota, account},
	{403, "", openrouterBody("403", `"limit_source":"openrouter_guardrail_budget"`), quota, account},
	{403, "", "openrouter/403-budget.json", quota, account},
	{402, "", openrouterBody("402", `"x":1`), quota, account},
	{403, "", openrouterBody("403", `"reasons":["x"],"flagged_input":"y"`), policy, none},
	{403, "", "<html>", egress, route},

	{400, "", openrouterBody("400", `"error_type":"context_length_exceeded"`), tooLong, none},
	{401, "", openrouterBody("401", `"error_type":"authentication"`), auth, account},
	{402, "", openrouterBody("402", `"error_type":"payment_required"`), quota, account},
	{429, "", openrouterBody("429", `"error_type":"rate_limit_exceeded"`), rate, pair},
	{503, "", openrouterBody("503", `"error_type":"provider_overloaded"`), overloaded, provided},
	{502, "", openrouterBody("502", `"error_type":"provider_unavailable","provider_name":"p"`), transient, provided},
	{400, "", openrouterBody("400", `"error_type":"content_policy_violation"`), policy, none},
	{500, "", openrouterBody("500", `"error_type":"server"`), transient, account},
	{408, "", openrouterBody("408", `"error_type":"timeout"`), timeout, account},
	{502, "", openrouterBody("502", `"error_type":"unmapped"`), transient, account},

	// Inside a good answer the code is the status.
	{200, "", "openrouter/200-provider-gone.json", transient, provided},
	{200, "", openrouterBody("401", `"error_type":"authentication"`), auth, account},
	{200, "", openrouterBody("402", `"x":1`), quota, account},
}

func openrouterBody(code, metadata string) string {
	return `{"error":{"code":` + code + `,"message":"no","metadata":{` + metadata + `}}}`
}

// An error inside a stream is judged by the provider's own table.
func TestOpenRouterStreamError(t *testing.T) {
	p, ok := provider.Lookup("openrouter")
	require.True(t, ok)
	m := p.NewMeter(provider.Operation{Kind: provider.OpChat, Model: "m", Stream: true}, headers("Content-Type", "text/event-stream"))
	_, _ = m.Write(fixture(t, "openrouter/stream-error.sse"))
	v, failed := failure(m)
	require.True(t, failed)
	assert.Equal(t, rate, v.Class)
	assert.Equal(t, "rate_limit_exceeded", v.Code)
}
