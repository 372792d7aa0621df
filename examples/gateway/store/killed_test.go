package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/store"
)

// childOf names a database in the environment of a test that is the program to be killed.
const childOf = "GATEWAY_STORE_TEST_DATABASE"

// child records requests until it is killed, and prints how many are surely written.
func child(url string) {
	db, err := store.Open(context.Background(), store.Config{URL: url, Key: masterKey, SpoolDir: filepath.Dir(url), Flush: 5 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := 0; ; n++ {
		db.Record(request(n))
		if n%250 != 0 {
			continue
		}
		if err := db.Flush(context.Background()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("written", n+1)
	}
}

// TestAProgramThatIsKilled kills programs while they write.
func TestAProgramThatIsKilled(t *testing.T) {
	t.Parallel()
	url := filepath.Join(t.TempDir(), "gateway.db")
	written := int64(0)
	for round := range 3 {
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^$")
		program.Env = append(os.Environ(), childOf+"="+url)
		out, err := program.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, program.Start())
		var n int64
		lines := bufio.NewScanner(out)
		for range 4 + round {
			require.True(t, lines.Scan())
			_, err := fmt.Sscanf(lines.Text(), "written %d", &n)
			require.NoError(t, err, lines.Text())
		}
		require.NoError(t, program.Process.Kill())
		require.Error(t, program.Wait(), "it was killed")
		written += n
		db, err := store.Open(t.Context(), config(t, url))
		require.NoError(t, err)
		report := agree(t, db)
		assert.GreaterOrEqual(t, report.Rows, written, "what was written stays")
		assert.Equal(t, report.Rows*1000, report.Cost)
		written = report.Rows
		shut(t, db)
	}
}
