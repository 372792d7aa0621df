package balancer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// askingFor sends a request for a model through choosing alone.
func askingFor(t *testing.T, lb *Transport, model string) *member {
	t.Helper()
	f := lb.fleet.Load()
	s := &serving{t: lb, ctx: t.Context(), Request: *asking(f.routes[0], model)}
	s.fleet = f
	at, err := lb.choose(t.Context(), s)
	require.NoError(t, err)
	m := at.member
	at.unmake()
	return m
}

// disabledFirst has an account that is asked first and disabled for good: nobody wakes
// it, so it stays wherever it is parked.
func disabledFirst(t *testing.T) (lb *Transport, disabled *counters) {
	t.Helper()
	first, second := named("disabled", nil), named("main", nil)
	first.Priority, second.Priority = 1, 2
	lb = deaf(t, nil, first, second)
	require.NoError(t, lb.Disable(t.Context(), "disabled", "revoked"))
	return lb, lb.fleet.Load().byName["disabled"].counters
}

// places are where an account is parked.
func (c *counters) places() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spots)
}

// resting is a state that rests for a time.
func resting(d time.Duration) health.State {
	now := time.Now()
	return health.Policy{Jitter: -1}.Apply(health.State{}, health.Outcome{Kind: health.OutcomeRest, Until: now.Add(d)}, now)
}

// TestNamesOfModelsDoNotKeepOldCrowds: those that were forgotten for room hold all
// accounts of a set, and an account must not hold them.
func TestNamesOfModelsDoNotKeepOldCrowds(t *testing.T) {
	lb, disabled := disabledFirst(t)
	for i := range 5*maxSorts + 1 {
		require.Equal(t, "main", askingFor(t, lb, fmt.Sprint("made-up-", i)).Name)
	}
	assert.LessOrEqual(t, disabled.places(), 2)
}

// TestCrowdsApartAreLetGo: also those of a model that has trouble now and then.
func TestCrowdsApartAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb, disabled := disabledFirst(t)
		c := lb.fleet.Load().routes[0].crowds
		state := resting(time.Hour)
		lb.domains.failing(health.Subject{Kind: health.KindAccountModel, Name: "another", Model: "gpt-5"}).learn(state, time.Now())
		for range 10 {
			state := resting(time.Minute)
			lb.domains.trouble(&state, "gpt-5", time.Now())
			askingFor(t, lb, "gpt-5")
			require.Equal(t, 1, c.parted.len())
			time.Sleep(3 * time.Minute)
			askingFor(t, lb, "gpt-5")
			require.Zero(t, c.parted.len())
		}
		assert.LessOrEqual(t, disabled.places(), 2)
	})
}

// TestACrowdThatIsGivenUpStillServes: whoever was sent there just before finds an account
// that is free, though it was parked there by others and is not woken there any more.
func TestACrowdThatIsGivenUpStillServes(t *testing.T) {
	lb := deaf(t, nil, named("main", nil))
	r := lb.fleet.Load().routes[0]
	m := r.members[0]
	now := time.Now().UnixNano()
	all := r.crowds.of(lb, asking(r, "gpt-5"), now)
	tier := all.tiers[0]
	tier.mu.Lock()
	tier.park(0, noEnd, busyNow)
	tier.order.remove(0)
	tier.mu.Unlock()
	require.Equal(t, 1, m.counters.places())
	for i := range maxSorts {
		r.crowds.of(lb, asking(r, fmt.Sprint("made-up-", i)), now)
	}
	require.True(t, all.dead.Load())
	assert.Zero(t, m.counters.places())
	assert.Zero(t, tier.next(&chooser{t: lb, s: &serving{}, r: asking(r, "gpt-5"), now: time.Now()}))
	assert.NotSame(t, all, r.crowds.of(lb, asking(r, "gpt-5"), now))
}

// TestWhoWaitsIsNotForgotten: names of models that callers make up do not push out the
// crowds in which somebody waits, so that nobody overtakes him, and a person sees him; nor
// are there more of them for that than twice as many as are waited for.
func TestWhoWaitsIsNotForgotten(t *testing.T) {
	lb := deaf(t, nil, named("main", nil), named("other", map[string]string{"apart": "", "made-*": ""}))
	r := lb.fleet.Load().routes[0]
	of := func(model string) *crowd { return r.crowds.of(lb, asking(r, model), time.Now().UnixNano()) }
	state := resting(time.Hour)
	lb.domains.failing(health.Subject{Kind: health.KindAccountModel, Name: "other", Model: "apart"}).learn(state, time.Now())
	lb.domains.trouble(&state, "apart", time.Now())
	shared, apart := of("gpt-5"), of("apart")
	require.Equal(t, "apart", apart.model)
	inShared, inApart := shared.queue.join(time.Now()), apart.queue.join(time.Now())
	makeUp := func() {
		for i := range 2 * maxSorts {
			of(fmt.Sprint("made-up-", i))
			require.LessOrEqual(t, len(r.crowds.sorts), maxSorts)
			require.LessOrEqual(t, r.crowds.size, 1+2+2, "main; main and other")
		}
	}
	makeUp()
	assert.False(t, shared.dead.Load())
	assert.Same(t, shared, of("gpt-5"))
	assert.Same(t, apart, of("apart"))
	assert.Len(t, lb.fleet.Load().queues(), 2)
	shared.queue.leave(inShared)
	apart.queue.leave(inApart)
	makeUp()
	assert.True(t, shared.dead.Load())
	assert.True(t, apart.dead.Load())
	assert.Empty(t, lb.fleet.Load().queues())
}

// TestWaitingForManyModelsForgetsNobody: there may be more crowds than else, and they are
// not made anew again and again.
func TestWaitingForManyModelsForgetsNobody(t *testing.T) {
	lb := deaf(t, Cheapest{}, named("main", nil))
	r := lb.fleet.Load().routes[0]
	of := func(i int) *crowd { return r.crowds.of(lb, asking(r, fmt.Sprint("gpt-", i)), time.Now().UnixNano()) }
	crowds := make([]*crowd, 3*maxSorts)
	for i := range crowds {
		crowds[i] = of(i)
		crowds[i].queue.join(time.Now())
	}
	for i := range crowds {
		require.Same(t, crowds[i], of(i))
	}
}

// TestAModelsNameIsNoListOfAccounts: a caller makes up one that reads like other accounts
// than those that serve it.
func TestAModelsNameIsNoListOfAccounts(t *testing.T) {
	for _, made := range []string{"\x01\x00\x00gpt-5", "\x01\x00\x00\x00gpt-5"} {
		lb := deaf(t, Cheapest{}, named("all", nil), named("one", map[string]string{"gpt-5": ""}))
		r := lb.fleet.Load().routes[0]
		of := func(model string) *crowd { return r.crowds.of(lb, asking(r, model), time.Now().UnixNano()) }
		assert.Equal(t, 1, of(made).size)
		assert.Equal(t, 2, of("gpt-5").size)
	}
}

// TestWhoWaitsApartKeepsTheRoom: no other model is given the room of one for whose
// accounts somebody waits, however long nobody has asked for it.
func TestWhoWaitsApartKeepsTheRoom(t *testing.T) {
	lb := deaf(t, nil, named("main", nil))
	r := lb.fleet.Load().routes[0]
	now := time.Now()
	lb.domains.failing(health.Subject{Kind: health.KindAccountModel, Name: "main", Model: "any"})
	of := func(model string) *crowd {
		state := resting(time.Hour)
		lb.domains.trouble(&state, model, now)
		return r.crowds.of(lb, asking(r, model), now.UnixNano())
	}
	waits := of("waits")
	place := waits.queue.join(now)
	r.crowds.apart = maxCrowded // as with many others
	now = now.Add(time.Minute)
	assert.Empty(t, of("new").model)
	assert.Same(t, waits, of("waits"))
	waits.queue.leave(place)
	now = now.Add(time.Minute)
	assert.Equal(t, "new", of("new").model)
	assert.True(t, waits.dead.Load())
}

// TestMadeUpNamesDoNotUseUpTheRoomApart: from the most crowds that are kept apart those
// go that nobody asks for, and a model that is asked for has one.
func TestMadeUpNamesDoNotUseUpTheRoomApart(t *testing.T) {
	const n = 2000
	var accounts []Account
	for i := range n {
		accounts = append(accounts, named(fmt.Sprint("a", i), nil))
	}
	lb := deaf(t, nil, accounts...)
	r := lb.fleet.Load().routes[0]
	now := time.Now()
	lb.domains.failing(health.Subject{Kind: health.KindAccountModel, Name: "a1", Model: "any"})
	of := func(model string) *crowd {
		state := resting(time.Hour)
		lb.domains.trouble(&state, model, now)
		c := r.crowds.of(lb, asking(r, model), now.UnixNano())
		require.LessOrEqual(t, r.crowds.apart, maxCrowded)
		require.LessOrEqual(t, r.crowds.parted.len(), maxCrowded/n)
		return c
	}
	kept := of("kept")
	for i := range maxCrowded/n - 1 {
		require.NotEmpty(t, of(fmt.Sprint("made-up-", i)).model)
	}
	assert.Empty(t, of("one-too-many").model, "none was idle, and none was given up for it")
	now = now.Add(2 * askedStep)
	for i := range 40 {
		now = now.Add(askedStep)
		assert.Equal(t, fmt.Sprint("real-", i), of(fmt.Sprint("real-", i)).model)
		assert.Same(t, kept, of("kept"), "somebody asks for it")
	}
}

// TestWhatIsAskedForAgainIsRemembered: names that callers make up push each other out,
// and neither the models that are asked for nor what is out of use for good.
func TestWhatIsAskedForAgainIsRemembered(t *testing.T) {
	const inUse = 100
	ds := newDomains()
	state := resting(time.Hour)
	disabled := health.Policy{}.Disable(health.State{}, "withdrawn", time.Now())
	fail := func(model string, s *health.State) health.Subject {
		subject := health.Subject{Kind: health.KindAccountModel, Name: "main", Model: model}
		ds.failing(subject).learn(*s, time.Now())
		ds.trouble(s, model, time.Now())
		return subject
	}
	withdrawn := fail("withdrawn", &disabled)
	var wanted []health.Subject
	for i := range inUse {
		wanted = append(wanted, fail(fmt.Sprint("real-", i), &state))
	}
	ask := func() {
		for _, s := range wanted {
			if ds.ofModel(s) == nil || !ds.inTrouble(s.Model, time.Now().UnixNano()) {
				t.Fatal(s.Model, "is forgotten")
			}
		}
	}
	for i := range maxModelDomains * 5 / 4 {
		if i%maxTroubled == 0 {
			ask()
		}
		fail(fmt.Sprint("made-up-", i), &state)
		require.LessOrEqual(t, len(ds.models), maxModelDomains)
		require.LessOrEqual(t, len(ds.troubled), maxTroubled)
	}
	ask()
	assert.NotNil(t, ds.ofModel(withdrawn), "nobody would find that out again")
}

// TestForgettingModelsIsNotAWalkOverAll: once as many pairs with a model rest as are
// remembered, each further one takes the place of one other, of a few that are looked at.
func TestForgettingModelsIsNotAWalkOverAll(t *testing.T) {
	ds := newDomains()
	state := resting(time.Hour)
	add := func(i int) {
		ds.failing(health.Subject{Kind: health.KindAccountModel, Name: "main", Model: fmt.Sprint("made-up-", i)}).learn(state, time.Now())
	}
	for i := range maxModelDomains {
		add(i)
	}
	for i := range 100 {
		add(maxModelDomains + i)
		require.Len(t, ds.models, maxModelDomains)
		require.Equal(t, maxModelDomains, ds.pairs.len())
	}
	looked := 0
	_, _ = ds.pairs.dispensable(func(d *domain) loss { looked++; return d.loss(time.Now()) })
	assert.Equal(t, drawn, looked)
}

// TestAPileGivesAwayTheLeast of those that it draws, and what was taken out is not drawn.
func TestAPileGivesAwayTheLeast(t *testing.T) {
	var p pile[int64]
	for i := range int64(100_000) {
		p.add(i)
	}
	itself := func(v int64) loss { return loss{seen: v} }
	_, l := p.dispensable(itself)
	assert.Less(t, l.seen, int64(70_000))
	for i := range int64(100_000) {
		if i != 50_000 {
			p.remove(i)
			require.False(t, p.has(i))
		}
	}
	left, _ := p.dispensable(itself)
	assert.EqualValues(t, 50_000, left)
	p.remove(left)
	assert.Zero(t, p.len())
	for _, in := range [][2]loss{{{}, {kind: 1}}, {{seen: 9}, {kind: 1}}, {{until: 9}, {seen: 1}}, {{until: 1}, {until: 2}}} {
		assert.Negative(t, in[0].compare(in[1]), in)
	}
}
