package balancer_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
)

func TestSessionStaysWithItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, 0)
		_, ok := s.Get("t", "s")
		assert.False(t, ok)
		bound, fresh := s.Bind("t", "s", "a")
		assert.Equal(t, "a", bound)
		assert.True(t, fresh)
		bound, fresh = s.Bind("t", "s", "b")
		assert.Equal(t, "a", bound, "it has one")
		assert.False(t, fresh)

		began := time.Now()
		for range 3 {
			time.Sleep(5*time.Minute - 1)
			account, ok := s.Get("t", "s")
			assert.True(t, ok, "each use prolongs its life")
			assert.Equal(t, "a", account)
		}
		assert.Equal(t, []balancer.Session{{
			Tenant: "t", Session: "s", Account: "a", Began: began, LastUsed: time.Now(), Requests: 5,
		}}, s.List(10))

		time.Sleep(5 * time.Minute)
		assert.Empty(t, s.List(10))
		assert.Zero(t, s.Len())
		_, ok = s.Get("t", "s")
		assert.False(t, ok, "it is over")
		bound, fresh = s.Bind("t", "s", "b")
		assert.True(t, fresh)
		assert.Equal(t, "b", bound)
		assert.Equal(t, int64(1), s.List(10)[0].Requests, "another one of the same name")
	})
}

// A session is live while a request of it is under way, and for its life after that.
func TestASessionUnderWayLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, time.Minute)
		s.Begin("t", "s", "a")
		s.Begin("t", "s", "a")
		s.Bind("t", "idle", "a")
		time.Sleep(time.Hour)
		s.Leave("t", "s")
		time.Sleep(time.Hour)
		require.Len(t, s.List(10), 1, "one of two is under way")
		assert.Equal(t, time.Hour, time.Since(s.List(10)[0].LastUsed))
		s.Leave("t", "s")
		time.Sleep(time.Minute - 1)
		account, ok := s.Get("t", "s")
		assert.True(t, ok)
		assert.Equal(t, "a", account)
		time.Sleep(time.Minute)
		assert.Empty(t, s.List(10))

		s.Leave("t", "s") // it is over, and does not come back
		s.Leave("t", "never")
		assert.Zero(t, s.Len())
		s.Begin("t", "cleared", "a")
		s.Clear("t", "cleared")
		s.Bind("t", "cleared", "b")
		s.Leave("t", "cleared") // one of before
		time.Sleep(time.Minute)
		assert.Zero(t, s.Len())
	})
}

// The same name of two tenants is two sessions, whatever bytes the names have.
func TestSessionsOfTenantsAreApart(t *testing.T) {
	s := balancer.NewSessions(0, 0)
	all := [][2]string{{"", "ab"}, {"a", "b"}, {"ab", ""}, {"a\x00", "b"}, {"a", "\x00b"}, {"b", "b"}, {"A", "b"}}
	for i, k := range all {
		_, fresh := s.Bind(k[0], k[1], fmt.Sprint(i))
		assert.True(t, fresh, "%q", k)
	}
	for i, k := range all {
		account, _ := s.Get(k[0], k[1])
		assert.Equal(t, fmt.Sprint(i), account, "%q", k)
	}
	assert.Equal(t, 2, s.ClearTenant("a"))
	_, ok := s.Get("a", "b")
	assert.False(t, ok)
	_, ok = s.Get("b", "b")
	assert.True(t, ok)
}

// A session moves away from an account that failed, and a request that still holds to
// that account does not move it again.
func TestSessionMovesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, time.Minute)
		s.Bind("t", "s", "a")
		bound, moved := s.Rebind("t", "s", "a", "b")
		assert.Equal(t, "b", bound)
		assert.True(t, moved)
		bound, moved = s.Rebind("t", "s", "a", "c") // a late one
		assert.Equal(t, "b", bound)
		assert.False(t, moved)
		bound, moved = s.Rebind("t", "s", "b", "b")
		assert.Equal(t, "b", bound)
		assert.False(t, moved, "that is where it is")
		bound, moved = s.Rebind("t", "unknown", "a", "c")
		assert.Equal(t, "c", bound)
		assert.True(t, moved)

		time.Sleep(59 * time.Second)
		s.Rebind("t", "s", "b", "c")
		time.Sleep(59 * time.Second)
		account, ok := s.Get("t", "s")
		assert.True(t, ok, "to move it is to use it")
		assert.Equal(t, "c", account)
		assert.Equal(t, int64(2), s.List(1)[0].Requests, "one when it was bound, one now")
		time.Sleep(time.Minute)
		bound, moved = s.Rebind("t", "s", "x", "d")
		assert.Equal(t, "d", bound, "it was over")
		assert.True(t, moved)
	})
}

// A session has more than one account where one does not serve all that it asks for.
func TestSessionHasOtherAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, time.Minute)
		accounts := func() []string {
			all := s.List(1)
			require.Len(t, all, 1)
			return append([]string{all[0].Account}, all[0].Others...)
		}
		assert.True(t, s.Extend("t", "s", "x", "a"), "it was not known, or is over")
		assert.Equal(t, []string{"a"}, accounts())
		assert.True(t, s.Extend("t", "s", "a", "b"))
		assert.False(t, s.Extend("t", "s", "a", "c"), "another request has decided")
		assert.False(t, s.Extend("t", "s", "b", "a"), "it has that")
		assert.Equal(t, []string{"b", "a"}, accounts())
		s.List(1)[0].Others[0] = "mine"
		assert.Equal(t, []string{"b", "a"}, accounts(), "the list is a copy")

		steps := []struct {
			from, to string
			moved    bool
			want     []string
		}{
			{"a", "c", true, []string{"b", "c"}},
			{"b", "d", true, []string{"d", "c"}},
			{"b", "e", false, []string{"d", "c"}},
			{"c", "d", true, []string{"d"}},
		}
		for _, step := range steps {
			_, moved := s.Rebind("t", "s", step.from, step.to)
			assert.Equal(t, step.moved, moved, "%+v", step)
			assert.Equal(t, step.want, accounts(), "%+v", step)
		}
		for i, seen := range []string{"d", "0", "1", "2"} {
			assert.True(t, s.Extend("t", "s", seen, fmt.Sprint(i)))
		}
		assert.Equal(t, []string{"3", "2", "1", "0"}, accounts(), "d it had for longest")
		_, moved := s.Rebind("t", "s", "3", "1")
		assert.True(t, moved)
		assert.Equal(t, []string{"1", "2", "0"}, accounts())
		time.Sleep(time.Minute - 1)
		assert.True(t, s.Extend("t", "s", "1", "4"), "to extend it is to use it")
		time.Sleep(time.Minute - 1)
		assert.Equal(t, []string{"4", "1", "2", "0"}, accounts())
		assert.True(t, s.Clear("t", "s"))
		assert.Zero(t, s.Kept())
	})
}

func TestClearSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, time.Minute)
		s.Bind("t", "old", "a")
		time.Sleep(time.Minute)
		for i := range 10 {
			s.Bind("t", fmt.Sprint(i), "a")
			s.Bind("u", fmt.Sprint(i), "a")
		}
		assert.True(t, s.Clear("t", "3"))
		assert.False(t, s.Clear("t", "3"))
		assert.False(t, s.Clear("t", "old"), "it is over")
		_, ok := s.Get("t", "3")
		assert.False(t, ok)
		_, ok = s.Get("u", "3")
		assert.True(t, ok)
		assert.Equal(t, 9, s.ClearTenant("t"))
		assert.Zero(t, s.ClearTenant("t"))
		assert.Equal(t, 10, s.Len())
		assert.Equal(t, 10, s.ClearAll())
		assert.Zero(t, s.Kept())
		_, fresh := s.Bind("u", "3", "b")
		assert.True(t, fresh, "it chooses afresh")
	})
}

// The last used come first, and no more than asked for.
func TestListSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(0, 0)
		for i := range 300 {
			s.Bind("t", fmt.Sprintf("%03d", i), "a")
			if i%2 == 1 {
				time.Sleep(time.Millisecond)
			}
		}
		s.Get("t", "007")
		got := s.List(5)
		require.Len(t, got, 5)
		var ids []string
		for _, e := range got {
			ids = append(ids, e.Session)
		}
		assert.Equal(t, []string{"007", "298", "299", "296", "297"}, ids)
		assert.Len(t, s.List(1000), 300)
		assert.Empty(t, s.List(0))
		assert.Empty(t, s.List(-1))
		got[0].Account = "mine"
		account, _ := s.Get("t", "007")
		assert.Equal(t, "a", account, "the list is a copy")
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := balancer.NewSessions(10, time.Minute)
		for i := range 100 {
			s.Bind("t", fmt.Sprint(i), "a")
			_, ok := s.Get("t", "0")
			require.True(t, ok, "what is used stays")
		}
		assert.Equal(t, 10, s.Len())
		_, ok := s.Get("t", "99")
		assert.True(t, ok)
		_, ok = s.Get("t", "1")
		assert.False(t, ok)

		time.Sleep(time.Minute)
		s.Bind("t", "new", "a")
		s.Bind("t", "new too", "a")
		s.Bind("t", "new again", "a")
		assert.Equal(t, 3, s.Kept(), "what is over goes when something comes")
	})
	for _, most := range []int{1, 500, 512, 10_000, 0} {
		s := balancer.NewSessions(most, 0)
		bound := most
		if bound == 0 {
			bound = 100_000
		}
		for i := range bound + bound/2 + 10 {
			s.Bind("t", fmt.Sprint(i), "a")
		}
		assert.LessOrEqual(t, s.Kept(), bound)
		assert.GreaterOrEqual(t, s.Kept(), bound*9/10)
	}
}

// Of many first requests of one session all end on one account, and of many who move
// it one does.
func TestSessionsAgree(t *testing.T) {
	s := balancer.NewSessions(1000, 0)
	const callers, rounds = 16, 200
	for round := range rounds {
		id := fmt.Sprint(round)
		var (
			wg    sync.WaitGroup
			start = make(chan struct{})
			bound [callers]string
			fresh [callers]bool
			moved [callers]bool
		)
		for i := range callers {
			wg.Go(func() {
				<-start
				bound[i], fresh[i] = s.Bind("t", id, fmt.Sprint("first-", i))
				bound[i], moved[i] = s.Rebind("t", id, bound[i], fmt.Sprint("then-", i))
			})
		}
		close(start)
		wg.Wait()
		account, ok := s.Get("t", id)
		require.True(t, ok)
		require.Equal(t, 1, count(fresh[:]))
		require.Equal(t, int64(callers+1), s.List(1)[0].Requests)
		require.GreaterOrEqual(t, count(moved[:]), 1)
		require.Contains(t, bound[:], account)
	}
}

// Everything at once, for the race detector.
func TestSessionsAtOnce(t *testing.T) {
	s := balancer.NewSessions(600, time.Millisecond)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				tenant, id := fmt.Sprint(n%3), fmt.Sprint((n*7+i)%50)
				switch n % 8 {
				case 0:
					s.Clear(tenant, id)
				case 1:
					s.Rebind(tenant, id, "a", "b")
				case 2:
					for _, e := range s.List(20) {
						assert.NotEmpty(t, e.Account)
						assert.False(t, e.LastUsed.Before(e.Began))
					}
				case 3:
					s.ClearTenant(tenant)
				case 4:
					s.Extend(tenant, id, "a", "c")
				default:
					if _, ok := s.Get(tenant, id); !ok {
						s.Bind(tenant, id, "a")
					}
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, s.Kept(), 150)
}

func count(all []bool) (n int) {
	for _, yes := range all {
		if yes {
			n++
		}
	}
	return n
}

func TestSessionHitAllocatesNothing(t *testing.T) {
	s := balancer.NewSessions(0, 0)
	s.Bind("tenant", "session", "a")
	assert.Zero(t, testing.AllocsPerRun(1000, func() { s.Get("tenant", "session") }))
	assert.Zero(t, testing.AllocsPerRun(1000, func() { s.Bind("tenant", "session", "b") }))
}

func BenchmarkSessionHit(b *testing.B) {
	s := balancer.NewSessions(0, 0)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("0a1b2c3d-4e5f-6071-8293-%012d", i)
		s.Bind("tenant", ids[i], "a")
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.Get("tenant", ids[i%len(ids)])
		}
	})
}
