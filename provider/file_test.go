package provider_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestFileIsReadAgainWhenItHasChanged(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"another size": func(t *testing.T, path string) { t.Helper(); write(t, path, "key-two-2") },
		"another time": func(t *testing.T, path string) {
			t.Helper()
			write(t, path, "KEY-2")
			require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)))
		},
		"another file": func(t *testing.T, path string) {
			t.Helper()
			old, err := os.Stat(path)
			require.NoError(t, err)
			write(t, path+".new", "KEY-2")
			require.NoError(t, os.Chtimes(path+".new", time.Time{}, old.ModTime()))
			require.NoError(t, os.Rename(path+".new", path))
		},
		"another link": func(t *testing.T, path string) { // as a cluster changes what it mounts
			t.Helper()
			write(t, path+".2", "KEY-2")
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink(path+".2", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "key")
				write(t, path, " key-1\r\n")
				f := provider.File(path)
				token, err := f.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "key-1", token)
				change(t, path)
				time.Sleep(time.Second - time.Millisecond)
				token, err = f.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "key-1", token, "it is looked at once a second")
				time.Sleep(time.Millisecond)
				token, err = f.Token(t.Context())
				require.NoError(t, err)
				assert.NotEqual(t, "key-1", token)
			})
		})
	}
}

// A refused key has the file read at once, even if it looks the same.
func TestFileIsReadAgainWhenItsKeyWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		write(t, path, "key-1")
		old, err := os.Stat(path)
		require.NoError(t, err)
		f := provider.File(path)
		_, err = f.Token(t.Context())
		require.NoError(t, err)
		write(t, path, "key-2")
		require.NoError(t, os.Chtimes(path, time.Time{}, old.ModTime()))
		renewer, ok := f.(provider.Renewer)
		require.True(t, ok)
		token, err := renewer.Renew(t.Context(), "key-0")
		require.NoError(t, err)
		assert.Equal(t, "key-1", token, "another than the one refused")
		token, err = renewer.Renew(t.Context(), "key-1")
		require.NoError(t, err)
		assert.Equal(t, "key-2", token)
		token, err = renewer.Renew(t.Context(), "key-2")
		require.NoError(t, err)
		assert.Equal(t, "key-2", token, "there is no other")
		require.NoError(t, os.Remove(path))
		_, err = renewer.Renew(t.Context(), "key-2")
		require.ErrorIs(t, err, fs.ErrNotExist)
		write(t, path, "key-3")
		token, err = renewer.Renew(t.Context(), "key-2")
		require.NoError(t, err)
		assert.Equal(t, "key-3", token)
	})
}

func TestFilesThatHoldNoKey(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"missing":     {func(*testing.T, string) {}, "no such file"},
		"a directory": {func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Mkdir(path, 0o700)) }, "not a regular file"},
		"empty":       {func(t *testing.T, path string) { t.Helper(); write(t, path, "\n") }, "is empty"},
		"two words":   {func(t *testing.T, path string) { t.Helper(); write(t, path, "pa55 word") }, "holds a space"},
		"too long":    {func(t *testing.T, path string) { t.Helper(); write(t, path, strings.Repeat("pa55", 1<<14)+"x") }, "longer than 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "key")
				c.prepare(t, path)
				f := provider.File(path)
				_, err := f.Token(t.Context())
				failure := credentialError(t, err)
				require.ErrorContains(t, err, "file "+path)
				require.ErrorContains(t, err, c.want)
				assert.NotContains(t, err.Error(), "pa55")
				assert.False(t, failure.Permanent)
				require.NoError(t, os.RemoveAll(path))
				write(t, path, "key")
				_, err = f.Token(t.Context())
				require.Error(t, err, "looked at once a second")
				time.Sleep(time.Second)
				token, err := f.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "key", token)
			})
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBroken)
	f := provider.File(filepath.Join(t.TempDir(), "key"))
	_, err := f.Token(ctx)
	require.ErrorIs(t, err, errBroken)
	_, err = f.(provider.Renewer).Renew(ctx, "")
	require.ErrorIs(t, err, errBroken)
}

func TestFileIsNotPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, "pa55word")
	f := provider.File(path)
	_, err := f.Token(t.Context())
	require.NoError(t, err)
	for _, v := range []any{f, struct{ f provider.Credential }{f}, struct{ F provider.Credential }{f}} {
		assert.NotContains(t, printed(t, v), "pa55")
	}
}
