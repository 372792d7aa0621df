package codings_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/examples/codings"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is what a stream says at a time.
const event = "data: {\"delta\":\"hello\"}\n\n"

type flusher interface {
	io.WriteCloser
	Flush() error
}

func encoder(t *testing.T, coding string, w io.Writer) flusher {
	t.Helper()
	if coding == "br" {
		return brotli.NewWriter(w)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	return z
}

// An answer in a coding that nobody asked for is decoded, event by event; one that
// the caller named reaches it as it is.
func TestAnswersAreDecoded(t *testing.T) {
	for _, coding := range []string{"br", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			next := make(chan struct{})
			server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", coding)
				e := encoder(t, coding, w)
				for range 3 {
					_, _ = io.WriteString(e, event)
					_ = e.Flush()
					w.(http.Flusher).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
					}
				}
				_ = e.Close()
			})})
			require.NoError(t, err)
			defer server.Close()
			tr, err := transport.New(transport.Config{Decoders: codings.All()})
			require.NoError(t, err)
			defer tr.Close()

			resp := ask(t, tr, server.URL(), "")
			buffer := make([]byte, len(event))
			for range 3 {
				_, err := io.ReadFull(resp.Body, buffer) // comes before the next is written
				require.NoError(t, err)
				assert.Equal(t, event, string(buffer))
				next <- struct{}{}
			}
			rest, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Empty(t, rest)
			require.NoError(t, resp.Body.Close())
			assert.True(t, resp.Uncompressed)

			go func() {
				for range 3 {
					next <- struct{}{}
				}
			}()
			resp = ask(t, tr, server.URL(), "gzip, "+coding)
			raw, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, coding, resp.Header.Get("Content-Encoding"))
			plain, err := codings.All()[coding](bytes.NewReader(raw))
			require.NoError(t, err)
			decoded, err := io.ReadAll(plain)
			require.NoError(t, err)
			assert.Equal(t, strings.Repeat(event, 3), string(decoded))
			assert.NoError(t, plain.Close())
		})
	}
}

func ask(t *testing.T, tr *transport.Transport, url, accept string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	return resp
}
