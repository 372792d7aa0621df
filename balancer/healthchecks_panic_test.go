package balancer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// panicsInChecks is a credential, and a store, that panics.
type panicsInChecks struct{ health.Store }

func (panicsInChecks) Token(context.Context) (string, error) {
	panic(errors.New("on purpose, with " + secretMark))
}

func (p panicsInChecks) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	if s.Kind == health.KindAccount {
		panic("on purpose")
	}
	return p.Store.Update(ctx, s, f)
}

// TestAPanicInACheckDoesNotEndTheProgram: nobody's request is there to be told. The
// account is not blamed, the others are asked, and what was claimed is free again.
func TestAPanicInACheckDoesNotEndTheProgram(t *testing.T) {
	carried := func(f func()) func(*balancer.Config) {
		return func(cfg *balancer.Config) {
			next := cfg.RoundTripper
			cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
				rt, err := next(a)
				return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
					if a.Name == "main" {
						f()
					}
					return rt.RoundTrip(r)
				}), err
			}
		}
	}
	for name, tt := range map[string]struct {
		change func(*balancer.Config)
		reason string
	}{
		"round tripper": {carried(func() { panic("on purpose, with key-main") }), "panic: on purpose, with ***"},
		"bug":           {carried(func() { var none *http.Request; none.URL = nil }), "panic: runtime error: invalid memory address or nil pointer dereference"},
		"goroutine":     {carried(runtime.Goexit), "a layer has ended its goroutine"},
		"credential": {func(cfg *balancer.Config) {
			cfg.Accounts[0].Secret, cfg.Accounts[0].Credential = "", panicsInChecks{}
		}, "panic: a value of type *errors.errorString"},
		"Probes": {func(cfg *balancer.Config) {
			cfg.HealthChecks.Probes = func(name string, p *provider.Provider) []provider.Probe {
				if name == "main" {
					panic("on purpose")
				}
				return provider.Probes(p)
			}
		}, "panic: on purpose"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				store := health.NewMemory(health.MemoryConfig{})
				way := subject(health.KindRoute, "account main https://api.openai.com")
				put(t, store, way, toBeProbed)
				var log lockedBuffer
				cfg := checked(fake, account("main"), account("other"))
				cfg.Health, cfg.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
				tt.change(&cfg)
				lb := newTransport(t, cfg)
				time.Sleep(15 * time.Minute)
				synctest.Wait()
				assert.Equal(t, 3, fake.CountFor("key-other"))
				s := snapshotOf(t, lb)
				assert.Zero(t, s.Accounts[0].Failures)
				require.NotNil(t, s.Accounts[0].LastCheck)
				assert.Equal(t, "unknown", s.Accounts[0].LastCheck.Health)
				assert.Contains(t, s.Accounts[0].LastCheck.Reason, tt.reason)
				assert.NotZero(t, s.Accounts[0].LastCheck.At)
				states, err := store.Load(t.Context(), []health.Subject{way})
				require.NoError(t, err)
				assert.Zero(t, states[0].ProbeFrom, "nobody holds its probe")
				assert.Contains(t, log.String(), `level=ERROR msg="Health check panicked" provider=openai account=main`)
				assert.Contains(t, log.String(), "probing.go", "with the stack")
				assertNoSecret(t, "the log", log.String())
				assert.NotContains(t, log.String(), "key-main")
			})
		})
	}
}

// TestAPanicOfTheStoreInACheck: nothing can be given back then, and the program goes on.
func TestAPanicOfTheStoreInACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := checked(fake, account("main"))
		cfg.Health = panicsInChecks{health.NewMemory(health.MemoryConfig{})}
		lb := newTransport(t, cfg)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		assert.Zero(t, fake.Count())
		assert.Equal(t, "unknown", snapshotOf(t, lb).Accounts[0].LastCheck.Health)
	})
}
