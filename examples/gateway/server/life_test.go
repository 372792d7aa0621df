package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestAStreamThatBreaksEndsWithAnErrorEvent(t *testing.T) {
	for name, c := range map[string]struct {
		target, body string
		headers      []string
		event        string
	}{
		"chat":      {"/v1/chat/completions", chatStream, nil, `data: {"error":{"message":"Upstream error: The provider's answer broke off.","type":"server_error","param":null,"code":"upstream_error"}}`},
		"responses": {"/v1/responses", `{"model":"gpt-5","input":"hi","stream":true}`, nil, `event: error` + "\n" + `data: {"type":"error","code":"upstream_error"`},
		"messages":  {"/v1/messages", claudeStream, []string{version}, `event: error` + "\n" + `data: {"type":"error","error":{"type":"api_error"`},
		"generate":  {"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", geminiBody, nil, `data: {"error":{"code":502`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, f := range []*providertest.Fake{r.openai, r.anthropic, r.gemini} {
				f.Always(providertest.CutStream(2))
			}
			got := r.ask("POST", c.target, c.body, c.headers...)
			assert.Equal(t, 200, got.status)
			assert.ErrorIs(t, got.err, io.ErrUnexpectedEOF, "the connection breaks")
			assert.Contains(t, got.body, c.event)
			rec := r.store.last(t)
			assert.Equal(t, 200, rec.Status)
			assert.Equal(t, "upstream_error", rec.Code)
		})
	}
}

func TestAnAnswerThatBreaksIsNotPassedOffAsWhole(t *testing.T) {
	r := newRig(t)
	r.openai.Always(providertest.CutStream(1))
	got := r.chat()
	if got.status == 200 {
		assert.Error(t, got.err)
	} else {
		assert.Contains(t, got.body, "upstream_error")
	}
	assert.NotEmpty(t, r.store.last(t).Code)
}

func TestAClientThatLeavesIsBooked(t *testing.T) {
	counts := quota.NewMemory(quota.MemoryConfig{})
	k := key(secret, func(k *resource.Key) { k.Quotas = []resource.Quota{{Window: "day", Tokens: 1e6, USD: 10}} })
	r := newRig(t, func(c *server.Config) { c.Quota, c.Keys = counts, []resource.Key{k} })
	srv := r.serve()
	r.openai.Always(providertest.Trickle(20 * time.Millisecond).Endless(5 * time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions", strings.NewReader(chatStream))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	_, err = bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	require.Len(t, r.s.Active(), 1)
	assert.Equal(t, "oai", r.s.Active()[0].Account)
	cancel()
	_ = resp.Body.Close()
	require.Eventually(t, func() bool { return len(r.store.recorded()) == 1 }, 5*time.Second, 5*time.Millisecond)
	rec := r.store.last(t)
	assert.Equal(t, 499, rec.Status)
	assert.Len(t, rec.Attempts, 1)
	assert.Empty(t, r.s.Active())
	assert.Positive(t, rec.InputTokens, "nobody pays nothing by leaving early")
	assert.Positive(t, rec.Cost)
	assert.False(t, rec.CostKnown, "it is the least that it can be")
	limits, err := k.Limits()
	require.NoError(t, err)
	levels, err := counts.Levels(t.Context(), "key/"+k.ID, limits)
	require.NoError(t, err)
	assert.Equal(t, rec.Cost, levels[0].Used)
	assert.Equal(t, rec.InputTokens+rec.OutputTokens, levels[1].Used)
	snapshot, err := r.s.Balancer().Snapshot(t.Context())
	require.NoError(t, err)
	for _, a := range snapshot.Accounts {
		assert.Zero(t, a.Failures, "it was not the account's fault")
		assert.Zero(t, a.InFlight)
	}
}

func TestAClientThatLeavesWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Always(providertest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := providertest.InMemory(r.s).RoundTrip(newRequest(t, "POST", "/v1/chat/completions", chatBody).WithContext(ctx))
		require.Error(t, err)
		synctest.Wait()
		assert.Equal(t, 499, r.store.last(t).Status)
	})
}

func TestCancelEndsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Script(providertest.Hang(), providertest.Trickle(time.Second).Endless(time.Second))
		for _, body := range []string{chatBody, chatStream} {
			done := make(chan answer)
			go func() { done <- r.ask("POST", "/v1/chat/completions", body) }()
			time.Sleep(3500 * time.Millisecond)
			active := r.s.Active()
			require.Len(t, active, 1)
			assert.Equal(t, key(secret).ID, active[0].KeyID)
			assert.True(t, r.s.Cancel(active[0].ID))
			got := <-done
			if body == chatBody {
				assert.Equal(t, 502, got.status)
				assert.Equal(t, "false", got.header.Get("X-Should-Retry"), "it would only be cancelled again")
				assert.NoError(t, got.err)
			} else {
				assert.Equal(t, 200, got.status)
				assert.Error(t, got.err)
			}
			assert.Contains(t, got.body, "cancelled by an administrator")
			assert.NotContains(t, got.body, "No available account")
			assert.Equal(t, active[0].ID, r.store.last(t).ID)
			assert.Equal(t, "upstream_error", r.store.last(t).Code)
			assert.False(t, r.s.Cancel(active[0].ID), "it is over")
		}
	})
}

func TestTimeOutsAndProxiesAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"the proxy is down":     {&transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Err: errors.New("refused")}, 503, "proxy_failed"},
		"its password is wrong": {&transport.Error{Phase: transport.PhaseProxyAuth, Sent: transport.SentNo, Code: 407}, 503, "proxy_failed"},
		"no answer in time":     {&transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Err: context.DeadlineExceeded}, 504, "upstream_timeout"},
		"it hangs up":           {&transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Err: io.EOF}, 502, "upstream_error"},
		"its name is not found": {&transport.Error{Phase: transport.PhaseDNS, Sent: transport.SentNo, Err: errors.New("no such host")}, 502, "upstream_error"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *server.Config) {
				cfg.MaxAttempts = 1
				cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
					return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, c.err }), nil
				}
			})
			got := r.chat()
			assert.Equal(t, c.status, got.status)
			assert.Contains(t, got.body, `"code":"`+c.code+`"`)
			assert.NotContains(t, got.body, "refused")
			assert.Equal(t, c.code, r.store.last(t).Code)
		})
	}
}

func TestADeadlineIsATimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *server.Config) { c.Deadline = time.Second })
		r.openai.Always(providertest.Hang())
		got := r.chat()
		assert.Equal(t, 504, got.status)
		assert.Contains(t, got.body, "upstream_timeout")
		assert.Equal(t, 504, r.store.last(t).Status)
	})
}

func TestTrailersArePassedOn(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Set-Cookie")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "{}")
		w.Header().Set("X-Sum", "7")
		w.Header().Set("Set-Cookie", "a=b")
	}))
	defer upstream.Close()
	r := newRig(t, func(c *server.Config) {
		c.RoundTripper = nil
		c.Accounts = []resource.Account{account("far", "openai", func(a *resource.Account) { a.BaseURL = upstream.URL + "/v1" })}
	})
	srv := r.serve()
	req := newRequest(t, "POST", "/v1/chat/completions", chatBody)
	req.URL.Host, req.RequestURI = srv.Listener.Addr().String(), ""
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "{}", string(data))
	assert.Equal(t, http.Header{"X-Sum": {"7"}}, resp.Trailer)
}

func TestAnAttemptThatEndsAfterItsRequestIsARecordOfItsOwn(t *testing.T) {
	var sent *http.Request
	fake := providertest.OpenAI(providertest.Config{})
	r := newRig(t, func(c *server.Config) {
		c.Keys = []resource.Key{key(secret, func(k *resource.Key) { k.PriceRate = 2 })}
		c.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				sent = req
				return providertest.InMemory(fake).RoundTrip(req)
			}), nil
		}
	})
	require.Equal(t, 200, r.chat().status)
	server.Attempted(sent.Context(), r.s, balancer.Attempt{Account: "slow", Start: time.Now()})
	assert.Len(t, r.store.recorded(), 1, "it cost nothing")
	server.Attempted(sent.Context(), r.s, balancer.Attempt{Account: "slow", Start: time.Now(), Cost: 500})
	all := r.store.recorded()
	require.Len(t, all, 2)
	assert.NotEqual(t, all[0].ID, all[1].ID)
	assert.Equal(t, all[0].KeyID, all[1].KeyID)
	assert.Equal(t, int64(1000), all[1].Charged)
	assert.Equal(t, "late_attempt", all[1].Code)
}

func TestTheWholeWayThroughARealProxy(t *testing.T) {
	for _, scheme := range []string{"http", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			upstream, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
			require.NoError(t, err)
			defer upstream.Close()
			proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: scheme, User: "u", Password: "hidden"})
			require.NoError(t, err)
			defer proxy.Close()
			yes := true
			r := newRig(t, func(c *server.Config) {
				c.RoundTripper = nil
				c.Proxy = "http://127.0.0.1:1" // the account wins
				c.Accounts = []resource.Account{account("far", "openai", func(a *resource.Account) { a.BaseURL, a.Proxy = upstream.URL()+"/v1", proxy.URL() })}
			})
			srv := r.serve()
			for body, contains := range map[string]string{chatBody: "Hello from openai.", chatStream: "[DONE]"} {
				req := newRequest(t, "POST", "/v1/chat/completions", body)
				req.URL.Host, req.RequestURI = srv.Listener.Addr().String(), ""
				resp, err := srv.Client().Do(req)
				require.NoError(t, err)
				data, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				require.NoError(t, err)
				assert.Contains(t, string(data), contains)
			}
			require.Eventually(t, func() bool { return len(r.store.recorded()) == 2 }, 5*time.Second, time.Millisecond)
			rec := r.store.last(t)
			assert.Contains(t, rec.UsedProxy, scheme+"://u:***@")
			assert.Equal(t, "127.0.0.1", rec.ClientIP)
			assert.NotContains(t, r.logs.String(), "hidden")
			assert.NotEmpty(t, proxy.Targets())

			proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
			proxy.CloseConnections()
			got := r.chat()
			assert.Equal(t, 503, got.status, "nothing goes around a proxy unasked")
			assert.Contains(t, got.body, "proxy_failed")

			r2 := newRig(t, func(c *server.Config) {
				c.RoundTripper = nil
				c.Providers = map[string]server.ProviderSettings{"openai": {Proxy: proxy.URL(), ProxyFallbackToDirect: &yes}}
				c.Accounts = []resource.Account{account("far", "openai", func(a *resource.Account) { a.BaseURL = upstream.URL() + "/v1" })}
			})
			assert.Equal(t, 200, r2.chat().status, "but where the provider's settings allow it")
			assert.Equal(t, "direct", r2.store.last(t).UsedProxy)
		})
	}
}

func TestAChangeServesTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *server.Config) { c.Accounts = nil })
		r.store.set(account("one", "openai"))
		time.Sleep(3 * time.Second)
		require.Equal(t, 200, r.chat().status, "another instance has saved it")

		r.store.set(account("two", "openai"))
		require.NoError(t, r.s.Reload(t.Context()))
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, "two", r.store.last(t).Account, "this one has: at once")

		r.store.failWith(errDown)
		require.ErrorIs(t, r.s.Reload(t.Context()), errDown)
		time.Sleep(10 * time.Second)
		assert.Equal(t, 200, r.chat().status, "the last known go on")
		assert.Equal(t, 1, strings.Count(r.logs.String(), "Accounts not refreshed"), "said once")
		r.store.failWith(nil)
		time.Sleep(3 * time.Second)
		assert.Contains(t, r.logs.String(), "refreshed again")
	})
}

func TestABrokenAccountIsLeftOut(t *testing.T) {
	bad := map[string]func(*resource.Account){
		"no provider":   func(a *resource.Account) { a.Provider = "frog" },
		"no secret":     func(a *resource.Account) { a.Secret = resource.Secret{} },
		"proxy":         func(a *resource.Account) { a.Proxy = "ftp://x:hidden@y" },
		"metadata":      func(a *resource.Account) { a.BaseURL = "http://169.254.169.254/v1" },
		"metadata dec":  func(a *resource.Account) { a.BaseURL = "http://2852039166/v1" },
		"metadata name": func(a *resource.Account) { a.BaseURL = "http://metadata.google.internal/v1" },
		"metadata v6":   func(a *resource.Account) { a.BaseURL = "http://[::ffff:a9fe:a9fe]/v1" },
		"proxy local":   func(a *resource.Account) { a.Proxy = "http://[fe80::1]:3128" },
		"limit":         func(a *resource.Account) { a.Limits = []resource.Limit{{Unit: "frogs"}} },
		"schedule":      func(a *resource.Account) { a.Schedule = &resource.Schedule{} },
		"models":        func(a *resource.Account) { a.Models = map[string]string{"a**b": ""} },
		"oauth": func(a *resource.Account) {
			a.Secret, a.OAuth = resource.Secret{}, &resource.OAuth{TokenURL: "http://x/"}
		},
		"weight": func(a *resource.Account) { a.Weight = -1 },
	}
	r := newRig(t, func(c *server.Config) {
		c.Accounts = []resource.Account{account("good", "openai")}
		for name, change := range bad {
			c.Accounts = append(c.Accounts, account(name, "openai", change))
		}
		c.Accounts = append(c.Accounts, account("good", "anthropic"))
	})
	broken := r.s.Broken()
	assert.Len(t, broken, len(bad)+1)
	for name := range bad {
		require.Error(t, broken[name], name)
		assert.Contains(t, broken[name].Error(), fmt.Sprintf("account %q", name))
		assert.NotContains(t, broken[name].Error(), "hidden")
		assert.Contains(t, r.logs.String(), name)
	}
	assert.ErrorContains(t, broken["good"], "unique")
	assert.Equal(t, 200, r.chat().status)
	require.Error(t, r.s.Validate(account("x", "openai", bad["metadata"])))
	require.NoError(t, r.s.Validate(account("x", "openai")))
}

func TestAnEnvironmentThatIsWrongBreaksThoseWhoAskForItAlone(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "ftp://u:hidden@x")
	r := newRig(t, func(c *server.Config) {
		c.RoundTripper = nil
		c.Accounts = []resource.Account{account("env", "openai", func(a *resource.Account) { a.Proxy = "env" }), account("direct", "openai", func(a *resource.Account) { a.Proxy = "direct" })}
	})
	assert.Len(t, r.s.Broken(), 1)
	assert.ErrorContains(t, r.s.Broken()["env"], "HTTPS_PROXY")
	assert.NotContains(t, r.s.Broken()["env"].Error(), "hidden")
}

func TestNamesThatTurnOutToBeLinkLocalAreNotDialled(t *testing.T) {
	for _, address := range []string{"169.254.1.1:80", "[fe80::1%eth0]:80", "[fd00:ec2::254]:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80", "100.100.100.200:80"} {
		var refused *server.AddressError
		assert.ErrorAs(t, server.RefuseAddress("tcp", address, nil), &refused, address)
	}
	for _, address := range []string{"127.0.0.1:80", "10.0.0.1:80", "[::1]:80", "192.168.1.1:80", "[fd00::1]:80", "8.8.8.8:53"} {
		assert.NoError(t, server.RefuseAddress("tcp", address, nil), address)
	}
}

func TestAnUnsavedAccountIsChecked(t *testing.T) {
	r := newRig(t)
	report, err := r.s.CheckAccount(t.Context(), account("new", "openai"))
	require.NoError(t, err)
	assert.True(t, report.OK())
	r.openai.Always(providertest.Unauthorized())
	report, err = r.s.CheckAccount(t.Context(), account("new", "openai"))
	require.NoError(t, err)
	assert.False(t, report.OK())
	_, err = r.s.CheckAccount(t.Context(), account("new", "frog"))
	assert.ErrorContains(t, err, `account "new": provider`)
}

func TestAPanicIsAnErrorOfThisRequestAlone(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { panic("frog") }), nil
		}
	})
	got := r.chat()
	assert.Equal(t, 500, got.status)
	assert.NotContains(t, got.body, "frog")
	assert.Equal(t, "internal", r.store.last(t).Code)
	assert.Contains(t, r.logs.String(), `"msg":"Panic"`)
	assert.Equal(t, 500, r.chat().status)
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Script(providertest.OK().After(5 * time.Second))
		done := make(chan answer)
		go func() { done <- r.chat() }()
		synctest.Wait()
		ended := make(chan error)
		go func() { ended <- r.s.Shutdown(t.Context()) }()
		synctest.Wait()
		assert.ErrorIs(t, r.s.Ready(), server.ErrClosed)
		assert.Equal(t, 503, r.chat().status, "new ones are refused")
		assert.Equal(t, 503, r.ask("GET", "/readyz", "").status)
		assert.Equal(t, 200, r.ask("GET", "/healthz", "").status)
		assert.Equal(t, 200, (<-done).status)
		require.NoError(t, <-ended)
		assert.Equal(t, 200, r.store.last(t).Status)
	})
}

func TestTheStoreIsToldHowAccountsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Script(providertest.RateLimited(time.Minute))
		r.chat()
		time.Sleep(3 * time.Second)
		r.anthropic.Script(providertest.ServerError(), providertest.ServerError())
		r.ask("POST", "/v1/messages", claudeBody, version)
		time.Sleep(3 * time.Second)
		r.ask("POST", "/v1/messages", claudeBody, version)
		time.Sleep(3 * time.Second)
		r.store.mu.Lock()
		defer r.store.mu.Unlock()
		assert.Contains(t, strings.Join(r.store.states, "; "), "ant ")
		assert.Equal(t, "ant 0s", r.store.states[len(r.store.states)-1], "it is well again")
	})
}

func TestABodyThatComesTooSlowlyIsNotWaitedFor(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.BodyTimeout = 50 * time.Millisecond })
	srv := r.serve()
	for _, target := range []string{"/v1/chat/completions", "/v1/files"} {
		kind := "application/json"
		if target == "/v1/files" {
			kind = "multipart/form-data; boundary=x"
		}
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n{", target, secret, kind)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, 408, resp.StatusCode, target)
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Contains(t, string(data), "request_timeout")
		_ = resp.Body.Close()
		_ = conn.Close()
	}
	assert.Zero(t, r.openai.Count())
	require.Eventually(t, func() bool { return len(r.store.recorded()) == 2 }, 5*time.Second, time.Millisecond)
	for _, rec := range r.store.recorded() {
		assert.Equal(t, 408, rec.Status)
	}
}

func TestASlowAnswerDoesNotEndTheConnection(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.BodyTimeout = 30 * time.Millisecond })
	srv := r.serve()
	r.openai.Always(providertest.OK().After(150 * time.Millisecond))
	req := newRequest(t, "POST", "/v1/chat/completions", chatBody)
	req.URL.Host, req.RequestURI = srv.Listener.Addr().String(), ""
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode, "the limit for the body is over with the body")
}

func TestUploadsStreamAndAreLimited(t *testing.T) {
	form := "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + strings.Repeat("y", 2000) + "\r\n--x--\r\n"
	kind := "Content-Type: multipart/form-data; boundary=x"
	r := newRig(t, func(c *server.Config) { c.MaxBody, c.MaxUpload = 500, 4000 })
	assert.Equal(t, 200, r.ask("POST", "/v1/files", form, kind).status, "longer than JSON may be")
	assert.Equal(t, 413, r.ask("POST", "/v1/files", strings.Repeat(form, 2), kind).status)
	req := newRequest(t, "POST", "/v1/files", strings.Repeat(form, 2), kind)
	req.ContentLength = -1
	got := r.send(req)
	assert.Equal(t, 413, got.status, "also if its length was not told")
	assert.Contains(t, got.body, "body_too_large")
	assert.Equal(t, 413, r.ask("POST", "/v1/chat/completions", `{"model":"`+strings.Repeat("x", 600)+`"}`).status)
}

// Whoever closes the store after the gateway has the records of what was cut.
func TestWhatIsCutAtTheEndIsBookedBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.openai.Always(providertest.Hang())
		slow, req := slowWriter{make(http.Header)}, newRequest(t, "POST", "/v1/chat/completions", chatBody)
		go func() {
			defer func() { _ = recover() }() // the connection is broken
			r.s.ServeHTTP(slow, req)
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, r.s.Shutdown(ctx), context.DeadlineExceeded)
		assert.Len(t, r.store.recorded(), 1, "though its client took half a second to read its error")
	})
}

// slowWriter is a client that takes half a second for each piece.
type slowWriter struct{ header http.Header }

func (w slowWriter) Header() http.Header { return w.header }
func (w slowWriter) WriteHeader(int)     {}
func (w slowWriter) Write(p []byte) (int, error) {
	time.Sleep(500 * time.Millisecond)
	return len(p), nil
}
