//go:build unix

package provider_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func readPID(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	return pid
}

// gone tells whether a process has ended. One whose parent has not asked after it
// has ended too, and still has its number.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// requireGone waits until the process that wrote its number there has ended.
func requireGone(t *testing.T, path string) {
	t.Helper()
	pid := readPID(t, path)
	require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, time.Millisecond)
}

func kill(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, syscall.Kill(readPID(t, path), syscall.SIGKILL))
	requireGone(t, path)
}
