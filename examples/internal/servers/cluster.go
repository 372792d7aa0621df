package servers

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cluster is a Redis Cluster of a test: three servers that share the slots, and no replicas.
type Cluster struct {
	Nodes []*Server // each can be stopped and started again
}

// RedisCluster starts three servers and makes a cluster of them with redis-cli --cluster create. It returns once each
// server knows of all slots, which takes a few seconds. While a node is stopped the slots of the others are served.
func RedisCluster(tb testing.TB) *Cluster {
	tb.Helper()
	cli := lookup(tb, "redis-cli", "redis-tools")
	c := &Cluster{}
	for range 3 {
		c.Nodes = append(c.Nodes, redisNode(tb, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(hold(tb)),
			"--cluster-node-timeout", "5000", "--cluster-require-full-coverage", "no"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	create := exec.CommandContext(ctx, cli, append(append([]string{"--cluster", "create"}, c.Addrs()...), "--cluster-yes")...) //nolint:gosec // a program of the test's choice
	if printed, err := create.CombinedOutput(); err != nil {
		tb.Fatalf("servers: create a cluster of %v: %v; redis-cli printed:\n%s", c.Addrs(), err, printed)
	}
	for _, node := range c.Nodes {
		node.await("CLUSTER INFO", func(answer string) bool {
			return strings.Contains(answer, "cluster_state:ok") && strings.Contains(answer, "cluster_slots_ok:16384")
		})
	}
	return c
}

// Addrs is where the nodes listen.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		addrs[i] = node.Addr
	}
	return addrs
}
