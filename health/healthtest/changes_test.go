package healthtest_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
)

// changer is a store that numbers its changes, and that can be broken in one place at a
// time. It remembers for ever what it forgot.
type changer struct {
	mu      sync.Mutex
	changes map[health.Subject]*numbered
	last    int

	page      int
	heedless  bool
	strict    bool                     // an unknown cursor is an error
	lenient   bool                     // an unknown cursor is where the store is now
	repeats   bool                     // the last change is told again
	always    bool                     // begins anew every time
	silent    func(*numbered) bool     // changes that are not told
	inclusive bool                     // a page begins with the next cursor's change and skips it
	early     bool                     // numbers a change, lets others in, and writes it
	stale     bool                     // tells the state that was first
	shy       bool                     // does not say that more is to come
	next      func(told, last int) int // the cursor
}

type numbered struct {
	subject health.Subject
	state   health.State
	first   health.State
	number  int
}

func newChanger(breakIt func(*changer)) func() health.Store {
	return func() health.Store {
		c := &changer{
			changes: map[health.Subject]*numbered{}, page: 100,
			silent: func(*numbered) bool { return false },
			next:   func(told, _ int) int { return told },
		}
		breakIt(c)
		return c
	}
}

func (c *changer) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]health.State, len(subjects))
	for i, s := range subjects {
		if n := c.changes[s]; n != nil {
			states[i] = n.state
		}
	}
	return states, ctx.Err()
}

func (c *changer) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if err := ctx.Err(); err != nil {
		return health.State{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	number := c.last
	if c.early && number%5 == 0 {
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
		c.mu.Lock()
	}
	now := &numbered{subject: subject, number: number}
	if was := c.changes[subject]; was != nil {
		now.state, now.first = f(was.state), was.first
	} else {
		now.state = f(health.State{})
		now.first = now.state
	}
	c.changes[subject] = now
	return now.state, nil
}

func (c *changer) Changes(ctx context.Context, cursor string) (health.Changes, error) {
	if err := ctx.Err(); err != nil && !c.heedless {
		return health.Changes{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	text, known := strings.CutPrefix(cursor, "at ")
	from, err := strconv.Atoi(text)
	anew := !known || err != nil || from > c.last || c.always
	switch {
	case anew && cursor != "" && c.strict:
		return health.Changes{}, context.DeadlineExceeded
	case anew && cursor != "" && c.lenient:
		from = c.last
	case anew:
		from = 0
	case c.repeats:
		from--
	}
	var list []*numbered
	for _, n := range slices.SortedFunc(maps.Values(c.changes), func(a, b *numbered) int { return cmp.Compare(a.number, b.number) }) {
		if n.number > from && !c.silent(n) {
			list = append(list, n)
		}
	}
	page := health.Changes{Anew: anew}
	told := c.last
	if page.More = len(list) > c.page; page.More {
		told = list[c.page-1].number
		list = list[:c.page]
		if c.inclusive {
			told++
		}
	}
	for _, n := range list {
		s := n.state
		if c.stale && s != (health.State{}) {
			s = n.first
		}
		page.States = append(page.States, health.Change{Subject: n.subject, State: s})
	}
	page.More = page.More && !c.shy
	page.Next = "at " + strconv.Itoa(c.next(told, c.last))
	return page, nil
}

func TestSuiteCatchesBrokenChangers(t *testing.T) {
	cases := []struct {
		name    string
		breakIt func(*changer)
		caught  []string
	}{
		{"does not tell what was forgotten", func(c *changer) {
			c.silent = func(n *numbered) bool { return n.state == (health.State{}) }
		}, []string{"since"}},
		{"tells accounts alone", func(c *changer) {
			c.silent = func(n *numbered) bool { return n.subject.Kind != health.KindAccount }
		}, []string{"everything"}},
		{"tells an old state", func(c *changer) { c.stale = true }, []string{"since"}},
		{"tells the last one again", func(c *changer) { c.repeats = true }, []string{"since"}},
		{"begins anew every time", func(c *changer) { c.always, c.page = true, 1_000_000 }, []string{"since", "pages"}},
		{"refuses cursors", func(c *changer) { c.strict = true }, []string{"everything"}},
		{"takes cursors that it never gave", func(c *changer) { c.lenient = true }, []string{"everything"}},
		{"skips one between pages", func(c *changer) { c.inclusive = true }, []string{"pages"}},
		{"skips what does not fit", func(c *changer) { c.next = func(_, last int) int { return last } }, []string{"pages"}},
		{"hides that more is to come", func(c *changer) { c.shy = true }, []string{"pages"}},
		{"stays where it is", func(c *changer) { c.next = func(int, int) int { return 0 } }, []string{"since"}},
		{"pages without bounds", func(c *changer) { c.page = 1_000_000 }, []string{"pages"}},
		{"numbers before it writes", func(c *changer) { c.early = true }, []string{"none missed"}},
		{"heedless of the context", func(c *changer) { c.heedless = true }, []string{"changes, done context"}},
	}
	met := map[string]bool{}
	for _, c := range cases {
		for _, name := range c.caught {
			met[name] = true
		}
		t.Run(c.name, func(t *testing.T) {
			broken := healthtest.Broken(t, newChanger(c.breakIt))
			assert.Subset(t, broken, c.caught)
			assert.Less(t, len(broken), 4, "so broken that it proves nothing: %v", broken)
		})
	}
	assert.Len(t, met, healthtest.Announcements, "each promise can be broken: %v", met)
	assert.Empty(t, healthtest.Broken(t, newChanger(func(*changer) {})), "a sound store passes")
}
