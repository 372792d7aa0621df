package redisquota

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/lost"
)

var (
	//go:embed lib.lua
	library string
	//go:embed reserve.lua
	reserveText string
	//go:embed settle.lua
	settleText string
	//go:embed renew.lua
	renewText string
	//go:embed levels.lua
	levelsText string
	//go:embed reset.lua
	resetText string
	//go:embed grant.lua
	grantText string

	reserveScript = library + reserveText
	settleScript  = library + settleText
	renewScript   = library + renewText
	levelsScript  = library + levelsText
	resetScript   = library + resetText
	grantScript   = library + grantText
)

// Script runs a Lua script on a Redis server, as EVAL or EVALSHA do, and returns its reply as the client gives it: a list
// as []any, text as string or []byte, nil as nil. The keys are all in one slot, the args are strings
// of any bytes. It may be called by any number of goroutines, and should give up when the context is done.
//
// A client that sends a call again when the answer was lost does no harm.
type Script func(ctx context.Context, script string, keys []string, args ...any) (any, error)

// Config says where counts are kept.
type Config struct {
	// Script runs a script on the server. It is required.
	Script Script

	// Prefix begins the names of the keys; "": "aitransport:quota". Programs that share it share the counts. It holds no
	// braces.
	Prefix string
}

const defaultPrefix = "aitransport:quota"

// Store is a [quota.Store] on Redis; it is a [quota.Renewer], a [quota.Inspector] and a [quota.Granter] too. It has no
// goroutine and needs no Close: the client is the caller's. Its methods may be called by any number of goroutines. Its
// errors name keys of the quota, and hold no other secret of the caller's.
//
// A Reserve whose answer is lost may have been carried out. The next Reserve or Settle of this Store for its key cancels
// what it may have reserved, in the same call, long before it would expire. 10,000 such are remembered, 1,000 of a key;
// more of them, and those of a program that ends, expire by themselves.
type Store struct {
	script Script
	prefix string
	ahead  atomic.Int64 // nanoseconds by which the server's clock is ahead of ours, as far as it matters
	lost   lost.List    // reservations that may have been made though the answer says not, or did not come
}

var _ interface {
	quota.Store
	quota.Renewer
	quota.Inspector
	quota.Granter
} = (*Store)(nil)

// New is a Store. It does not call the server.
func New(c Config) (*Store, error) {
	if c.Script == nil {
		return nil, errors.New("redisquota: Config.Script is nil: give it a func that runs a script, as the package's description shows")
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return nil, fmt.Errorf("redisquota: Config.Prefix %q holds a brace: the store sets the braces itself", c.Prefix)
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	return &Store{script: c.Script, prefix: c.Prefix}, nil
}

// tagged escapes what would end a hash tag.
var tagged = strings.NewReplacer("%", "%25", "}", "%7D")

// names are those of the keys in Redis of a key of the quota.
func (s *Store) names(key string, more ...string) []string {
	tag := "{" + s.prefix + ":" + tagged.Replace(key) + "}:"
	names := []string{tag + "counts", tag + "records", tag + "live", tag + "kept"}
	for _, name := range more {
		names = append(names, tag+name)
	}
	return names
}

// Reserve implements [quota.Store].
func (s *Store) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if err := quota.CheckReserve(key, limits, a, ttl); err != nil {
		return quota.Reservation{}, err
	}
	if err := check(ctx, key, limits); err != nil {
		return quota.Reservation{}, err
	}
	r := quota.Reservation{ID: rand.Text(), Key: key}
	sent, told := time.Now(), s.lost.Of(key)
	answer, err := s.callWithLimits(ctx, reserveScript, s.names(key), []any{r.ID, micros(ttl), strings.Join(told, " ")}, limits, a)
	if err == nil && answer.word != "ok" && answer.word != "full" {
		err = errWord(answer.word)
	}
	if err != nil {
		if !errors.Is(err, ErrClock) { // the server said three times that it did nothing
			s.lost.Add(key, r.ID, min(ttl, maxTTL))
		}
		return quota.Reservation{}, s.failed("reserve", key, err)
	}
	s.lost.Done(key, told)
	if answer.word == "full" {
		return quota.Reservation{}, s.exceeded(key, limits, a, answer)
	}
	r.Expires = sent.Add(ttl)
	return r, nil
}

// exceeded is the error of a reservation that the server refused.
func (s *Store) exceeded(key string, limits []quota.Limit, a quota.Amount, full answer) error {
	standings, err := full.standings(limits)
	if err != nil {
		return s.failed("reserve", key, err)
	}
	e := quota.NewExceededError(key, limits, a, standings)
	if e == nil {
		return s.failed("reserve", key, errors.New("the server refuses what its counts have room for"))
	}
	return e
}

// Settle implements [quota.Store].
func (s *Store) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if err := quota.CheckSettle(r, used); err != nil {
		return err
	}
	args := []any{r.ID}
	for u := quota.Requests; u <= quota.Cost; u++ {
		args = append(args, strconv.FormatInt(min(used.Of(u), MaxLimit+1), 10))
	}
	told := s.lost.Of(r.Key)
	err := s.do(ctx, settleScript, s.names(r.Key), append(args, strings.Join(told, " "))...)
	if err == nil {
		s.lost.Done(r.Key, told)
	}
	return s.failed("settle", r.Key, err)
}

// Renew implements [quota.Renewer].
func (s *Store) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (quota.Reservation, error) {
	if err := quota.CheckRenew(r, ttl); err != nil {
		return quota.Reservation{}, err
	}
	sent := time.Now()
	answer, err := s.call(ctx, renewScript, s.names(r.Key), r.ID, micros(ttl))
	switch {
	case err != nil:
		return quota.Reservation{}, s.failed("renew", r.Key, err)
	case answer.word == "ok":
		r.Expires = sent.Add(ttl)
		return r, nil
	case answer.word == "none":
		return quota.Reservation{}, quota.ErrExpired
	default:
		return quota.Reservation{}, s.failed("renew", r.Key, errWord(answer.word))
	}
}

// failed is err with what was tried; nil stays nil.
func (s *Store) failed(what, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisquota: %s for key %q (keys {%s:…}): %w", what, key, s.prefix, err)
}
