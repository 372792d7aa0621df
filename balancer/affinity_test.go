package balancer_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
)

func TestAffinityMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{MaxEntries: 10})
		for i := range 100 {
			require.NoError(t, m.Put(t.Context(), "a", time.Minute, fmt.Sprint(i)))
			got, err := m.Get(t.Context(), "0")
			require.NoError(t, err)
			require.Equal(t, []string{"a"}, got, "what is used stays")
		}
		assert.Equal(t, 10, m.Len())
		time.Sleep(time.Minute)
		for i := range 3 {
			require.NoError(t, m.Put(t.Context(), "a", time.Minute, fmt.Sprint("new-", i)))
		}
		assert.Equal(t, 3, m.Len(), "what is over goes when something comes")
	})
	m := balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{MaxEntries: -1})
	for i := range 150_000 {
		require.NoError(t, m.Put(t.Context(), "a", time.Hour, fmt.Sprint(i)))
	}
	assert.LessOrEqual(t, m.Len(), 100_000)
	assert.Greater(t, m.Len(), 90_000)
}

// A flood of answers does not push out a batch or a file that nobody asks about for a
// while.
func TestAnswersTakeNoRoomFromOtherThings(t *testing.T) {
	m := balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{MaxEntries: 10})
	known := func(id string) bool {
		got, err := m.Get(t.Context(), balancer.ObjectKey("s", "t", id))
		require.NoError(t, err)
		return got[0] == "a"
	}
	put := func(id string) {
		require.NoError(t, m.Put(t.Context(), "a", time.Hour, balancer.ObjectKey("s", "t", id)))
	}
	for _, id := range []string{"batch_1", "file-1", "files/resp_1"} {
		put(id)
	}
	for i := range 100 {
		put(fmt.Sprint("resp_", i))
		put(fmt.Sprint("chatcmpl-", i))
	}
	for _, id := range []string{"batch_1", "file-1", "files/resp_1", "resp_99", "chatcmpl-99"} {
		assert.True(t, known(id), id)
	}
	assert.False(t, known("resp_1"))
	assert.Equal(t, 13, m.Len())
	for i := range 100 {
		put(fmt.Sprint("file-", i))
	}
	assert.True(t, known("resp_99"), "nor the other way round")
	assert.False(t, known("batch_1"))
	assert.Equal(t, 20, m.Len())
	require.NoError(t, m.Delete(t.Context(), balancer.ObjectKey("s", "t", "resp_99")))
	assert.False(t, known("resp_99"))
}

func TestObjectKey(t *testing.T) {
	seen := map[string][3]string{}
	for _, c := range [][3]string{
		{"", "", ""}, {"a", "", ""}, {"", "a", ""}, {"", "", "a"}, {"a", "b", "c"}, {"ab", "", "c"}, {"", "ab", "c"}, {"a", "", "bc"},
		{"a\x00", "b", "c"}, {"a", "\x00b", "c"}, {"A", "b", "c"}, {"https://api.openai.com/v1", "t", "resp_1"}, {"https://api.openai.com/v1", "t", "chatcmpl-1"},
		{"https://api.openai.com/v1", "t", strings.Repeat("x", 5000)},
	} {
		key := balancer.ObjectKey(c[0], c[1], c[2])
		assert.NotContains(t, seen, key, "%q", c)
		seen[key] = c
		assert.Len(t, key, 50)
		assert.Equal(t, key, balancer.ObjectKey(c[0], c[1], c[2]))
	}
	assert.NotContains(t, balancer.ObjectKey("s", "somebody", "resp_1"), "somebody")
}
