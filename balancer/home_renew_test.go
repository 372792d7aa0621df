package balancer_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// writtenAffinity counts what is written to a store.
type writtenAffinity struct {
	balancer.AffinityStore
	mu            sync.Mutex
	puts, deletes int
	last          []string // the keys that were put last
	fails         bool
}

func (w *writtenAffinity) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	w.mu.Lock()
	w.puts += len(keys)
	w.last = keys
	fails := w.fails
	w.mu.Unlock()
	if fails {
		return errBroken
	}
	return w.AffinityStore.Put(ctx, account, ttl, keys...)
}

func (w *writtenAffinity) Delete(ctx context.Context, keys ...string) error {
	w.mu.Lock()
	w.deletes += len(keys)
	w.mu.Unlock()
	return w.AffinityStore.Delete(ctx, keys...)
}

// newWrittenWorld is a world whose store counts what is written to it.
func newWrittenWorld(t *testing.T, ttl time.Duration) (*homeWorld, *writtenAffinity) {
	t.Helper()
	store := &writtenAffinity{AffinityStore: balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{})}
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}), func(c *balancer.Config) {
		c.Affinity, c.AffinityTTL = store, ttl
	})
	return w, store
}

// file makes a file in the third account.
func (w *homeWorld) file(t *testing.T) (id string) {
	t.Helper()
	status, answer, _ := w.call(t, balancer.Hint{Account: "third"}, http.MethodPost, filesURL, "form:{}")
	require.Equal(t, http.StatusOK, status, answer)
	return idOf(t, answer, "id")
}

// useFile asks about a file, of which the answer says nothing, and tells who answered.
func (w *homeWorld) useFile(t *testing.T, hint balancer.Hint, id string) (account string) {
	t.Helper()
	status, answer, account := w.call(t, hint, http.MethodPost, responsesURL,
		`{"model":"gpt-5","store":false,"input":[{"role":"user","content":[{"type":"input_file","file_id":"`+id+`"}]}]}`)
	require.Equal(t, http.StatusOK, status, answer)
	return account
}

// A file that is used every day is not forgotten after 30 days.
func TestThingsInUseAreNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
		id := w.file(t)
		for day := range 40 {
			require.Equal(t, "third", w.useFile(t, balancer.Hint{}, id), "day %d", day)
			time.Sleep(24 * time.Hour)
		}
	})
}

// What is used all the time is written down now and then, whoever tells where it lives.
func TestThingsInUseAreSeldomWrittenDown(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, w *homeWorld, id string){
		"by a request": func(t *testing.T, w *homeWorld, id string) { w.useFile(t, balancer.Hint{}, id) },
		"by a hint":    func(t *testing.T, w *homeWorld, id string) { w.useFile(t, balancer.Hint{Account: "third"}, id) },
		"by an answer": func(t *testing.T, w *homeWorld, id string) {
			status, _, by := w.call(t, balancer.Hint{}, http.MethodGet, filesURL+"/"+id, "")
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, "third", by)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, store := newWrittenWorld(t, 4*time.Hour)
				id := w.file(t)
				require.Equal(t, 1, store.puts)
				for range 59 {
					time.Sleep(time.Minute)
					use(t, w, id)
				}
				assert.Equal(t, 1, store.puts, "a quarter of its time has not passed")
				time.Sleep(time.Minute)
				use(t, w, id)
				use(t, w, id)
				assert.Equal(t, 2, store.puts)
				time.Sleep(3*time.Hour + 59*time.Minute)
				assert.Equal(t, "third", w.useFile(t, balancer.Hint{}, id))
				assert.Equal(t, 3, store.puts)
			})
		})
	}
}

// What the store has lost, or could not write, or knows of another account is written
// again at once.
func TestWhatTheStoreDoesNotKnowIsWrittenAtOnce(t *testing.T) {
	for name, happen := range map[string]func(t *testing.T, store *writtenAffinity){
		"lost": func(t *testing.T, store *writtenAffinity) {
			require.NoError(t, store.AffinityStore.Delete(t.Context(), store.last...))
		},
		"known elsewhere": func(t *testing.T, store *writtenAffinity) {
			require.NoError(t, store.AffinityStore.Put(t.Context(), "second", time.Hour, store.last...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, store := newWrittenWorld(t, 0)
			id := w.file(t)
			happen(t, store)
			_, _, _ = w.call(t, balancer.Hint{}, http.MethodGet, filesURL+"/"+id, "") // goes wrong
			w.useFile(t, balancer.Hint{Account: "third"}, id)
			assert.Equal(t, "third", w.useFile(t, balancer.Hint{}, id))
		})
	}
	t.Run("not written", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, store := newWrittenWorld(t, 0)
			store.fails = true
			id := w.file(t)
			store.fails = false
			time.Sleep(time.Second) // it is left alone
			w.useFile(t, balancer.Hint{Account: "third"}, id)
			assert.Equal(t, 2, store.puts)
			assert.Equal(t, "third", w.useFile(t, balancer.Hint{}, id))
			assert.Equal(t, 2, store.puts)
		})
	})
}

// What was deleted is forgotten; what a part was deleted of is not, and neither is what
// could not be deleted.
func TestDeletedThingsAreForgotten(t *testing.T) {
	const storesURL = "https://api.openai.com/v1/vector_stores"
	answers := func(status int, body string) providertest.Step {
		return providertest.Status(status, http.Header{"Content-Type": {"application/json"}}, body)
	}
	for name, tt := range map[string]struct {
		path      string // below the URL of the stores
		answer    providertest.Step
		forgotten bool
	}{
		"deleted":       {"/vs_1", answers(http.StatusOK, `{"id":"vs_1","deleted":true}`), true},
		"a part of it":  {"/vs_1/files/file-1", answers(http.StatusOK, `{"id":"file-1","deleted":true}`), false},
		"not permitted": {"/vs_1", answers(http.StatusForbidden, `{"error":{"message":"no"}}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			w, store := newWrittenWorld(t, 0)
			w.fake.Script(answers(http.StatusOK, `{"id":"vs_1"}`))
			status, answer, _ := w.call(t, balancer.Hint{Account: "third"}, http.MethodPost, storesURL, `{}`)
			require.Equal(t, http.StatusOK, status, answer)
			key := store.last
			w.fake.Script(tt.answer)
			_, _, by := w.call(t, balancer.Hint{}, http.MethodDelete, storesURL+tt.path, "")
			require.Equal(t, "third", by)
			known, err := store.Get(t.Context(), key...)
			require.NoError(t, err)
			want := map[bool]string{false: "third", true: ""}
			assert.Equal(t, []string{want[tt.forgotten]}, known)
			assert.Equal(t, tt.forgotten, store.deletes == 1, store.deletes)
		})
	}
}
