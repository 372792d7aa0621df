package logfile_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/logfile"
)

// many is more lines than are written at once.
const many = 100

func numbered() (names []string) {
	for i := range many {
		names = append(names, fmt.Sprintf("line %d", i))
	}
	return names
}

func TestLinesOfABusyLogWaitForATenthOfASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	synctest.Test(t, func(t *testing.T) {
		_, log := open(t, logfile.Config{Dir: filepath.Dir(path)})
		for range 3 {
			before := len(messages(t, path))
			for _, name := range numbered() {
				log.Info(name)
			}
			assert.Len(t, messages(t, path), before+32, "these do not wait")
			time.Sleep(101 * time.Millisecond)
			synctest.Wait()
			assert.Equal(t, numbered(), messages(t, path)[before:])
		}
	})
}

func TestLinesThatWaitAreWrittenAtTheEnd(t *testing.T) {
	for name, end := range map[string]func(*logfile.Log) error{"Close": (*logfile.Log).Close, "Reopen": (*logfile.Log).Reopen} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.log")
			synctest.Test(t, func(t *testing.T) {
				l, log := open(t, logfile.Config{Dir: filepath.Dir(path)})
				for _, name := range numbered() {
					log.Info(name)
				}
				require.NoError(t, end(l))
				assert.Equal(t, numbered(), messages(t, path))
			})
		})
	}
}

func TestLinesThatWaitOverMidnightGoIntoTheFileOfTheirDay(t *testing.T) {
	dir := t.TempDir()
	inUTC(t, func(t *testing.T) {
		_, log := open(t, logfile.Config{Dir: dir})
		time.Sleep(24*time.Hour - 50*time.Millisecond)
		for _, name := range numbered() {
			log.Info(name)
		}
		time.Sleep(51 * time.Millisecond)
		log.Info("today")
	})
	assert.Equal(t, numbered(), messages(t, filepath.Join(dir, "app-2000-01-01.log")))
	assert.Equal(t, []string{"today"}, messages(t, filepath.Join(dir, "app.log")))
}
