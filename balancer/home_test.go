package balancer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// homeWorld is a fake with accounts of which requests prefer the first.
type homeWorld struct {
	fake *providertest.Fake
	lb   *balancer.Transport
	cfg  balancer.Config
}

func newHomeWorld(t *testing.T, p *provider.Provider, fake *providertest.Fake, change ...func(*balancer.Config)) *homeWorld {
	t.Helper()
	var accounts []balancer.Account
	for i, name := range []string{"first", "second", "third"} {
		accounts = append(accounts, balancer.Account{Name: name, Provider: p, Secret: "key-" + name, Priority: i})
	}
	w := &homeWorld{fake: fake, cfg: over(fake, accounts...)}
	for _, f := range change {
		f(&w.cfg)
	}
	w.lb = newTransport(t, w.cfg)
	return w
}

// call sends a request, with the account that a hint names, if any.
func (w *homeWorld) call(t *testing.T, hint balancer.Hint, method, url, body string) (status int, answer string, account string) {
	t.Helper()
	r := newRequest(balancer.WithHint(t.Context(), hint), t, method, url, body)
	if form, ok := strings.CutPrefix(body, "form:"); ok {
		var b bytes.Buffer
		f := multipart.NewWriter(&b)
		_ = f.WriteField("purpose", "batch")
		part, err := f.CreateFormFile("file", "a.jsonl")
		require.NoError(t, err)
		_, _ = io.WriteString(part, form)
		require.NoError(t, f.Close())
		r = newRequest(balancer.WithHint(t.Context(), hint), t, method, url, b.String())
		r.Header.Set("Content-Type", f.FormDataContentType())
	}
	r.Header.Set("Anthropic-Version", "2023-06-01")
	r.Header.Set("Anthropic-Beta", "files-api-2025-04-14")
	status, answer, err := do(w.lb, r)
	require.NoError(t, err)
	keys := keysSeen(w.fake)
	return status, answer, keys[len(keys)-1]
}

// idOf finds a member of an answer; of a stream, that of its first event that has it.
func idOf(t *testing.T, answer string, path ...string) string {
	t.Helper()
	for line := range strings.Lines(answer) {
		text := strings.TrimPrefix(line, "data: ")
		if !strings.HasPrefix(answer, "event") && !strings.HasPrefix(answer, "data") {
			text = answer
		}
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		for _, name := range path {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		if s, ok := v.(string); ok {
			return s
		}
	}
	require.FailNow(t, "no id", "%v in %s", path, answer)
	return ""
}

const (
	responsesURL = "https://api.openai.com/v1/responses"
	filesURL     = "https://api.openai.com/v1/files"
)

func TestWhatLivesInAnAccountIsAskedForThere(t *testing.T) {
	type step struct{ method, url, body string }
	const line = `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}}` + "\n"
	tests := map[string]struct {
		provider *provider.Provider
		fake     func(providertest.Config) *providertest.Fake
		create   step
		id       []string
		follow   []step // %s is the id
	}{
		"OpenAI response": {provider.OpenAI, providertest.OpenAI,
			step{"POST", responsesURL, `{"model":"gpt-5","input":"hi"}`}, []string{"id"},
			[]step{
				{"POST", responsesURL, `{"model":"gpt-5","input":"more","previous_response_id":"%s"}`},
				{"GET", responsesURL + "/%s", ""}, {"DELETE", responsesURL + "/%s", ""},
			}},
		"OpenAI response, streamed": {provider.OpenAI, providertest.OpenAI,
			step{"POST", responsesURL, `{"model":"gpt-5","input":"hi","stream":true}`}, []string{"response", "id"},
			[]step{{"POST", responsesURL, `{"model":"gpt-5","input":"more","stream":true,"previous_response_id":"%s"}`}, {"GET", responsesURL + "/%s", ""}}},
		"OpenAI file": {provider.OpenAI, providertest.OpenAI,
			step{"POST", filesURL, "form:" + line}, []string{"id"},
			[]step{
				{"GET", filesURL + "/%s", ""}, {"GET", filesURL + "/%s/content", ""},
				{"POST", "https://api.openai.com/v1/batches", `{"input_file_id":"%s","endpoint":"/v1/chat/completions","completion_window":"24h"}`},
				{"POST", responsesURL, `{"model":"gpt-5","input":[{"role":"user","content":[{"type":"input_file","file_id":"%s"}]}]}`},
				{"DELETE", filesURL + "/%s", ""},
			}},
		"Anthropic batch": {provider.Anthropic, providertest.Anthropic,
			step{"POST", messagesURL + "/batches", `{"requests":[{"custom_id":"a","params":{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}}]}`}, []string{"id"},
			[]step{{"GET", messagesURL + "/batches/%s", ""}, {"POST", messagesURL + "/batches/%s/cancel", ""}}},
		"Anthropic file": {provider.Anthropic, providertest.Anthropic,
			step{"POST", "https://api.anthropic.com/v1/files", "form:text"}, []string{"id"},
			[]step{{"GET", "https://api.anthropic.com/v1/files/%s", ""}, {"DELETE", "https://api.anthropic.com/v1/files/%s", ""}}},
		"Gemini cache": {provider.Gemini, providertest.Gemini,
			step{"POST", "https://generativelanguage.googleapis.com/v1beta/cachedContents", `{"model":"models/gemini-2.5-flash","contents":[{"role":"user","parts":[{"text":"hi"}]}]}`}, []string{"name"},
			[]step{
				{"GET", "https://generativelanguage.googleapis.com/v1beta/%s", ""},
				{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"cachedContent":"%s"}`},
			}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newHomeWorld(t, tt.provider, tt.fake(providertest.Config{}))
			status, answer, _ := w.call(t, balancer.Hint{Account: "third"}, tt.create.method, tt.create.url, tt.create.body)
			require.Equal(t, http.StatusOK, status, answer)
			id := idOf(t, answer, tt.id...)
			for range 5 { // busier than all others
				resp, err := w.lb.RoundTrip(newRequest(balancer.WithHint(t.Context(), balancer.Hint{Account: "third"}), t, http.MethodGet, strings.Split(tt.create.url, "/v1")[0]+"/v1/models", ""))
				require.NoError(t, err)
				defer resp.Body.Close()
			}
			for _, s := range tt.follow {
				url, body := s.url, s.body
				if strings.Contains(url, "%s") {
					url = fmt.Sprintf(url, id)
				}
				if strings.Contains(body, "%s") {
					body = fmt.Sprintf(body, id)
				}
				status, answer, by := w.call(t, balancer.Hint{}, s.method, url, body)
				assert.Equal(t, http.StatusOK, status, "%s %s: %s", s.method, url, answer)
				assert.Equal(t, "third", by, "%s %s", s.method, url)
			}
		})
	}
}

func (w *homeWorld) response(t *testing.T, hint balancer.Hint) (id string) {
	t.Helper()
	status, answer, _ := w.call(t, hint, http.MethodPost, responsesURL, `{"model":"gpt-5","input":"hi"}`)
	require.Equal(t, http.StatusOK, status, answer)
	return idOf(t, answer, "id")
}

func (w *homeWorld) follow(ctx context.Context, t *testing.T, id string) (status int, err error) {
	t.Helper()
	status, _, err = do(w.lb, newRequest(ctx, t, http.MethodGet, responsesURL+"/"+id, ""))
	return status, err
}

func TestUnknownThingsGoAnywhereAndAreLearnt(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
	id := w.response(t, balancer.Hint{Account: "second"})
	other := newHomeWorld(t, provider.OpenAI, w.fake) // knows nothing
	status, err := other.follow(t.Context(), t, id)
	require.NoError(t, err)
	assert.Equal(t, http.StatusNotFound, status, "anywhere is the first")
	status, err = other.follow(balancer.WithHint(t.Context(), balancer.Hint{Account: "second"}), t, id)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	status, err = other.follow(t.Context(), t, id)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status, "learnt from the good answer")
}

func TestTheHomeIsGone(t *testing.T) {
	tests := map[string]func(accounts []balancer.Account) []balancer.Account{
		"removed":      func(a []balancer.Account) []balancer.Account { return a[:2] },
		"but for one":  func(a []balancer.Account) []balancer.Account { return a[:1] },
		"disabled":     func(a []balancer.Account) []balancer.Account { a[2].Disabled = true; return a },
		"all disabled": func(a []balancer.Account) []balancer.Account { a[1].Disabled, a[2].Disabled = true, true; return a },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
			id := w.response(t, balancer.Hint{Account: "third"})
			before := w.fake.Count()
			require.NoError(t, w.lb.SetAccounts(change(append([]balancer.Account(nil), w.cfg.Accounts...))))
			_, err := w.follow(t.Context(), t, id)
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			assert.ErrorContains(t, err, id)
			assert.ErrorContains(t, err, `"third"`)
			assert.Equal(t, before, w.fake.Count(), "no other account is asked")
		})
	}
}

// What was made while there was one account is found when there are more.
func TestThingsOfTheOnlyAccountAreRemembered(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}), func(c *balancer.Config) { c.Accounts = c.Accounts[1:2] })
	id := w.response(t, balancer.Hint{})
	require.NoError(t, w.lb.SetAccounts([]balancer.Account{account("first", priority(-1)), account("second")}))
	status, err := w.follow(t.Context(), t, id)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
}

// While the account rests nobody else is asked, and RetryAt is its own.
func TestTheHomeRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
		id := w.response(t, balancer.Hint{Account: "third"})
		for name, d := range map[string]time.Duration{"first": 5 * time.Second, "third": time.Minute} {
			w.fake.ScriptFor("key-"+name, providertest.RateLimited(d))
			_, _, _ = w.call(t, balancer.Hint{Account: name}, http.MethodPost, responsesURL, `{"model":"gpt-5","input":"hi"}`)
		}
		before, start := w.fake.Count(), time.Now()
		_, _, err := do(w.lb, newRequest(t.Context(), t, http.MethodPost, responsesURL, `{"model":"gpt-5","input":"hi","previous_response_id":"`+id+`"}`))
		var failure *balancer.Error
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.InDelta(t, 60, failure.RetryAt.Sub(start).Seconds(), 2)
		assert.ErrorContains(t, err, id)
		assert.ErrorContains(t, err, "third: ")
		assert.NotContains(t, err.Error(), "first")
		assert.Equal(t, before, w.fake.Count())
		time.Sleep(62 * time.Second)
		_, by, err := do(w.lb, newRequest(t.Context(), t, http.MethodPost, responsesURL, `{"model":"gpt-5","input":"hi","previous_response_id":"`+id+`"}`))
		require.NoError(t, err, by)
	})
}

// The home fails: the request gets its answer, and no other account is tried.
func TestTheHomeFails(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
	id := w.response(t, balancer.Hint{Account: "third"})
	w.fake.Always(providertest.ServerError())
	before := w.fake.Count()
	status, err := w.follow(t.Context(), t, id)
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, status)
	for _, by := range keysSeen(w.fake)[before:] {
		assert.Equal(t, "third", by)
	}
}

func TestTenantsDoNotSeeEachOthersThings(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}))
	id := w.response(t, balancer.Hint{Account: "third", Tenant: "a"})
	for tenant, want := range map[string]int{"a": http.StatusOK, "b": http.StatusNotFound, "": http.StatusNotFound} {
		status, err := w.follow(balancer.WithHint(t.Context(), balancer.Hint{Tenant: tenant}), t, id)
		require.NoError(t, err)
		assert.Equal(t, want, status, "tenant %q", tenant)
	}
}

func TestThingsAreForgottenAfterTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}), func(c *balancer.Config) { c.AffinityTTL = time.Hour })
		id := w.response(t, balancer.Hint{Account: "third"})
		for range 2 { // an answer that tells of it begins its time anew
			time.Sleep(59 * time.Minute)
			status, err := w.follow(t.Context(), t, id)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		}
		time.Sleep(61 * time.Minute)
		status, err := w.follow(t.Context(), t, id)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, status, "it goes anywhere")
	})
}

// affinityWith is a store that fails as told.
type affinityWith struct {
	get  func(ctx context.Context, keys []string) ([]string, error)
	puts *int
}

func (a affinityWith) Get(ctx context.Context, keys ...string) ([]string, error) {
	return a.get(ctx, keys)
}
func (a affinityWith) Put(context.Context, string, time.Duration, ...string) error {
	*a.puts++
	return errBroken
}
func (a affinityWith) Delete(context.Context, ...string) error { return errBroken }

func TestABrokenAffinityStoreIsReported(t *testing.T) {
	tests := map[string]func(context.Context, []string) ([]string, error){
		"error":      func(context.Context, []string) ([]string, error) { return nil, errBroken },
		"too few":    func(context.Context, []string) ([]string, error) { return nil, nil },
		"too many":   func(context.Context, []string) ([]string, error) { return make([]string, 7), nil },
		"no answer":  func(ctx context.Context, _ []string) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() },
		"no account": func(_ context.Context, keys []string) ([]string, error) { return make([]string, len(keys)), nil },
	}
	for name, get := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said []string
				puts := 0
				w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}), func(c *balancer.Config) {
					c.Affinity = affinityWith{get, &puts}
					c.Hooks.StoreError = func(_ context.Context, store string, err error) {
						assert.Error(t, err)
						said = append(said, store)
					}
				})
				id := w.response(t, balancer.Hint{Account: "first"})
				assert.Equal(t, []string{"affinity"}, said, "it could not be remembered")
				status, err := w.follow(t.Context(), t, id)
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, status)
				assert.Len(t, said, 1, "it is not asked so soon")
				time.Sleep(time.Second)
				start := time.Now()
				status, err = w.follow(t.Context(), t, id)
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, status, "it is known here where the thing lives")
				assert.LessOrEqual(t, time.Since(start), 500*time.Millisecond)
				for _, store := range said {
					assert.Equal(t, "affinity", store)
				}
				assert.Len(t, said, 2)
				assert.NotZero(t, puts)
			})
		})
	}
}

// A hard tie is stronger than a session's.
func TestAThingIsStrongerThanASession(t *testing.T) {
	w := newHomeWorld(t, provider.OpenAI, providertest.OpenAI(providertest.Config{}), func(c *balancer.Config) {
		for i := range c.Accounts {
			c.Accounts[i].Priority = 0
		}
		c.Policy = health.Policy{SlowStart: -1}
	})
	ids := make(map[string]string)
	for _, name := range []string{"first", "second", "third"} {
		ids[name] = w.response(t, balancer.Hint{Account: name})
	}
	for name, id := range ids {
		status, err := w.follow(session(t.Context(), "s"), t, id)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, name)
	}
	w.call(t, balancer.Hint{Session: "s"}, http.MethodPost, responsesURL, `{"model":"gpt-5","input":"hi"}`)
	require.Len(t, w.lb.Sessions(9), 1)
}
