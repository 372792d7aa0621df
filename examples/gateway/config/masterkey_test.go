package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/resource"
)

func TestAMasterKeyIsMadeOnce(t *testing.T) {
	f := config.Default()
	f.DataDir = filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, f.MakeDataDir())
	keys, paths := make([]string, 8), make([]string, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, made, err := f.Key()
			assert.NoError(t, err)
			keys[i], paths[i] = string(key), made
		})
	}
	all.Wait()
	makers := 0
	for i := range keys {
		assert.Len(t, keys[i], 32)
		assert.Equal(t, keys[0], keys[i], "all have the same")
		if paths[i] != "" {
			makers++
		}
	}
	assert.Equal(t, 1, makers)
	path := filepath.Join(f.DataDir, "master.key")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(f.DataDir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing else is left")

	f.MasterKey = resource.NewSecret(strings.Repeat("0b", 32))
	key, made, err := f.Key()
	require.NoError(t, err)
	assert.Empty(t, made)
	assert.Equal(t, strings.Repeat("\x0b", 32), string(key), "what was said goes first")
}

func TestNoNewMasterKeyForAnOldDatabase(t *testing.T) {
	f := config.Default()
	f.DataDir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(f.DataDir, "gateway.db"), []byte("x"), 0o600))
	_, _, err := f.Key()
	require.ErrorIs(t, err, config.ErrNoMasterKey)
	require.ErrorContains(t, err, "put its master.key back")
	assert.NoFileExists(t, filepath.Join(f.DataDir, "master.key"))
}

func TestAMasterKeyThatIsNone(t *testing.T) {
	f := config.Default()
	f.DataDir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(f.DataDir, "master.key"), []byte("hidden"), 0o600))
	_, _, err := f.Key()
	require.ErrorContains(t, err, "32 bytes")
	assert.NotContains(t, err.Error(), "hidden")
}

func TestADataFolderThatCannotBe(t *testing.T) {
	f := config.Default()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	f.DataDir = filepath.Join(file, "data")
	err := f.MakeDataDir()
	require.ErrorContains(t, err, "-data")
	assert.NotContains(t, err.Error(), "\n")
}
