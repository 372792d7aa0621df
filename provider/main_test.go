package provider_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the answers of these tests come.
var noon = time.Date(2026, 8, 18, 12, 0, 0, 0, time.UTC)

// fixture reads a file of testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// header reads a fixture of headers.
func header(t testing.TB, name string) http.Header {
	t.Helper()
	h := http.Header{}
	for line := range strings.Lines(string(fixture(t, name))) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			h.Set(k, v)
		}
	}
	require.NotEmpty(t, h)
	return h
}

// headers makes a header of pairs.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// meter runs a whole body through a meter.
func meter(p *provider.Provider, kind provider.OperationKind, body string) provider.Meter {
	m := p.API.NewMeter(provider.Operation{API: p.API.Name, Kind: kind, Model: "m"}, http.Header{})
	_, _ = m.Write([]byte(body))
	return m
}

// failure is the optional method of the meters.
func failure(m provider.Meter) (provider.Verdict, bool) {
	return m.(interface {
		Failure() (provider.Verdict, bool)
	}).Failure()
}

// ended is the other.
func ended(m provider.Meter) bool { return m.(interface{ Ended() bool }).Ended() }
