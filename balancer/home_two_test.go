package balancer_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A request that names things of two accounts can be served by neither, and is told so;
// unless whoever sends it knows an account that has both.
func TestThingsOfTwoAccounts(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
	response, file := w.response(t, balancer.Hint{Account: "second"}), w.file(t)
	body := `{"model":"gpt-5","previous_response_id":"` + response + `","input":[{"role":"user","content":[{"type":"input_file","file_id":"` + file + `"}]}]}`
	before := w.fake.Count()
	_, _, err := do(w.lb, newRequest(t.Context(), t, http.MethodPost, responsesURL, body))
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	var failure *balancer.Error
	require.ErrorAs(t, err, &failure)
	assert.Empty(t, failure.Attempts)
	for _, part := range []string{response, file, `"second"`, `"third"`} {
		assert.ErrorContains(t, err, part)
	}
	assert.Equal(t, before, w.fake.Count(), "nobody is asked")

	_, _, by := w.call(t, balancer.Hint{Account: "second"}, http.MethodPost, responsesURL, body)
	assert.Equal(t, "second", by, "the hint has the last word")
	assert.Equal(t, "third", w.useFile(t, balancer.Hint{}, file), "it has not moved")
}
