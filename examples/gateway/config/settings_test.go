package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/config"
)

func TestProxiesOfDotEnvAreExportedAndNothingElse(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "OTHER"} {
		t.Setenv(name, "") // restored afterwards
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("NO_PROXY", "of.env")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("https_proxy=http://127.0.0.1:1\nNO_PROXY=of.dotenv\nOTHER=1\n"), 0o600))
	path := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte("proxy_url: env"), 0o600))
	f, err := config.Load(path, os.LookupEnv)
	require.NoError(t, err)
	require.NoError(t, f.ExportProxies())
	assert.Equal(t, "http://127.0.0.1:1", os.Getenv("https_proxy"))
	assert.Equal(t, "of.env", os.Getenv("NO_PROXY"), "what is there stays")
	assert.NotContains(t, os.Environ(), "OTHER=1")
	require.NoError(t, config.Default().ExportProxies(), "there is no .env")
}
