package redishealth

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/health"
)

var (
	//go:embed load.lua
	loadScript string
	//go:embed update.lua
	updateScript string
	//go:embed changes.lua
	changesScript string
)

// Script runs a Lua script on a Redis server, as EVAL or EVALSHA do, and returns its reply as the client gives it: a list
// as []any, text as string or []byte, nil as nil. The keys are all in one slot, the args are strings
// of any bytes. It may be called by any number of goroutines, and should give up when the context is done.
//
// A client that sends a call again when the answer was lost does no harm.
type Script func(ctx context.Context, script string, keys []string, args ...any) (any, error)

// Config says where states are kept and how many.
type Config struct {
	// Script runs a script on the server. It is required.
	Script Script

	// Prefix begins the names of the keys; "": "aitransport:health". Programs that share it share the states. It holds
	// no braces.
	Prefix string

	// TTL is how long a state is kept that nobody changes, from the end of its rest where it rests; 0: 24 h; negative:
	// no limit. A disabled subject is kept until it is enabled.
	TTL time.Duration

	// MaxSubjects bounds how many subjects are remembered; 0: 100,000; negative: no bound. Names of models come from
	// callers, so there has to be one. Whoever comes when it is full takes the place of another: of a subject with a
	// model before one without, of the disabled last, and of the one whose time is over soonest. As many that were
	// forgotten are remembered for ten minutes, for Changes. A subject takes some 600 bytes.
	MaxSubjects int

	// Unreadable is told of each stored state that this version cannot read, once, with its subject (the zero Subject
	// where not even its name can be read) and what is wrong with it. See Store. It is called by the goroutine of a call,
	// which waits, and by several at a time; no lock is held. nil: not told.
	Unreadable func(subject health.Subject, err error)
}

const (
	defaultPrefix      = "aitransport:health"
	defaultTTL         = 24 * time.Hour
	defaultMaxSubjects = 100_000

	goneFor = 10 * time.Minute   // how long it is told what was forgotten
	keepMax = 10_000_000_000_000 // milliseconds: no limit; less than what separates the classes in update.lua
)

// Store is a [health.Store] and a [health.Changer] on Redis. It has no goroutine and needs no Close: the client is the
// caller's. Its methods may be called by any number of goroutines. No error of its own holds a secret.
//
// A stored state that cannot be read, since a later version wrote it or it was damaged, disturbs no other: Load takes it
// for the zero State, Changes leaves its subject out, and [Config.Unreadable] is told. Update leaves alone what a later
// version wrote, and returns ErrUnreadable; a damaged one it takes for the zero State, and replaces.
type Store struct {
	script                            Script
	prefix                            string // with its braces
	states, changes, idle, gone, meta string // names of keys
	ttl                               time.Duration
	most                              int // 0: any number
	lanes                             *lanes
	odd                               reports
}

var (
	_ health.Store   = (*Store)(nil)
	_ health.Changer = (*Store)(nil)
)

// New is a Store. It does not call the server.
func New(c Config) (*Store, error) {
	if c.Script == nil {
		return nil, errors.New("redishealth: Config.Script is nil: give it a func that runs a script, as the package's description shows")
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return nil, fmt.Errorf("redishealth: Config.Prefix %q holds a brace: the store sets the braces itself", c.Prefix)
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.MaxSubjects == 0 {
		c.MaxSubjects = defaultMaxSubjects
	}
	prefix := "{" + c.Prefix + "}"
	return &Store{
		script: c.Script, prefix: prefix, ttl: c.TTL, most: max(c.MaxSubjects, 0), lanes: newLanes(), odd: newReports(c.Unreadable),
		states: prefix + ":states", changes: prefix + ":changes", idle: prefix + ":idle", gone: prefix + ":gone", meta: prefix + ":meta",
	}, nil
}

// Load implements [health.Store]. It is one call of the script, and none for no subjects.
func (s *Store) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	states := make([]health.State, len(subjects))
	if len(subjects) == 0 {
		return states, nil
	}
	args := make([]any, len(subjects))
	for i, subject := range subjects {
		args[i] = field(subject)
	}
	reply, err := s.script(ctx, loadScript, []string{s.states}, args...)
	if err != nil {
		return nil, s.failed("load", err)
	}
	values, err := list(reply, len(subjects))
	if err != nil {
		return nil, s.failed("load", err)
	}
	for i, value := range values {
		stored, err := text(value)
		if err != nil {
			return nil, s.failed("load "+subjects[i].String(), err)
		}
		if states[i], err = readState(stored); err != nil {
			s.odd.report(subjects[i], args[i].(string), stored, err)
		}
	}
	return states, nil
}

// failed is err with what was tried.
func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("redishealth: %s (keys %s): %w", what, s.prefix, err)
}

// keep is for how many milliseconds a state is to be kept.
func (s *Store) keep(state health.State, now time.Time) string {
	if s.ttl < 0 {
		return strconv.Itoa(keepMax)
	}
	busy := max(0, state.RestUntil.Sub(now), state.ProbeUntil.Sub(now))
	return strconv.FormatInt(min(s.ttl.Milliseconds()+busy.Milliseconds(), keepMax), 10)
}

// class is what update.lua calls so: a lower one is forgotten first.
func class(subject health.Subject, state health.State) string {
	switch {
	case subject.Model != "" && !state.Disabled:
		return "0"
	case subject.Model != "":
		return "1"
	case !state.Disabled:
		return "2"
	default:
		return "3"
	}
}
