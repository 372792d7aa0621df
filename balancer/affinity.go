package balancer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// AffinityStore remembers in which account things live that an account keeps: stored
// responses, files, batches. Its methods may be called by any number of goroutines,
// and for a shared store by any number of processes. The suite in affinitytest checks
// these promises.
//
// Keys are not empty and have at most 512 bytes of any kind; those that differ in
// anything are different keys. Accounts are not empty and are kept byte by byte. A call
// names at most 128 keys; one that names none does nothing. The slices of keys stay the
// caller's.
//
// With a context that is already done a method returns an error and nothing happens.
// Where Put or Delete return an error, some of it may have happened.
type AffinityStore interface {
	// Get returns the accounts of the keys, in their order and as many; "": the store
	// does not know, or no longer. The slice belongs to the caller. To read a key does
	// not prolong its time.
	Get(ctx context.Context, keys ...string) (accounts []string, err error)

	// Put remembers that the keys' things live in the account. What was known of a key
	// before is forgotten with its time: of several calls the last one counts. The keys
	// are known for ttl and are gone a second later at the latest. With a ttl of zero
	// or less they are forgotten. A store that is full may forget others early.
	Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error

	// Delete forgets the keys: their things were deleted. To delete what is not known is
	// no error.
	Delete(ctx context.Context, keys ...string) error
}

// AffinityMemoryConfig says how large an AffinityMemory may grow.
type AffinityMemoryConfig struct {
	// MaxEntries bounds how many keys of answers are remembered (responses and stored
	// chat completions, whose ids begin with resp_ or chatcmpl-), and as many of all
	// other things: answers are many and soon of no use, and push out no file or batch
	// that nobody asks about for a while. 0 or less: 100,000. When it is full, a new key
	// takes the place of the one of its sort that was not used for longest. The bound is
	// kept in parts, so a large store may be full for one key and have room for another;
	// one for fewer than 512 has one part. A key takes about 300 bytes.
	MaxEntries int
}

// AffinityMemory is an [AffinityStore] for one process. It has no goroutine and needs no
// Close. Its methods may be called by any number of goroutines; their only error is that
// of a context that is done.
type AffinityMemory struct {
	things, answers []affinityShard // a power of two of each
}

type affinityShard struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, home] // by last use
}

// home is where something lives, and until when that is known.
type home struct {
	account string
	until   time.Time
}

// NewAffinityMemory is an empty AffinityMemory.
func NewAffinityMemory(c AffinityMemoryConfig) *AffinityMemory {
	most := c.MaxEntries
	if most <= 0 {
		most = 100_000
	}
	return &AffinityMemory{things: affinityShards(most), answers: affinityShards(most)}
}

// affinityShards are those of a table for so many.
func affinityShards(most int) []affinityShard {
	shards := make([]affinityShard, shardsFor(most))
	for i := range shards {
		shards[i].known, _ = simplelru.NewLRU[string, home](most/len(shards), nil) // fails for no room only
	}
	return shards
}

// Get implements [AffinityStore].
func (m *AffinityMemory) Get(ctx context.Context, keys ...string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	accounts, now := make([]string, len(keys)), time.Now()
	for i, key := range keys {
		accounts[i] = m.shard(key).get(key, now)
	}
	return accounts, nil
}

func (sh *affinityShard) get(key string, now time.Time) string {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h, ok := sh.known.Get(key)
	if ok && !now.Before(h.until) {
		sh.known.Remove(key)
		return ""
	}
	return h.account
}

// Put implements [AffinityStore].
func (m *AffinityMemory) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	if ttl <= 0 {
		return m.Delete(ctx, keys...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	for _, key := range keys {
		m.shard(key).put(key, home{account, now.Add(ttl)}, now)
	}
	return nil
}

// put remembers a key, and forgets one whose time is over: more than one in a while,
// so that they become fewer.
func (sh *affinityShard) put(key string, h home, now time.Time) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for range swept {
		oldest, was, ok := sh.known.GetOldest()
		if !ok || now.Before(was.until) {
			break
		}
		sh.known.Remove(oldest)
	}
	sh.known.Add(key, h)
}

// Delete implements [AffinityStore].
func (m *AffinityMemory) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, key := range keys {
		sh := m.shard(key)
		sh.mu.Lock()
		sh.known.Remove(key)
		sh.mu.Unlock()
	}
	return nil
}

// Len is how many keys are remembered, among them some whose time is over and that
// nobody has asked for since.
func (m *AffinityMemory) Len() int {
	n := 0
	for _, shards := range [...][]affinityShard{m.things, m.answers} {
		for i := range shards {
			sh := &shards[i]
			sh.mu.Lock()
			n += sh.known.Len()
			sh.mu.Unlock()
		}
	}
	return n
}

func (m *AffinityMemory) shard(key string) *affinityShard {
	shards := m.things
	if strings.HasPrefix(key, answerPrefix) {
		shards = m.answers
	}
	return &shards[mix(hashText(fnvOffset, key))&uint64(len(shards)-1)] //nolint:gosec // a power of two
}

// What the keys of things in an AffinityStore begin with.
const (
	thingPrefix  = "object/"
	answerPrefix = "answer/" // as long
)

// objectKey is the key in an AffinityStore of the thing that a provider calls id: where
// scope is the place that gives out such ids, such as a provider's base URL, and tenant
// whose it is. It is as long for any of these, different where anything in them differs,
// and tells nothing about them but whether it is an answer, so that a store which others
// read holds nobody's names.
func objectKey(scope, tenant, id string) string {
	prefix := thingPrefix
	if strings.HasPrefix(id, "resp_") || strings.HasPrefix(id, "chatcmpl-") {
		prefix = answerPrefix
	}
	text := make([]byte, 0, 256)
	for _, part := range [...]string{scope, tenant, id} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:])
}
