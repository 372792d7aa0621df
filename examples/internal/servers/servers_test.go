package servers_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/examples/internal/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a command on a connection of its own and returns the answer's first line.
func ask(addr, command string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return line, err
}

func answers(t *testing.T, want, addr, command string) {
	t.Helper()
	got, err := ask(addr, command)
	require.NoError(t, err)
	assert.Equal(t, want+"\r\n", got)
}

func TestRedisIsEmptyAndApart(t *testing.T) {
	a, b := servers.Redis(t), servers.Redis(t)
	answers(t, "+OK", a.Addr, "SET k v")
	answers(t, ":1", a.Addr, "DBSIZE")
	answers(t, ":0", b.Addr, "DBSIZE")
}

func TestRedisStopsAndStartsAgain(t *testing.T) {
	server := servers.Redis(t)
	answers(t, "+OK", server.Addr, "SET k v")
	addr := server.Addr
	for range 2 {
		server.Stop()
		_, err := ask(addr, "PING")
		require.Error(t, err)
		server.Start()
		assert.Equal(t, addr, server.Addr)
		answers(t, ":0", addr, "DBSIZE")
	}
}

func TestRedisKeepsWhatItIsAskedToKeep(t *testing.T) {
	server := servers.Redis(t, "--appendonly", "yes")
	answers(t, "+OK", server.Addr, "SET k v")
	server.Stop()
	server.Start()
	answers(t, ":1", server.Addr, "DBSIZE")
}

func TestRedisHangs(t *testing.T) {
	server := servers.Redis(t)
	server.Pause()
	_, err := ask(server.Addr, "PING")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	server.Resume()
	answers(t, "+PONG", server.Addr, "PING")
	server.Pause() // ends with the test all the same
}

func TestClusterGoesOnWithoutANode(t *testing.T) {
	c := servers.RedisCluster(t)
	require.Len(t, c.Addrs(), 3)
	served := 0
	for _, addr := range c.Addrs() { // the slot of a key is one node's alone
		if got, err := ask(addr, "SET k v"); assert.NoError(t, err) && got == "+OK\r\n" {
			served++
		}
	}
	assert.Equal(t, 1, served)
	c.Nodes[0].Stop()
	c.Nodes[0].Start()
	answers(t, "+PONG", c.Nodes[0].Addr, "PING")
}

// orphan is the environment of a test process that starts a server and dies.
const orphan = "SERVERS_TEST_ORPHAN"

func TestRedisDiesWithTheTest(t *testing.T) {
	if os.Getenv(orphan) != "" {
		server := servers.Redis(t)
		_, _ = os.Stdout.WriteString("addr " + server.Addr + "\n")
		select {} // until the kill
	}
	servers.Redis(t) // skips where there is none
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestRedisDiesWithTheTest$")
	cmd.Env = append(os.Environ(), orphan+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr := line[len("addr ") : len(line)-1]
	answers(t, "+PONG", addr, "PING")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	assert.Eventually(t, func() bool {
		_, err := ask(addr, "PING")
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
}

func TestMissingProgram(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		said := &recorder{TB: t}
		said.run(func() { servers.Lookup(said, "no-such-server", "no-such-package") })
		assert.Equal(t, want, said.verdict)
		assert.Contains(t, said.reason, "apt-get install no-such-package")
	}
}
