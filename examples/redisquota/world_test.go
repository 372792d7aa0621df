package redisquota_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it has much to say about servers that are away
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = flag.Set("test.parallel", "12") // a number; the tests mostly wait
	}
	goleak.VerifyTestMain(m)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// trips counts what a client sends, but for what it says on each new connection.
type trips struct{ sent atomic.Int64 }

func (c *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.count(cmd)
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.count(cmds...)
		return next(ctx, cmds)
	}
}

func (c *trips) count(cmds ...redis.Cmder) {
	for _, cmd := range cmds {
		if !slices.Contains([]string{"hello", "client", "auth", "select", "cluster", "command"}, cmd.Name()) {
			c.sent.Add(1)
		}
	}
}

// during is how many commands f sent.
func (c *trips) during(t *testing.T, f func() error) int {
	t.Helper()
	before := c.sent.Load()
	require.NoError(t, f())
	return int(c.sent.Load() - before)
}

// connect is a client of the servers, as a program has one, and what counts its commands.
func connect(t testing.TB, addrs ...string) (redis.UniversalClient, *trips) {
	t.Helper()
	client := redis.NewUniversalClient(redisstores.Options(addrs...))
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	counter := &trips{}
	client.AddHook(counter)
	return client, counter
}

var prefixes atomic.Int64

// apart is a prefix that no other test has.
func apart() string { return fmt.Sprint("test:", prefixes.Add(1)) }

func open(t testing.TB, client redis.Scripter, prefix string) *redisquota.Store {
	t.Helper()
	store, err := redisquota.New(redisquota.Config{Script: redisstores.Script(client), Prefix: prefix})
	require.NoError(t, err)
	return store
}

// worlds are the servers that stores must work on.
var worlds = []struct {
	name  string
	start func(testing.TB) []string
}{
	{"single", func(t testing.TB) []string { return []string{servers.Redis(t).Addr} }},
	{"cluster", func(t testing.TB) []string { return servers.RedisCluster(t).Addrs() }},
}

const long = time.Hour

func total(u quota.Unit, most int64) quota.Limit {
	return quota.Limit{Unit: u, Max: most, Window: quota.Total()}
}

func minutely(u quota.Unit, most int64) quota.Limit {
	return quota.Limit{Unit: u, Max: most, Window: quota.Rolling(time.Minute)}
}

func inFlight(most int64) quota.Limit { return quota.Limit{Unit: quota.InFlight, Max: most} }
