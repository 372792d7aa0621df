package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

func migrating(t *testing.T, w world) {
	url := w.fresh(t)
	var wg sync.WaitGroup
	for range 6 { // as programs that start at once
		c := config(t, url)
		wg.Go(func() {
			db, err := store.Open(t.Context(), c)
			if assert.NoError(t, err) {
				assert.NoError(t, db.SetSetting(t.Context(), "here", "yes"))
				assert.NoError(t, db.Close(t.Context()))
			}
		})
	}
	wg.Wait()
	db := open(t, config(t, url))
	value, err := db.Setting(t.Context(), "here")
	require.NoError(t, err)
	assert.Equal(t, "yes", value)
	assert.EqualValues(t, 2, query[int64](t, db, "SELECT COUNT(*) FROM gateway_schema"), "each migration once, and the beginning")
	fallback := query[string](t, db, map[string]string{
		"SQLite":     "SELECT dflt_value FROM pragma_table_info('accounts') WHERE name = 'proxy_fallback_to_direct'",
		"PostgreSQL": "SELECT column_default FROM information_schema.columns WHERE table_name = 'accounts' AND column_name = 'proxy_fallback_to_direct'",
		"MariaDB":    "SELECT IF(column_default = '0', 'FALSE', column_default) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'proxy_fallback_to_direct'",
	}[w.name])
	assert.Equal(t, "FALSE", strings.ToUpper(fallback))
}

func newerSchema(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	yes := map[bool]string{true: "1", false: "TRUE"}[w.name == "SQLite"]
	change(t, db.SQL(), "INSERT INTO gateway_schema (version_id, is_applied) VALUES (99, "+yes+")")
	shut(t, db)
	_, err = store.Open(t.Context(), c)
	require.ErrorContains(t, err, "has tables of version 99, and this program knows 1: update the program")
	assert.NotContains(t, err.Error(), "\n")
}

func anotherKey(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, err := store.Open(t.Context(), c)
	require.NoError(t, err)
	shut(t, db)
	c.Key = bytes.Repeat([]byte{8}, 32)
	_, err = store.Open(t.Context(), c)
	require.ErrorContains(t, err, "encrypted under another master key: start with the key that the database was made with")
	require.ErrorIs(t, err, store.ErrKeyUnused)
}

func settings(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	_, err := db.Setting(t.Context(), "none")
	require.ErrorIs(t, err, resource.ErrNotFound)
	require.NoError(t, db.SetSetting(t.Context(), "a", "1"))
	require.NoError(t, db.SetSetting(t.Context(), "a", "2"))
	kept, err := db.ClaimSetting(t.Context(), "a", "3")
	require.NoError(t, err)
	assert.Equal(t, "2", kept, "it was claimed")
	var wg sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		wg.Go(func() {
			kept, err := db.ClaimSetting(t.Context(), "token", strings.Repeat("x", i+1))
			assert.NoError(t, err)
			got[i] = kept
		})
	}
	wg.Wait()
	for _, kept := range got {
		assert.Equal(t, got[0], kept, "one for all")
	}
	require.ErrorContains(t, db.SetSetting(t.Context(), strings.Repeat("n", 65), "v"), "of at most 64")
}

func TestOpenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	notADatabase := filepath.Join(folder, "text.db")
	require.NoError(t, os.WriteFile(notADatabase, bytes.Repeat([]byte("this is text "), 100), 0o600))
	for name, c := range map[string]struct {
		url  string
		key  []byte
		says []string
	}{
		"no PostgreSQL there":  {"postgres://bob:hidden@127.0.0.1:1/gate", masterKey, []string{"cannot reach the PostgreSQL database at 127.0.0.1:1, database gate, user bob", "start it, or correct the URL"}},
		"no MySQL there":       {"mysql://bob:hidden@127.0.0.1:1/gate", masterKey, []string{"cannot reach the MySQL database at 127.0.0.1:1, database gate, user bob"}},
		"an unreadable URL":    {"postgres://bob:hidden@[::1:5/gate", masterKey, []string{"postgres://user:password@host:5432/name"}},
		"no database named":    {"mysql://bob:hidden@127.0.0.1:1", masterKey, []string{"mysql://user:password@host:3306/name"}},
		"an unknown option":    {"mysql://bob:hidden@127.0.0.1:1/x?tls=maybe", masterKey, []string{"options"}},
		"another database":     {"mongodb://bob:hidden@127.0.0.1:1/x", masterKey, []string{"sqlite:, postgres:// or mysql://", "mongodb://"}},
		"a folder":             {folder, masterKey, []string{"SQLite file"}},
		"a file of other sort": {notADatabase, masterKey, []string{"SQLite", "text.db"}},
		"a short key":          {filepath.Join(folder, "x.db"), []byte("hidden"), []string{"6 bytes", "openssl rand"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), store.Config{URL: c.url, Key: c.key, SpoolDir: folder})
			require.Error(t, err)
			for _, part := range c.says {
				assert.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), "hidden")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestALockedFileIsOneLine(t *testing.T) {
	t.Parallel()
	c := config(t, filepath.Join(t.TempDir(), "gateway.db"))
	db := open(t, c)
	tx, err := db.SQL().BeginTx(t.Context(), nil) // which locks the file
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = store.Open(ctx, c)
	require.ErrorContains(t, err, "end the other program that holds it")
	assert.NotContains(t, err.Error(), "\n")
	require.NoError(t, tx.Rollback())
	second := open(t, c)
	assert.Equal(t, "SQLite", second.Name())
}

func TestTheFileIsOursAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "gateway.db")
	open(t, config(t, "sqlite:"+path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
