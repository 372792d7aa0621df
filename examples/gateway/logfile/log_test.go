package logfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/logfile"
)

func open(t *testing.T, c logfile.Config) (*logfile.Log, *slog.Logger) {
	t.Helper()
	l, err := logfile.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, slog.New(l.Handler())
}

// messages are those of a file's lines; nil: there is no such file.
func messages(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return parse(t, string(text))
}

func parse(t *testing.T, text string) []string {
	t.Helper()
	out := []string{}
	for line := range strings.Lines(text) {
		var record struct{ Msg string }
		require.NoError(t, json.Unmarshal([]byte(line), &record), "%q", line)
		out = append(out, record.Msg)
	}
	return out
}

func TestHandlerIsOneOfSlog(t *testing.T) {
	var out strings.Builder
	l, err := logfile.New(logfile.Config{Stream: &out})
	require.NoError(t, err)
	require.NoError(t, slogtest.TestHandler(l.Handler(), func() []map[string]any {
		var all []map[string]any
		for line := range strings.Lines(out.String()) {
			var m map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &m))
			all = append(all, m)
		}
		return all
	}))
}

func TestLinesGoToTheirFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	_, log := open(t, logfile.Config{Dir: dir})
	log = log.With("request_id", "r-1").WithGroup("g")
	log.Info("Health check for provider", "x", 1)
	log.Warn("Attempt failed", "x", 2)
	log.Warn("Falling back to direct connection")
	log.Info("Resting")
	log.Debug("not this one")
	assert.Equal(t, []string{"Health check for provider", "Attempt failed", "Falling back to direct connection", "Resting"}, messages(t, filepath.Join(dir, "app.log")))
	assert.Equal(t, []string{"Health check for provider"}, messages(t, filepath.Join(dir, "provider.log")))
	assert.Equal(t, []string{"Attempt failed", "Falling back to direct connection"}, messages(t, filepath.Join(dir, "upstream.log")))
	text, err := os.ReadFile(filepath.Join(dir, "upstream.log"))
	require.NoError(t, err)
	assert.Contains(t, string(text), `"request_id":"r-1","g":{"x":2}`)
	info, err := os.Stat(filepath.Join(dir, "app.log"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// inZone runs in synthetic time, whose midnight is UTC's.
func inUTC(t *testing.T, f func(*testing.T)) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	synctest.Test(t, f)
}

func TestDaysHaveFilesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	inUTC(t, func(t *testing.T) {
		_, log := open(t, logfile.Config{Dir: dir, Keep: 48 * time.Hour})
		for day := range 6 {
			log.Info(fmt.Sprintf("day %d", day))
			log.Warn("Attempt failed", "day", day)
			time.Sleep(24*time.Hour - time.Second)
			log.Info("late")
			time.Sleep(time.Second)
		}
		log.Info("today")
	})
	assert.Equal(t, []string{"today"}, messages(t, filepath.Join(dir, "app.log")))
	assert.Equal(t, []string{"day 5", "Attempt failed", "late"}, messages(t, filepath.Join(dir, "app-2000-01-06.log")))
	assert.Equal(t, []string{"day 4", "Attempt failed", "late"}, messages(t, filepath.Join(dir, "app-2000-01-05.log")))
	assert.Nil(t, messages(t, filepath.Join(dir, "app-2000-01-04.log")), "is kept no longer")
	assert.Equal(t, []string{"Attempt failed"}, messages(t, filepath.Join(dir, "upstream.log")), "of yesterday, since nothing has been written today")
}

func TestNoLineIsLostAtMidnight(t *testing.T) {
	dir := t.TempDir()
	inUTC(t, func(t *testing.T) {
		_, log := open(t, logfile.Config{Dir: dir})
		time.Sleep(24*time.Hour - time.Second)
		var all sync.WaitGroup
		for w := range 8 {
			all.Go(func() {
				for n := range 100 {
					log.Info(fmt.Sprintf("%d-%d", w, n))
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		all.Wait()
	})
	before, after := messages(t, filepath.Join(dir, "app-2000-01-01.log")), messages(t, filepath.Join(dir, "app.log"))
	assert.NotEmpty(t, before)
	assert.NotEmpty(t, after)
	seen := make(map[string]bool)
	for _, m := range append(before, after...) {
		assert.False(t, seen[m], "%s twice", m)
		seen[m] = true
	}
	assert.Len(t, seen, 800)
}

func TestARestartGoesOnWithTodaysFile(t *testing.T) {
	dir := t.TempDir()
	for _, m := range []string{"one", "two"} {
		l, log := open(t, logfile.Config{Dir: dir})
		log.Info(m)
		require.NoError(t, l.Close())
		log.Info("after the end")
	}
	assert.Equal(t, []string{"one", "two"}, messages(t, filepath.Join(dir, "app.log")))

	old := time.Date(2020, 2, 3, 12, 0, 0, 0, time.Local)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "app.log"), old, old))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app-2020-02-03.log"), []byte(`{"msg":"there"}`+"\n"), 0o600))
	_, log := open(t, logfile.Config{Dir: dir})
	log.Info("three")
	assert.Equal(t, []string{"three"}, messages(t, filepath.Join(dir, "app.log")))
	assert.Equal(t, []string{"there"}, messages(t, filepath.Join(dir, "app-2020-02-03.log")), "is not written over")
	assert.Equal(t, []string{"one", "two"}, messages(t, filepath.Join(dir, "app-2020-02-03.1.log")))
}

func TestReopenAfterARename(t *testing.T) {
	dir := t.TempDir()
	l, log := open(t, logfile.Config{Dir: dir})
	log.Info("before")
	require.NoError(t, os.Rename(filepath.Join(dir, "app.log"), filepath.Join(dir, "moved")))
	log.Info("still there")
	require.NoError(t, l.Reopen())
	log.Info("after")
	assert.Equal(t, []string{"before", "still there"}, messages(t, filepath.Join(dir, "moved")))
	assert.Equal(t, []string{"after"}, messages(t, filepath.Join(dir, "app.log")))
}

func TestALineAfterHalfALineStandsByItself(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.log"), []byte(`{"msg":"ha`), 0o600))
	_, log := open(t, logfile.Config{Dir: dir})
	log.Info("whole")
	text, err := os.ReadFile(filepath.Join(dir, "app.log"))
	require.NoError(t, err)
	_, last, _ := strings.Cut(string(text), "\n")
	assert.Equal(t, []string{"whole"}, parse(t, last))
}

// breaking is a stream that fails on order.
type breaking struct {
	strings.Builder
	broken bool
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.broken {
		return 0, errors.New("no space left on device")
	}
	return b.Builder.Write(p)
}

func TestWhatCannotBeWrittenIsToldOnce(t *testing.T) {
	out, told := &breaking{}, &strings.Builder{}
	_, log := open(t, logfile.Config{Stream: out, Errors: told})
	log.Info("one")
	out.broken = true
	for range 5 {
		log.Info("lost")
	}
	assert.Equal(t, 1, strings.Count(told.String(), "\n"), told.String())
	assert.Contains(t, told.String(), "no space left on device")
	out.broken = false
	log.Info("two")
	assert.Contains(t, told.String(), "5 lines were lost")
	assert.Equal(t, []string{"one", "two"}, parse(t, out.String()))
}

func TestAFolderThatGoesAwayComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	told := &strings.Builder{}
	inUTC(t, func(t *testing.T) {
		_, log := open(t, logfile.Config{Dir: dir, Errors: told})
		log.Info("one")
		require.NoError(t, os.RemoveAll(dir))
		time.Sleep(24 * time.Hour)
		log.Info("lost")
		log.Info("lost")
		require.NoError(t, os.Mkdir(dir, 0o700))
		time.Sleep(time.Second)
		log.Info("two")
	})
	assert.Equal(t, []string{"two"}, messages(t, filepath.Join(dir, "app.log")))
	assert.Contains(t, told.String(), "2 lines were lost")
}

func TestAFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := logfile.New(logfile.Config{Dir: filepath.Join(file, "logs")})
	require.ErrorContains(t, err, "log.dir")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "upstream.log"), 0o700))
	_, err = logfile.New(logfile.Config{Dir: dir})
	require.ErrorContains(t, err, "log.dir")
}
