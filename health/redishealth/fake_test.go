package redishealth_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/redishealth"
)

// server keeps states as the scripts for Load and Update do. What else they do is tested
// in the examples, with real servers.
type server struct {
	mu     sync.Mutex
	states map[string]string
	calls  int

	text func(string) any                           // how the client gives text; nil: as string
	none any                                        // how it gives what is not there
	then func(ctx context.Context, s *server) error // what else happens in a call that swaps
}

func (s *server) say(text string) any {
	if s.text == nil {
		return text
	}
	return s.text(text)
}

func (s *server) script(ctx context.Context, _ string, keys []string, args ...any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch len(keys) {
	case 1:
		values := make([]any, len(args))
		for i, arg := range args {
			if stored := s.states[arg.(string)]; stored != "" {
				values[i] = s.say(stored)
			} else {
				values[i] = s.none
			}
		}
		return values, nil
	case 5:
		subject, known, next := args[0].(string), args[1].(string), args[2].(string)
		if s.then != nil {
			if err := s.then(ctx, s); err != nil {
				return nil, err
			}
		}
		if now := s.states[subject]; now != known {
			return []any{s.say("not"), s.say(now)}, nil
		}
		s.states[subject] = next
		return []any{s.say("set")}, nil
	default:
		return nil, errors.New("no such script")
	}
}

func newStore(t *testing.T, script redishealth.Script) *redishealth.Store {
	t.Helper()
	store, err := redishealth.New(redishealth.Config{Script: script})
	require.NoError(t, err)
	return store
}

func account(name string) health.Subject {
	return health.Subject{Kind: health.KindAccount, Name: name}
}

func become(s health.State) func(health.State) health.State {
	return func(health.State) health.State { return s }
}
