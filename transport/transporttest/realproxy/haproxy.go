package realproxy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// HaproxyConfig says what haproxy stands in front of. Backend and CA are
// required.
type HaproxyConfig struct {
	Backend *Proxy            // the http proxy that is given the bytes: a Squid, Tinyproxy or Privoxy. It stays the caller's: haproxy's Stop leaves it running
	CA      *transporttest.CA // issues haproxy's certificate, which is for localhost, 127.0.0.1 and ::1
	HTTP2   bool              // prefers h2 to http/1.1 by ALPN, as a real one may: a client that offers h2 then has to speak it, and is not understood by the proxy behind. false: http/1.1 only
}

// Haproxy starts haproxy (Debian package haproxy) as the end of TLS in front of
// an http proxy: the two together are an https proxy. Its URL has the user and
// the password of the proxy behind it, which is where they are checked; that
// proxy's answers and its log are the Backend's own. It must be called from the
// test's own goroutine.
//
// haproxy passes bytes on and never looks at them: the client sees every answer
// of the proxy behind it unchanged, and haproxy never makes one itself. Where
// the proxy behind it cannot be reached, TLS succeeds and the connection then
// ends without a byte. It logs each connection when it ends, with the protocol
// chosen by ALPN (- for none) and never with the target: that is in the
// Backend's log. It asks its clients for no certificate, takes TLS 1.2 and 1.3,
// and goes on without ALPN where client and Config have no protocol in common.
func Haproxy(tb testing.TB, c HaproxyConfig) *Proxy {
	tb.Helper()
	if err := c.validate(); err != nil {
		tb.Fatalf("realproxy: haproxy: %v", err)
	}
	certificate, err := c.certificate()
	if err != nil {
		tb.Fatalf("realproxy: haproxy: %v", err)
	}
	g := &program{name: "haproxy", scheme: "https", binary: Lookup(tb, "haproxy", "haproxy"), backend: c.Backend}
	g.prepare = func(h *home, port int) ([]string, error) {
		if err := h.create("certificate.pem", certificate, 0o600); err != nil {
			return nil, err
		}
		protocols := "http/1.1"
		if c.HTTP2 {
			protocols = "h2,http/1.1"
		}
		config := fmt.Sprintf(haproxyConfig, port, h.join("certificate.pem"), protocols, c.Backend.Addr())
		return []string{"-db", "-f", h.join("haproxy.cfg")}, h.create("haproxy.cfg", []byte(config), 0o600)
	}
	return start(tb, c.Backend.config, g)
}

// Without noreuseport a second haproxy of the same user could share the port,
// and without fd-hard-limit haproxy takes memory for as many connections as the
// system would let it have. A backend that is gone is told at once (retries 0).
const haproxyConfig = `global
	log stdout format raw local0
	noreuseport
	fd-hard-limit 4096
	nbthread 1
defaults
	mode tcp
	log global
	log-format "%%ci:%%cp to %%si:%%sp, alpn %%[ssl_fc_alpn], %%B bytes back in %%Tt ms, ended as %%ts"
	retries 0
	timeout connect 10s
	timeout client 1h
	timeout server 1h
listen https
	bind 127.0.0.1:%d ssl crt %s alpn %s
	server backend %s
`

// validate reports what haproxy cannot stand in front of.
func (c HaproxyConfig) validate() error {
	switch {
	case c.Backend == nil:
		return fmt.Errorf("HaproxyConfig.Backend is nil: start a Squid, Tinyproxy or Privoxy for it")
	case c.Backend.program.scheme != "http":
		return fmt.Errorf("HaproxyConfig.Backend is %v: want an http proxy, for the two to be an https one", c.Backend)
	case c.CA == nil:
		return fmt.Errorf("HaproxyConfig.CA is nil: make one with transporttest.NewCA")
	}
	return nil
}

// certificate returns a certificate and its key in one file, as haproxy reads
// them.
func (c HaproxyConfig) certificate() ([]byte, error) {
	issued, err := c.CA.Certificate()
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	for _, block := range []pem.Block{
		{Type: "CERTIFICATE", Bytes: issued.Certificate[0]},
		{Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := pem.Encode(&file, &block); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}
