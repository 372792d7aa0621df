package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// newToken is a secret that nobody can guess. Only its hash is kept.
func newToken(prefix string) (secret, hash string) {
	var random [32]byte
	rand.Read(random[:])
	secret = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return secret, hashOf(secret)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// firstTokens makes the admin token and the first API key, unless there are some, and
// tells them once. Of several gateways that start with one database, one does.
func (p *program) firstTokens(ctx context.Context) (adminHash string, err error) {
	if t := p.file.AdminToken.Reveal(); t != "" {
		adminHash = hashOf(t)
	} else {
		token, hash := newToken("gwa-")
		if adminHash, err = p.db.ClaimSetting(ctx, "admin_token_hash", hash); err != nil {
			return "", err
		}
		if adminHash == hash {
			fmt.Fprintf(p.people, "The admin token, which is shown this once: %s\n", token)
		}
	}
	if len(p.file.Keys) > 0 {
		return adminHash, nil
	}
	return adminHash, p.firstKey(ctx)
}

// firstKey makes an API key where no gateway with this database has made one.
func (p *program) firstKey(ctx context.Context) error {
	secret, hash := newToken("gw-")
	kept, err := p.db.ClaimSetting(ctx, "first_key_hash", hash)
	if err != nil || kept != hash {
		return err
	}
	_, err = p.db.CreateKey(ctx, resource.Key{Name: "first", Hash: hash, Hint: secret[:6] + "…" + secret[len(secret)-4:]})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.people, "An API key, which is shown this once: %s\n", secret)
	return nil
}

// announce tells a person where the gateway is and what to do next.
func (p *program) announce(ctx context.Context, base string) {
	if p.demo != nil {
		p.demo.Tell(p.people, base)
		return
	}
	fmt.Fprintf(p.people, "The gateway serves at %s, the admin API at %s/admin/v1/.\n", base, base)
	if accounts, _, err := p.db.Accounts(ctx); err == nil && len(accounts)+len(p.file.Accounts) == 0 {
		fmt.Fprintln(p.people, "There is no account yet: add one by the admin API or in a configuration (`gateway example` prints one), or try `gateway -demo`.")
	}
}
