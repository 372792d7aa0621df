package redisaffinity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aitransport/aitransport/balancer"
)

const (
	getScript    = `return redis.call('MGET', unpack(KEYS))`
	deleteScript = `return redis.call('DEL', unpack(KEYS))`
	putScript    = `for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end return #KEYS`
)

// Script runs a Lua script on a Redis server, as EVAL or EVALSHA do, and returns its reply as the client gives it: a list
// as []any, text as string or []byte, nil as nil. The keys are all in one slot, the args are strings of any bytes. It may
// be called by any number of goroutines, and should give up when the context is done.
//
// A client that sends a call again when the answer was lost does no harm.
type Script func(ctx context.Context, script string, keys []string, args ...any) (any, error)

// Config says where a Store keeps what it knows.
type Config struct {
	// Script runs a script on the server. It is required.
	Script Script

	// Prefix begins the names of the keys; "": "aitransport:affinity". Programs that share it, and Slots, share what
	// they know. It holds no braces.
	Prefix string

	// Slots is over how many slots of a Redis Cluster the keys are spread; 0: 1; at most 1,024. With more than one, a
	// call that names several keys is one call of the script for each slot that they are in, all at once.
	Slots int
}

const (
	defaultPrefix = "aitransport:affinity"
	maxSlots      = 1024
	maxKeys       = 128 // as balancer.AffinityStore says
)

// Store is a [balancer.AffinityStore] on Redis. It has no goroutine and needs no Close: the client is the caller's. Its
// methods may be called by any number of goroutines. No error of its own holds a key.
type Store struct {
	script Script
	tags   []string // the prefix of the keys of each slot
}

var _ balancer.AffinityStore = (*Store)(nil)

// New is a Store. It does not call the server.
func New(c Config) (*Store, error) {
	switch {
	case c.Script == nil:
		return nil, errors.New("redisaffinity: Config.Script is nil: give it a func that runs a script, as the package's description shows")
	case strings.ContainsAny(c.Prefix, "{}"):
		return nil, fmt.Errorf("redisaffinity: Config.Prefix %q holds a brace: the store sets the braces itself", c.Prefix)
	case c.Slots < 0 || c.Slots > maxSlots:
		return nil, fmt.Errorf("redisaffinity: Config.Slots %d: between 0 (1) and %d", c.Slots, maxSlots)
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Slots <= 1 {
		return &Store{script: c.Script, tags: []string{"{" + c.Prefix + "}:"}}, nil
	}
	s := &Store{script: c.Script, tags: make([]string, c.Slots)}
	for i := range s.tags {
		s.tags[i] = "{" + c.Prefix + ":" + strconv.Itoa(i) + "}:"
	}
	return s, nil
}

// Get implements [balancer.AffinityStore].
func (s *Store) Get(ctx context.Context, keys ...string) ([]string, error) {
	accounts := make([]string, len(keys))
	err := s.each(ctx, keys, func(ctx context.Context, names []string, at []int) error {
		reply, err := s.script(ctx, getScript, names)
		if err != nil {
			return err
		}
		found, err := texts(reply, len(names))
		if err != nil {
			return err
		}
		for i, account := range found {
			accounts[at[i]] = account
		}
		return nil
	})
	if err != nil {
		return nil, s.failed("get", len(keys), err)
	}
	return accounts, nil
}

// Put implements [balancer.AffinityStore].
func (s *Store) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	if ttl <= 0 {
		return s.Delete(ctx, keys...)
	}
	millis := strconv.FormatInt(int64((ttl-1)/time.Millisecond)+1, 10) // rounded up
	err := s.each(ctx, keys, func(ctx context.Context, names []string, _ []int) error {
		_, err := s.script(ctx, putScript, names, account, millis)
		return err
	})
	return s.failed("put", len(keys), err)
}

// Delete implements [balancer.AffinityStore].
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	err := s.each(ctx, keys, func(ctx context.Context, names []string, _ []int) error {
		_, err := s.script(ctx, deleteScript, names)
		return err
	})
	return s.failed("delete", len(keys), err)
}

// each calls do for the keys of each slot, with their names in Redis and where they stand in keys. The first error ends
// the other calls.
func (s *Store) each(ctx context.Context, keys []string, do func(ctx context.Context, names []string, at []int) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(keys) > maxKeys {
		return fmt.Errorf("at most %d at a time", maxKeys)
	}
	type group struct {
		names []string
		at    []int
	}
	groups := make(map[int]*group, 1)
	for i, key := range keys {
		slot, name := s.name(key)
		g := groups[slot]
		if g == nil {
			g = &group{}
			groups[slot] = g
		}
		g.names, g.at = append(g.names, name), append(g.at, i)
	}
	if len(groups) <= 1 {
		for _, g := range groups {
			return do(ctx, g.names, g.at)
		}
		return nil
	}
	calls, ctx := errgroup.WithContext(ctx)
	for _, g := range groups {
		calls.Go(func() error { return do(ctx, g.names, g.at) })
	}
	return calls.Wait()
}

// name is the key's in Redis.
func (s *Store) name(key string) (slot int, name string) {
	sum := sha256.Sum256([]byte(key))
	slot = (int(sum[0])<<8 | int(sum[1])) % len(s.tags)
	return slot, s.tags[slot] + base64.RawURLEncoding.EncodeToString(sum[:])
}

// failed is err with what was tried; nil stays nil.
func (s *Store) failed(what string, keys int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisaffinity: %s %d keys (%s…): %w", what, keys, s.tags[0], err)
}

// texts is a reply of n texts; nil is the empty one.
func texts(reply any, n int) ([]string, error) {
	const ask = "does Config.Script return what the script returns, unchanged?"
	parts, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("the reply is of type %T, want a list ([]any): %s", reply, ask)
	}
	if len(parts) != n {
		return nil, fmt.Errorf("the reply is a list of %d, want one of %d: %s", len(parts), n, ask)
	}
	list := make([]string, n)
	for i, part := range parts {
		switch t := part.(type) {
		case nil:
		case string:
			list[i] = t
		case []byte:
			list[i] = string(t)
		default:
			return nil, fmt.Errorf("the reply is a list with a part of type %T, want text (string or []byte) or nil: %s", part, ask)
		}
	}
	return list, nil
}
