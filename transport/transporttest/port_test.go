package transporttest_test

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// A child that is being forked holds every socket until it has become another program: a port that were closed in
// between, to be listened on again, would be found taken.
func TestPortsAreFoundWhileChildrenAreForked(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	stop := make(chan struct{})
	var forking sync.WaitGroup
	for range 2 {
		forking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.CommandContext(t.Context(), program, "-test.run=^$").Run()
				}
			}
		})
	}
	defer forking.Wait()
	defer close(stop)
	for range 1000 {
		server, err := transporttest.NewServer(transporttest.ServerConfig{})
		require.NoError(t, err)
		require.NoError(t, server.Close())
		proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{})
		require.NoError(t, err)
		require.NoError(t, proxy.Close())
	}
}
