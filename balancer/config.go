package balancer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// Config sets up a [Transport]. Accounts is the only field required. New copies
// it; what it points to must not be changed afterwards.
type Config struct {
	Accounts  []Account        // changed later by SetAccounts; nil is refused, an empty slice has no account yet: all requests are ErrNoRoute
	Transport transport.Config // how accounts are reached; Account has the last word. Its Decoders read compressed requests too

	Picker Picker        // chooses among accounts that can serve a request; nil: LeastLoaded
	Health health.Store  // remembers who may be used; nil: in memory; see HealthClosed
	Policy health.Policy // draws conclusions; the zero Policy is the default one
	Quota  quota.Store   // counts what is used, for Account.Limits and Admit's; nil: in memory; one that is shared goes behind quota.NewGuard

	// Prices are what models cost, for Attempt.Cost and limits of quota.Cost; nil:
	// no cost is known, and such a limit is refused. provider.StarterPrices is a
	// table to begin with.
	Prices *provider.PriceTable

	MaxAttempts int           // accounts tried for one request; 0: 3
	Deadline    time.Duration // for all attempts, until an answer begins; 0: none but the caller's
	MaxWait     time.Duration // how long a request waits for an account, in order, while all that could serve it are full, and for a rest or a limit that ends within that time; 0: not at all. It does not wait for Admit's limits
	MaxReplay   int64         // bytes of a request kept for another attempt; a longer one without GetBody gets one attempt only; 0: 8 MiB; at most 1 GiB

	// NoLastResort answers at once that there is no account, when all rest. Otherwise
	// the one that recovers first is tried all the same, by one request at a time,
	// unless its provider named the time until which it must be left alone, or it
	// rests for want of money or of a credential.
	NoLastResort bool

	// HealthClosed is the policy while Health is broken. false, open: this process goes on
	// with what it knows and finds out by itself, and tells the store when it is back; what
	// it has never been told of counts as healthy. true, closed: requests are refused with
	// ErrStoreBroken, so that nothing is used that another program or a person has taken out
	// of use meanwhile. Either way a call of the store may take half a second, one that has
	// failed is left alone for a second, and health checks are not made: nobody could say
	// whether another program makes them.
	HealthClosed bool

	// HealthRefresh is how often the states in Health are read again, so that what
	// other programs have found out is known here; 0: every second; negative: never. A
	// store that is a [health.Changer] is asked only for what has changed. Of the models in
	// any other, those are looked at that requests asked for here within 10 min, at up to
	// 500 accounts each time, in turns: what rests is not known before the first request
	// for it, and later where many models are asked for of many accounts. It matters only
	// where Health is given.
	HealthRefresh time.Duration

	// Affinity remembers in which account things live that providers keep: stored
	// responses, files, batches. Requests that name one go there and nowhere else; what
	// nobody knows of goes anywhere. Things of two accounts in one request are refused
	// with ErrNoAccount, unless Hint.Account names one that has both. Nil: in memory, the
	// last 100,000 answers and as many other things.
	Affinity AffinityStore

	// AffinityOpen is the policy for a request that names a thing while Affinity is broken,
	// where this process has not put or used the thing itself lately (10,000 of them are
	// known) and more than one account could have it. false, closed: it is refused with
	// ErrStoreBroken, since an account that does not have the thing would say that there is
	// none. true, open: it goes to any account. Either way a call of the store may take half
	// a second, one that has failed is left alone for a second, and things that were put
	// meanwhile are known here, and to the store when it is back.
	AffinityOpen bool

	// AffinityTTL is for how long a thing is remembered since it was last used: since a
	// good answer told of it, or was given to a request that names it. What is used often
	// is written to the store once in a quarter of that time, not each time, so it may be
	// forgotten after three quarters. 0: 30 days.
	AffinityTTL time.Duration

	// Requests of one session (see Hint) stay with one account while it is ready, for as
	// long as no more than SessionTTL lies between the end of one and the next; one that
	// finds it full, much busier than others or starting slowly goes elsewhere for this
	// time. For what its account does not serve, such as another model, a session has
	// another account, up to four in all. Its name decides where it begins, the same in
	// every process; under InOrder and Pickers of one's own, these do. 0: 5 min; negative:
	// sessions mean nothing.
	SessionTTL  time.Duration
	MaxSessions int // remembered at the same time, those used last; 0: 100,000

	// StickByOpening makes a session of what has no name for one: requests to the same
	// model with the same system prompt and first message. It takes a hash of them.
	StickByOpening bool

	// FirstByteTimeout is how long a streamed request waits, from when it was sent, for
	// the first byte of the answer's body; headers alone do not count. Then another
	// account is asked in its place. If there is none that could be asked, or the retry
	// budget is empty, the attempt goes on for as long as the caller waits. 0: 120 s;
	// negative: none.
	FirstByteTimeout time.Duration

	Hold        Hold        // keeps the head of streams until it is known that they are good
	RetryBudget RetryBudget // bounds attempts after failures that more load would make worse
	Hedge       Hedge       // asks a second account beside a slow one; zero: never

	// HealthChecks asks accounts how they are that no request tells about. Off
	// unless Enabled.
	HealthChecks HealthChecks

	// Admit tells whom a request is charged to beside its accounts: keys of tenants and
	// users, with their limits, in Quota. It is asked once for a request, when it is known
	// what that is. The estimate is reserved under all of these keys, or under none; what
	// all attempts have used, as one request, replaces it when the last of them is over;
	// what was never sent costs nothing. A limit that has no room refuses the request: the
	// *Error then holds a *quota.ExceededError, and RetryAt says when there is room again.
	// It is refused at once: MaxWait is for accounts. Where Quota cannot be asked the request
	// is refused too; an open quota.Guard says otherwise.
	// Under a limit of cost only those accounts are asked whose price Prices knows, and
	// nobody where it is nil. The keys of accounts in Quota are "account/" + Name: begin
	// yours with a word of their own, as in "tenant/acme". An error refuses the request, and
	// is the *Error's Err. Admit may be called by any number of goroutines. Nil: nobody else
	// is charged.
	Admit func(context.Context, *Request) ([]quota.Charge, error)

	// Estimate is what a request is thought to use, at most as a rule, until that is
	// known: what is reserved under its accounts' limits and under those of Admit. It is one
	// request, whether that is said or not. The prompt is not read for it: who knows how
	// long that is says so in the request's context, which Estimate gets; PriceTable.Cost
	// makes tokens a cost (see the example). Nil: no tokens and no cost, which then are
	// charged when they have been used, so that many requests at a time may all pass a
	// limit that only one has room under.
	Estimate func(context.Context, *Request) quota.Amount

	// ReservationTTL is how long what is reserved in Quota, a request's place in flight
	// among it, outlasts a program that died. It is renewed while an answer is read. 0:
	// half an hour, or twice the longest of Transport's time-outs, of which two are 10 min
	// by default, if that is longer; a shorter one than that is refused.
	ReservationTTL time.Duration

	// NoStreamUsage leaves streams as they are. Otherwise a streamed chat is asked for
	// its usage where the provider tells it only then (provider.Provider.StreamUsage:
	// OpenAI, and most of the catalogue that speaks as it does); a caller who did not
	// ask does not see the answer to that. A server that refuses the question as an
	// unknown field needs a Provider without StreamUsage, or this.
	NoStreamUsage bool

	Attempt []transport.Middleware // around every attempt, the first outermost; they see credentials, and a request whose token was renewed on the way twice
	Hooks   Hooks
	Logger  *slog.Logger // nil: silent

	// RoundTripper makes what carries an account's attempts. nil: transport.New
	// with the account's configuration. Tests put fake upstreams here. Who makes
	// one closes it.
	RoundTripper func(Account) (http.RoundTripper, error)
}

// Format prints the accounts, without their secrets, for every verb.
func (c Config) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "balancer.Config%v", c.Accounts) }

// LogValue is the accounts, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// MarshalText is the accounts, for JSON and its like. It is for people: nothing reads it
// back.
func (c Config) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(c)), nil }

// Hooks are told what happened. Each func may be nil; it may be called concurrently,
// on the request's way, and must return soon.
type Hooks struct {
	// Attempt is called when an attempt has ended: a failed one at once, a good one
	// when its answer was read or closed.
	Attempt func(context.Context, Attempt)

	// StoreError is called when a store ("health", "quota" or "affinity") failed: once when
	// it breaks and each time that it is tried in vain, once a second at most.
	// Config.HealthClosed and AffinityOpen say what happens meanwhile, and of quota the
	// GuardConfig of the [quota.Guard] that Config.Quota is. Where it is another store, each
	// call that fails is told, and an account whose quota cannot be asked is passed over.
	// What the error says may name a store's address and whom it was asked about. StoreError
	// must not call Close, which waits for the refresh that may be what failed.
	StoreError func(ctx context.Context, store string, err error)

	// StoreBack is called when a store of which StoreError was told once answers again, so
	// long after it broke.
	StoreBack func(ctx context.Context, store string, after time.Duration)
}

const (
	defaultMaxAttempts = 3
	defaultMaxReplay   = 8 << 20
	maxMaxReplay       = 1 << 30

	// reservationTTL is how long a reservation outlives a program that died, at
	// least; see ttl.
	reservationTTL = 30 * time.Minute

	// transportSilence is transport.Config's default for HeaderTimeout and
	// BodyIdleTimeout.
	transportSilence = 600 * time.Second

	// maxErrorBody is how much of an error answer is looked at, and errorBodyTime
	// how long that may take.
	maxErrorBody  = 64 << 10
	errorBodyTime = 5 * time.Second

	// maxDiscard is how much of an answer nobody wants is read away, so that its
	// connection can be used again, and discardTime how long that may take.
	maxDiscard  = 4 << 10
	discardTime = 100 * time.Millisecond
)

// ttl is how long a reservation lives without being renewed. It is renewed while an
// answer is read, and so must outlast what can be silent for longest: a request
// that waits for its answer, or a body between two reads.
func (c *Config) ttl() time.Duration {
	if c.ReservationTTL > 0 {
		return c.ReservationTTL
	}
	return max(reservationTTL, 2*c.silence())
}

// silence is for how long an attempt can hear nothing, as far as that is bounded.
func (c *Config) silence() time.Duration {
	orDefault := func(d time.Duration) time.Duration {
		if d == 0 {
			return transportSilence
		}
		return d
	}
	return max(orDefault(c.Transport.HeaderTimeout), orDefault(c.Transport.BodyIdleTimeout), c.Transport.ConnectTimeout)
}

func (c Config) withDefaults() Config {
	if c.MaxAttempts == 0 {
		c.MaxAttempts = defaultMaxAttempts
	}
	if c.MaxReplay == 0 {
		c.MaxReplay = defaultMaxReplay
	}
	if c.FirstByteTimeout == 0 {
		c.FirstByteTimeout = defaultFirstByteTimeout
	}
	c.Hold = c.Hold.withDefaults()
	c.MaxReplay = min(c.MaxReplay, maxMaxReplay)
	if c.Picker == nil {
		c.Picker = LeastLoaded{}
	}
	if c.Health == nil {
		c.Health = health.NewMemory(health.MemoryConfig{})
	}
	if c.Affinity == nil {
		c.Affinity = NewAffinityMemory(AffinityMemoryConfig{})
	}
	if c.AffinityTTL <= 0 {
		c.AffinityTTL = defaultAffinityTTL
	}
	if c.SessionTTL == 0 {
		c.SessionTTL = defaultSessionLife
	}
	if c.HealthRefresh == 0 {
		c.HealthRefresh = defaultHealthRefresh
	}
	if c.Quota == nil {
		c.Quota = quota.NewMemory(quota.MemoryConfig{})
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
