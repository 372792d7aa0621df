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

func TestObjectKey(t *testing.T) {
	seen := map[string][3]string{}
	for _, c := range [][3]string{
		{"", "", ""}, {"a", "", ""}, {"", "a", ""}, {"", "", "a"}, {"a", "b", "c"}, {"ab", "", "c"}, {"", "ab", "c"}, {"a", "", "bc"},
		{"a\x00", "b", "c"}, {"a", "\x00b", "c"}, {"A", "b", "c"}, {"https://api.openai.com/v1", "t", "resp_1"},
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
