package pool_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aitransport/aitransport/pool"
)

// An *http.Transport is an Agent: one for each endpoint and route.
func Example() {
	p := pool.New(pool.Config{MaxAgents: 20, TTL: time.Minute})
	defer p.Close()

	key := pool.Key{Scheme: "https", Host: "api.openai.com:443", HTTP2: true}
	create := func(context.Context) (pool.Agent, error) {
		fmt.Println("creating")
		return &http.Transport{ForceAttemptHTTP2: true}, nil
	}
	for range 2 {
		lease, err := p.Acquire(context.Background(), key, create)
		if err != nil {
			fmt.Println(err)
			return
		}
		// lease.Agent().RoundTrip(req), and when the answer's body is closed:
		lease.Release()
	}
	s := p.Stats()
	fmt.Println(s.Agents, "agent,", s.Hits, "hit,", s.Misses, "miss")
	// Output:
	// creating
	// 1 agent, 1 hit, 1 miss
}

// A user who finds an agent bad has the next one get a new one. Those at work with
// the old one finish undisturbed.
func ExampleLease_MarkUnhealthy() {
	p := pool.New(pool.Config{})
	defer p.Close()
	create := func(context.Context) (pool.Agent, error) { return &http.Transport{}, nil }
	key := pool.Key{Scheme: "https", Host: "api.openai.com:443"}

	old, _ := p.Acquire(context.Background(), key, create)
	old.MarkUnhealthy(errors.New("certificate has expired"))
	next, _ := p.Acquire(context.Background(), key, create)
	fmt.Println("same agent:", old.Agent() == next.Agent())
	fmt.Println("draining:", p.Stats().Draining)
	old.Release() // closes it
	fmt.Println("draining:", p.Stats().Draining)
	next.Release()
	// Output:
	// same agent: false
	// draining: 1
	// draining: 0
}

// Shutdown waits for the users, for as long as its context lets it.
func ExamplePool_Shutdown() {
	p := pool.New(pool.Config{})
	create := func(context.Context) (pool.Agent, error) { return &http.Transport{}, nil }
	key := pool.Key{Scheme: "https", Host: "api.openai.com:443"}
	lease, _ := p.Acquire(context.Background(), key, create)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	fmt.Println(p.Shutdown(ctx)) // the lease is still out: closed without its user
	lease.Release()
	_, err := p.Acquire(context.Background(), key, create)
	fmt.Println(err)
	// Output:
	// context deadline exceeded
	// pool: closed
}

// A key can be printed: whatever the verb, its route is left out.
func ExampleKey() {
	key := pool.Key{Scheme: "https", Host: "api.openai.com:443", Route: "the proxy's fingerprint", HTTP2: true}
	fmt.Printf("%+v\n", key)
	fmt.Println(key.Origin())
	// Output:
	// https://api.openai.com:443 through a proxy (h2)
	// https://api.openai.com:443
}
