package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

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

// adminTokenHash is the setting that has the admin token's hash.
const adminTokenHash = "admin_token_hash"

// firstTokens makes the admin token and the first API key, unless there are some, and
// tells them once. Of several gateways that start with one database, one does.
func (p *program) firstTokens(ctx context.Context) (adminHash string, err error) {
	if t := p.file.AdminToken.Reveal(); t != "" {
		adminHash = hashOf(t)
	} else {
		token, hash := newToken("gwa-")
		if adminHash, err = p.db.ClaimSetting(ctx, adminTokenHash, hash); err != nil {
			return "", err
		}
		if adminHash == hash {
			fmt.Fprintf(p.people, "The admin token, which is shown this once: %s\n", token)
			if p.demo == nil { // a demo's database ends with it
				fmt.Fprintln(p.people, "Should it be lost, `gateway token` makes another.")
			}
		}
	}
	if len(p.file.Keys) > 0 {
		return adminHash, nil
	}
	return adminHash, p.firstKey(ctx)
}

// replaceToken makes an admin token in place of the one there was, and prints it. It may
// run beside a gateway. Should it be ended before it has printed the token, it can be run
// again.
func replaceToken(ctx context.Context, o options, stdout, people io.Writer) (err error) {
	f, db, err := openBooks(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	if !f.AdminToken.IsZero() {
		return errors.New("the admin token is what the configuration says: change admin_token or GATEWAY_ADMIN_TOKEN, and start the gateway again")
	}
	token, hash := newToken("gwa-")
	if err := db.SetSetting(ctx, adminTokenHash, hash); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, token); err != nil {
		return err
	}
	_, err = fmt.Fprintln(people, "This is the admin token from now on. A gateway that runs takes the one before until it is started again.")
	return err
}

// firstKey makes an API key where no gateway with this database has made one.
func (p *program) firstKey(ctx context.Context) error {
	secret, hash := newToken("gw-")
	kept, err := p.db.ClaimSetting(ctx, "first_key_hash", hash)
	if err != nil || kept != hash {
		return err
	}
	key := resource.Key{Name: "first", Hash: hash, Hint: secret[:6] + "…" + secret[len(secret)-4:]}
	if _, err = p.db.CreateKey(ctx, key); errors.Is(err, resource.ErrNameTaken) {
		key.Name += " " + hash[:8]
		_, err = p.db.CreateKey(ctx, key)
	}
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
