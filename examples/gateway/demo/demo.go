package demo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// rest is how long openai-2 says that its limit lasts.
const rest = 30 * time.Second

// Demo is a running set of fakes. Start one, and close it.
type Demo struct {
	closers  []io.Closer // the last is closed first
	accounts []resource.Account
	secret   string
}

// Start starts the fakes on free ports of 127.0.0.1.
func Start() (*Demo, error) {
	d := &Demo{secret: "gw-demo-" + rand.Text()}
	if err := d.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("the demo cannot start: %w", err), d.Close())
	}
	return d, nil
}

func (d *Demo) start() error {
	openai := providertest.OpenAI(providertest.Config{Text: "Hello from a fake OpenAI, by the third account that was asked."})
	openai.AlwaysFor("sk-demo-2", providertest.RateLimited(rest))
	anthropic := providertest.Anthropic(providertest.Config{Text: "Hello from a fake Anthropic, by the second account that was asked."})
	anthropic.AlwaysFor("sk-ant-demo-1", providertest.Overloaded())
	gemini := providertest.Gemini(providertest.Config{Text: "Hello from a fake Gemini, past a proxy that is dead."})

	bases := make([]string, 3)
	for i, fake := range []*providertest.Fake{openai, anthropic, gemini} {
		s, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
		if err != nil {
			return err
		}
		d.closers = append(d.closers, s)
		bases[i] = s.URL()
	}
	dead, err := d.proxy(transporttest.ProxyConfig{Scheme: "http", Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	if err != nil {
		return err
	}
	socks, err := d.proxy(transporttest.ProxyConfig{Scheme: "socks5", User: "demo", Password: "demo-password"})
	if err != nil {
		return err
	}
	past := true
	d.accounts = []resource.Account{
		{Name: "openai-1", Provider: "openai", BaseURL: bases[0] + "/v1", Secret: resource.NewSecret("sk-demo-1"), Proxy: dead},
		{Name: "openai-2", Provider: "openai", BaseURL: bases[0] + "/v1", Secret: resource.NewSecret("sk-demo-2"), Proxy: "direct", Priority: 1},
		{Name: "openai-3", Provider: "openai", BaseURL: bases[0] + "/v1", Secret: resource.NewSecret("sk-demo-3"), Proxy: socks, Priority: 2},
		{Name: "anthropic-1", Provider: "anthropic", BaseURL: bases[1], Secret: resource.NewSecret("sk-ant-demo-1"), Proxy: "direct"},
		{Name: "anthropic-2", Provider: "anthropic", BaseURL: bases[1], Secret: resource.NewSecret("sk-ant-demo-2"), Proxy: socks, Priority: 1},
		{Name: "gemini-1", Provider: "gemini", BaseURL: bases[2], Secret: resource.NewSecret("gemini-demo-1"), Proxy: dead, ProxyFallbackToDirect: &past},
	}
	for i := range d.accounts {
		d.accounts[i].FromFile = true
	}
	return nil
}

// proxy starts a proxy that leads nowhere but to this machine.
func (d *Demo) proxy(c transporttest.ProxyConfig) (url string, err error) {
	c.Dial = dialLoopback
	p, err := transporttest.NewProxy(c)
	if err != nil {
		return "", err
	}
	d.closers = append(d.closers, p)
	return p.URL(), nil
}

func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	if a, err := netip.ParseAddrPort(addr); err != nil || !a.Addr().IsLoopback() {
		return nil, fmt.Errorf("the demo's proxies do not lead to %s", addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// Accounts are those that the fakes answer.
func (d *Demo) Accounts() []resource.Account { return d.accounts }

// Key is the key that Curl sends; its Hash is set.
func (d *Demo) Key() resource.Key {
	sum := sha256.Sum256([]byte(d.secret))
	return resource.Key{ID: "key_demo", Name: "demo", Hint: "gw-demo-…", Hash: hex.EncodeToString(sum[:]), FromFile: true}
}

// Curl is a request to the gateway at an address (http://127.0.0.1:8080), as a line for
// a shell.
func (d *Demo) Curl(base string) string {
	return d.curl(base+"/v1/chat/completions", "Authorization: Bearer "+d.secret, "", `{"model":"gpt-5","messages":[{"role":"user","content":"Hello"}]}`)
}

func (d *Demo) curl(url, credential, more, body string) string {
	return fmt.Sprintf(`curl %s -H '%s' %s-H 'Content-Type: application/json' -d '%s'`, url, credential, more, body)
}

// Tell writes what there is to try at the gateway's address.
func (d *Demo) Tell(w io.Writer, base string) {
	fmt.Fprintf(w, `
This is a demo: the providers are fakes, and nothing leaves this machine. In another terminal:

  %s

The log will show how the answer came about: openai-1 is behind a proxy that is dead ("Attempt
failed", class proxy failed), openai-2 is told 429 and rests for %v, openai-3 answers through
SOCKS5. Anthropic's API (an overloaded account first) and Gemini's (past a dead proxy):

  %s

  %s

It ends by Ctrl-C and leaves nothing behind.

`, d.Curl(base), rest, d.curl(base+"/v1/messages", "x-api-key: "+d.secret, `-H 'anthropic-version: 2023-06-01' `,
		`{"model":"claude-sonnet-4-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}`),
		d.curl(base+"/v1beta/models/gemini-2.5-pro:generateContent", "x-goog-api-key: "+d.secret, "", `{"contents":[{"parts":[{"text":"Hello"}]}]}`))
}

// Close ends the fakes. It may be called again.
func (d *Demo) Close() error {
	var all error
	for i := len(d.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, d.closers[i].Close())
	}
	d.closers = nil
	return all
}
