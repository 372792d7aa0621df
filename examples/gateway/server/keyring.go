package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const (
	keyFresh   = 5 * time.Second // how long what was found, or not, is believed
	keyStale   = time.Minute     // how long a known key goes on while the store fails
	keyTimeout = 5 * time.Second // for one question to the store

	maxKeys     = 50_000 // known ones that are remembered
	maxUnknown  = 10_000 // others
	maxLookups  = 64     // questions to the store at the same time
	maxKeyBytes = 512
)

// keyring finds keys by their secrets. It is safe for concurrent use.
type keyring struct {
	store      Store
	log        *slog.Logger
	configured map[string]*holder // by hash

	known   *lru.Cache[string, found]
	unknown *lru.Cache[string, time.Time] // until when
	slots   chan struct{}

	mu      sync.Mutex
	flights map[string]*flight
}

// found is a key and when it was looked up.
type found struct {
	holder *holder
	at     time.Time
}

// flight is a question to the store that several wait for.
type flight struct {
	done    chan struct{}
	holder  *holder // nil: there is no such key, or err says why it is not known
	err     error
	outdate bool // somebody has said meanwhile that the key changed
}

func newKeyring(store Store, keys []resource.Key, log *slog.Logger) (*keyring, error) {
	k := &keyring{store: store, log: log, configured: make(map[string]*holder), flights: make(map[string]*flight), slots: make(chan struct{}, maxLookups)}
	for i, key := range keys {
		if raw, err := hex.DecodeString(key.Hash); err != nil || len(raw) != sha256.Size {
			return nil, fmt.Errorf("gateway: Config.Keys[%d] %q: Hash is no SHA-256 in hex", i, key.Name)
		}
		h := newHolder(key)
		if h.broken != nil {
			return nil, fmt.Errorf("gateway: Config.Keys[%d] %q: %w", i, key.Name, h.broken)
		}
		k.configured[key.Hash] = h
	}
	var err error
	if k.known, err = lru.New[string, found](maxKeys); err == nil {
		k.unknown, err = lru.New[string, time.Time](maxUnknown)
	}
	return k, err
}

// find is the key with that secret; nil: there is none. The error is the store's.
func (k *keyring) find(ctx context.Context, secret string) (*holder, error) {
	if secret == "" || len(secret) > maxKeyBytes {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(secret))
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	if h, ok := k.configured[string(text[:])]; ok && subtle.ConstantTimeCompare([]byte(h.Hash), text[:]) == 1 {
		return h, nil
	}
	hash, now := string(text[:]), time.Now()
	before, ok := k.known.Get(hash)
	if ok && now.Sub(before.at) < keyFresh {
		return before.holder, nil
	}
	if until, ok := k.unknown.Get(hash); ok && now.Before(until) {
		return nil, nil
	}
	h, err := k.ask(ctx, hash)
	if err != nil && ok && ctx.Err() == nil && now.Sub(before.at) < keyStale {
		k.log.LogAttrs(ctx, slog.LevelWarn, "Key store failed, a known key goes on", slog.String("key", before.holder.ID), slog.Any("error", err))
		return before.holder, nil
	}
	return h, err
}

// ask asks the store, once for all who want to know at the same time.
func (k *keyring) ask(ctx context.Context, hash string) (*holder, error) {
	k.mu.Lock()
	f, under := k.flights[hash]
	if !under {
		f = &flight{done: make(chan struct{})}
		k.flights[hash] = f
	}
	k.mu.Unlock()
	if under {
		select {
		case <-f.done:
			return f.holder, f.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	f.err = errors.New("the store's Key panicked") // unless it returns
	defer func() {
		k.mu.Lock()
		if k.flights[hash] == f {
			delete(k.flights, hash)
		}
		k.remember(hash, f)
		k.mu.Unlock()
		close(f.done)
	}()
	f.holder, f.err = k.look(ctx, hash)
	return f.holder, f.err
}

// look asks the store. Others may wait for the answer, so the caller's leaving does not
// end it.
func (k *keyring) look(ctx context.Context, hash string) (*holder, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTimeout)
	defer cancel()
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	key, err := k.store.Key(ctx, hash)
	switch {
	case errors.Is(err, resource.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return newHolder(key), nil
}

// remember keeps what a flight has found, unless it may be out of date.
func (k *keyring) remember(hash string, f *flight) {
	switch {
	case f.outdate || f.err != nil:
	case f.holder == nil:
		k.known.Remove(hash)
		k.unknown.Add(hash, time.Now().Add(keyFresh))
	default:
		k.known.Add(hash, found{f.holder, time.Now()})
	}
}

// forget has the key looked up again at its next use.
func (k *keyring) forget(hash string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f, ok := k.flights[hash]; ok {
		f.outdate = true
		delete(k.flights, hash) // who comes now asks anew
	}
	k.known.Remove(hash)
	k.unknown.Remove(hash)
}
