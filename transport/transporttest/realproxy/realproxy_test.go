package realproxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

func TestTrafficPasses(t *testing.T) {
	for _, k := range kinds {
		configs := []realproxy.Config{{}}
		if k.password != "" {
			configs = append(configs, k.config())
		}
		for _, c := range configs {
			t.Run(fmt.Sprintf("%s/auth=%v", k.name, c.User != ""), func(t *testing.T) {
				p := k.start(t, c)
				if got := p.URL(); !strings.HasPrefix(got, k.scheme+"://") || !strings.HasSuffix(got, p.Addr()) {
					t.Errorf("URL %s does not name %s at %s", got, k.scheme, p.Addr())
				}
				for _, secure := range []bool{false, true} {
					to := upstream(t, secure)
					through := client(t, p.URL(), to)
					status, body, err := post(through, to.URL)
					if err != nil || status != http.StatusOK || !strings.HasPrefix(body, "POST hello") {
						t.Fatalf("over TLS %v: %d %q, %v\n%s", secure, status, body, err, p.Log())
					}
					if secure || k.via == "" {
						if !strings.Contains(body, `via=""`) {
							t.Errorf("over TLS %v: there is a Via: %s", secure, body)
						}
					} else if !strings.Contains(body, k.via) {
						t.Errorf("plain HTTP: %s is not in Via: %s", k.via, body)
					}
					through.CloseIdleConnections()
					if secure || !k.http() {
						witness(p).WaitLog(t, k.line(to))
					} else {
						witness(p).WaitLog(t, to.URL)
					}
				}
			})
		}
	}
}

func TestLocalhostByName(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			p := k.start(t, k.config())
			to := upstream(t, false)
			name := strings.Replace(to.URL, "127.0.0.1", "localhost", 1)
			if status, body, err := post(client(t, p.URL(), to), name); err != nil || status != http.StatusOK {
				t.Fatalf("%d %q, %v\n%s", status, body, err, p.Log())
			}
		})
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	for _, k := range kinds {
		if k.password == "" {
			continue // TestConfigThatCannotWork: it refuses a Config with a password
		}
		t.Run(k.name, func(t *testing.T) {
			p := k.start(t, k.config())
			for _, login := range []*url.Userinfo{
				url.UserPassword(user, "wrong"), url.UserPassword("bob", k.password), nil,
			} {
				u := url.URL{Scheme: k.scheme, User: login, Host: p.Addr()}
				secure := upstream(t, true)
				if status, _, err := post(client(t, u.String(), secure), secure.URL); err == nil {
					t.Errorf("as %v over TLS: answered %d, want a refusal", login, status)
				}
				plain := upstream(t, false)
				status, _, err := post(client(t, u.String(), plain), plain.URL)
				switch {
				case k.wrong == 0 && err == nil:
					t.Errorf("as %v: answered %d, want a refusal", login, status)
				case k.wrong != 0 && login != nil && status != k.wrong:
					t.Errorf("as %v: answered %d, %v, want %d", login, status, err, k.wrong)
				case k.wrong != 0 && login == nil && status != http.StatusProxyAuthRequired:
					t.Errorf("without a password: answered %d, %v, want 407", status, err)
				}
			}
			good := upstream(t, true)
			if status, _, err := post(client(t, p.URL(), good), good.URL); status != http.StatusOK {
				t.Errorf("the right password after wrong ones: %d, %v", status, err)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			p := k.start(t, k.config())
			to := upstream(t, true)
			through := client(t, p.URL(), to)
			errs := make(chan error)
			for range 32 {
				go func() {
					status, body, err := post(through, to.URL)
					if err == nil && status != http.StatusOK {
						err = fmt.Errorf("%d %s", status, body)
					}
					errs <- err
				}()
			}
			for range 32 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestNoVerbShowsThePassword(t *testing.T) {
	c := realproxy.Config{User: user, Password: "s3cret-p.w_D"}
	p := realproxy.Tinyproxy(t, c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{c, &c, p, []any{c, p}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, c.Password) || strings.Contains(got, fmt.Sprintf("%x", c.Password)) {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
	for _, v := range []any{c, p} {
		if got, err := json.Marshal(v); err != nil || strings.Contains(string(got), c.Password) {
			t.Errorf("JSON of %T: %s, %v", v, got, err)
		}
	}
}
