package codings_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/codings"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// A client that sends zstd reaches an account that calls the model something else.
// Without the decoder the model is not known, and the request passes as it came.
func TestZstdRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	defer upstream.Close()

	var sent bytes.Buffer
	w := encoder(t, "zstd", &sent)
	_, err := io.WriteString(w, `{"model": "gpt-5", "input": "hi"}`)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	for name, tt := range map[string]struct {
		decoders     map[string]transport.Decoder
		coding, body string
	}{
		"with the decoder": {codings.All(), "", `{"model": "five", "input": "hi"}`},
		"without":          {nil, "zstd", sent.String()},
	} {
		lb, err := balancer.New(balancer.Config{
			Transport: transport.Config{Decoders: tt.decoders},
			Accounts: []balancer.Account{{
				Name: "main", Provider: provider.OpenAI.At("local", upstream.URL+"/v1"), Secret: "key",
				Models: map[string]string{"gpt-5": "five"},
			}},
		})
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.openai.com/v1/responses", bytes.NewReader(sent.Bytes()))
		require.NoError(t, err)
		req.Header.Set("Content-Encoding", "zstd")
		resp, err := lb.Client().Do(req)
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, tt.body, string(body), name)
		assert.Equal(t, tt.coding, got.Header.Get("Content-Encoding"), name)
		assert.EqualValues(t, len(tt.body), got.ContentLength, name)
		require.NoError(t, lb.Close())
	}
}
