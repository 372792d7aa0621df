package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readyTime is how long a server may take until it answers.
const readyTime = 30 * time.Second

// Server is a Redis server of a test. Its methods must be called from the test's own goroutine, and one at a time.
type Server struct {
	// Addr is where it listens, such as "127.0.0.1:40001". It stays the same when the server is started again.
	Addr string

	tb        testing.TB
	binary    string
	folder    string
	arguments []string
	process   *process // nil: stopped
}

// Redis starts a Redis server without persistence, and returns once it answers. Settings are added to those of the server
// as on its command line: Redis(t, "--appendonly", "yes") keeps what is in it over Stop and Start.
func Redis(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return redisNode(tb, settings...)
}

// redisNode starts a server that is alone or one of a cluster.
func redisNode(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	binary := lookup(tb, "redis-server", "redis-server")
	port := hold(tb)
	s := &Server{tb: tb, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), binary: binary, folder: tb.TempDir()}
	s.arguments = append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.folder, "--daemonize", "no",
		"--save", "", "--appendonly", "no", "--appendfsync", "always",
	}, settings...)
	tb.Cleanup(s.end)
	s.Start()
	return s
}

// hold picks a free port and keeps it for the test.
func hold(tb testing.TB) int {
	tb.Helper()
	port, release, err := holdPort()
	if err != nil {
		tb.Fatalf("servers: find a free port: %v", err)
	}
	tb.Cleanup(release)
	return port
}

// Start starts the server again where it was stopped, and returns once it answers. What was in it is gone, unless a
// setting keeps it.
func (s *Server) Start() {
	s.tb.Helper()
	if s.process != nil {
		s.tb.Fatalf("servers: Start of the Redis server at %s, which runs", s.Addr)
	}
	p, err := launch(s.folder, s.binary, s.arguments...)
	if err != nil {
		s.tb.Fatalf("servers: %v", err)
	}
	s.process = p
	s.await("PING", func(answer string) bool { return answer == "PONG" })
}

// Stop kills the server, as a crash would. Connections to it break, and new ones are refused.
func (s *Server) Stop() {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatalf("servers: Stop of the Redis server at %s, which does not run", s.Addr)
	}
	s.end()
}

// end kills the server if it runs.
func (s *Server) end() {
	s.tb.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.stop(); err != nil {
		s.tb.Errorf("servers: %v", err)
	}
	s.process = nil
}

// Pause has the server hang: connections to it are accepted, and nothing is answered until Resume. It works on Linux alone.
func (s *Server) Pause() { s.tb.Helper(); s.signal((*process).freeze) }

// Resume lets a server go on that was paused.
func (s *Server) Resume() { s.tb.Helper(); s.signal((*process).thaw) }

func (s *Server) signal(send func(*process) error) {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatalf("servers: the Redis server at %s does not run", s.Addr)
	}
	if err := send(s.process); err != nil {
		s.tb.Fatalf("servers: signal the Redis server at %s: %v", s.Addr, err)
	}
}

// await asks the server again and again until it answers as wished.
func (s *Server) await(command string, wished func(answer string) bool) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := ask(ctx, s.Addr, command)
		if err == nil && wished(answer) {
			return
		}
		if err == nil {
			err = fmt.Errorf("it answers %q", answer)
		}
		select {
		case <-tick.C:
		case <-s.process.exited:
			s.tb.Fatalf("servers: the Redis server at %s ended by itself; it printed:\n%s", s.Addr, s.process.printed())
		case <-ctx.Done():
			s.tb.Fatalf("servers: the Redis server at %s is not ready after %v (%s): %v; it printed:\n%s",
				s.Addr, readyTime, command, err, s.process.printed())
		}
	}
}

// ask sends one command and returns the answer, which is a line or a text.
func ask(ctx context.Context, addr, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	return readAnswer(bufio.NewReader(io.LimitReader(conn, 64<<10)))
}

func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSpace(line)
	if line == "" {
		return "", errors.New("an empty answer")
	}
	if line[0] != '$' {
		return line[1:], nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 {
		return "", fmt.Errorf("an answer of %q bytes", line[1:])
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}
