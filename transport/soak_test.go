package transport_test

import (
	"context"
	"flag"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

var soak = flag.Bool("soak", false, "let TestEndpointThatDiesEverySecond take its seconds: some four minutes")

// mortality is how an endpoint lives and dies, and what is asked of it.
type mortality struct {
	lives    time.Duration // 0: as long as it takes to answer so many:
	answers  int
	dead     time.Duration // each time
	requests int
	work     time.Duration // that one answer takes, at most
}

var (
	everySecond = mortality{lives: 700 * time.Millisecond, dead: 300 * time.Millisecond, requests: 10_000, work: 200 * time.Millisecond}
	inShort     = mortality{answers: 100, dead: 10 * time.Millisecond, requests: 1_700, work: 10 * time.Millisecond}
)

// An endpoint is killed and comes back again and again under the requests of 32
// callers. Each of them gets its own answer, whole, or an error that says where it
// failed; what an error calls unsent the endpoint has never seen, and nothing is seen
// twice. Afterwards nothing is left of all that, though the Transport stays in use.
//
// With -soak the endpoint dies every second under 10,000 requests by each route.
// Without, it dies after every 100 answers, under 10,200 requests in all.
func TestEndpointThatDiesEverySecond(t *testing.T) {
	m := inShort
	if *soak {
		m = everySecond
	}
	ca := newCA(t)
	for _, c := range []struct {
		route string
		up    upstream
	}{
		{"direct", upstreams[0]},
		{"direct", upstreams[1]},
		{"direct", upstreams[2]},
		{"http", upstreams[0]}, // whole URLs
		{"http", upstreams[2]}, // CONNECT
		{"socks5", upstreams[1]},
	} {
		t.Run(c.route+"/"+c.up.name, func(t *testing.T) {
			run := newSoakRun(m)
			server := c.up.start(t, ca, run)
			config, r := through(t, c.route, transport.Config{TLS: trust(ca)})
			tr := newTransport(t, config)
			before := goleak.IgnoreCurrent()

			run.against(t, tr, server)
			run.check(t, c.route, c.up)
			t.Log(run.figures(server))

			_, body := exchange(t, tr, newRequest(t, http.MethodPost, server.URL()+"/last", strings.NewReader("last")))
			assert.Equal(t, answerTo("last"), body, "it is still in use")
			origins := 1
			if c.up.h2 {
				origins = 2 // one for HTTP/1.1, if HTTP/2 seemed to fail
			}
			stats := tr.Stats()
			assert.Zero(t, stats.InUse)
			assert.LessOrEqual(t, stats.Agents, origins)
			assert.LessOrEqual(t, stats.Conns, manyCallers)

			tr.CloseIdleConnections()
			assert.Zero(t, tr.Stats().Conns)
			require.NoError(t, server.Wait(bounded(t), nothingOpen))
			if r != nil {
				require.NoError(t, r.Wait(bounded(t), nothingOpen))
			}
			goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction(listening))

			require.NoError(t, tr.Close())
			assert.Zero(t, tr.Stats().Agents)
			require.NoError(t, server.Close())
			run.checkHits(t)
		})
	}
}

// listening is the kit's own goroutine, a new one after each death.
const listening = "github.com/aitransport/aitransport/transport/transporttest.(*port).accept"

// kill lets the endpoint live and die until the context ends, and leaves it alive.
// each runs before each death.
func (s *soakRun) kill(ctx context.Context, server *transporttest.Server, each func()) (deaths int) {
	for s.live(ctx) {
		each()
		deaths++
		server.Down()
		server.CloseConnections()
		elapse(ctx, s.dead)
		server.Up()
	}
	return deaths
}

// live waits until the endpoint is to die; false: not any more.
func (s *soakRun) live(ctx context.Context) bool {
	if s.lives > 0 {
		return elapse(ctx, s.lives)
	}
	select {
	case <-s.old:
		return true
	case <-ctx.Done():
		return false
	}
}
