package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// However an address is written that machines ask about themselves, no account goes there,
// nor its proxy, nor what renews its token.
func TestLinkLocalAddressesAreRefusedInEveryForm(t *testing.T) {
	r := newRig(t, func(c *server.Config) { c.RoundTripper = nil })
	for host, refused := range map[string]bool{
		"169.254.169.254": true, "169.254.169.254.": true, "2852039166": true, "0xA9FEA9FE": true, "0251.0376.0251.0376": true,
		"169.254.43518": true, "[::ffff:169.254.169.254]": true, "[::169.254.169.254]": true, "[64:ff9b::a9fe:a9fe]": true,
		"[64:ff9b:1::a9fe:a9fe]": true, "[2002:a9fe:a9fe::1]": true, "[::ffff:0:a9fe:a9fe]": true, "[fe80::1]": true, "[fe80::1%25eth0]": true,
		"①⑥⑨.254.169.254": true, "169。254。169。254": true, "METADATA.google.internal.": true, "100.100.100.200": true, "[fd00:ec2::254]": true,
		"127.0.0.1": false, "[::1]": false, "10.1.2.3": false, "api.example.com": false, "bücher.example": false, "[2002:a0a:a0a::1]": false,
	} {
		for field, change := range map[string]func(*resource.Account){
			"base_url":  func(a *resource.Account) { a.BaseURL = "http://" + host + "/v1" },
			"proxy_url": func(a *resource.Account) { a.Proxy = "socks5://" + host + ":1080" },
			"oauth": func(a *resource.Account) {
				a.Secret, a.OAuth = resource.Secret{}, &resource.OAuth{TokenURL: "https://" + host + "/t", RefreshToken: resource.NewSecret("r")}
			},
		} {
			if err := r.s.Validate(account("x", "openai", change)); refused {
				assert.Error(t, err, "%s as %s", host, field)
			} else if host != "bücher.example" || field != "proxy_url" { // proxies are not named so
				assert.NoError(t, err, "%s as %s", host, field)
			}
		}
	}
}
