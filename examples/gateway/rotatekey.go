package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// newMasterKey is the variable that has the key to come, where the configuration has the
// one that there is.
const newMasterKey = "GATEWAY_NEW_MASTER_KEY"

// rotateKey encrypts all secrets under another master key. No gateway may run meanwhile.
// Where it was interrupted, running it again finishes it.
func rotateKey(ctx context.Context, o options, stdout io.Writer) (err error) {
	f, err := loadBooks(o)
	if err != nil {
		return err
	}
	unlock, err := lockDataDir(f.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	next, err := keyToCome(f)
	if err != nil {
		return err
	}
	n, err := rotate(ctx, f, next)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("All secrets are encrypted under another master key now (accounts that have some: %d)", n)
	if n < 0 {
		what = "All secrets are encrypted under the other master key already"
	}
	if !f.MasterKey.IsZero() {
		_, err = fmt.Fprintf(stdout, "%s: set master_key or GATEWAY_MASTER_KEY to what %s says, and start the gateways. Backups from before need the key before.\n", what, newMasterKey)
		return err
	}
	before, err := f.AdoptNextKey()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s, which is in master.key: keep a copy elsewhere, and start the gateway. Backups from before need %s.\n", what, before)
	return err
}

// keyToCome is the other master key.
func keyToCome(f *config.File) ([]byte, error) {
	if f.MasterKey.IsZero() {
		if _, made, err := f.Key(); err != nil {
			return nil, err
		} else if made != "" {
			return nil, errors.Join(fmt.Errorf("%w in %s: there is none to replace", config.ErrNoMasterKey, f.DataDir), os.Remove(made))
		}
		return f.NextKey()
	}
	text := cmp.Or(os.Getenv(newMasterKey), f.DotEnv(newMasterKey))
	if text == "" {
		return nil, fmt.Errorf("the master key is what the configuration says: set %s to the one to come, as `openssl rand -hex 32` makes them", newMasterKey)
	}
	key, err := config.ParseMasterKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", newMasterKey, err)
	}
	if now, _, err := f.Key(); err != nil {
		return nil, err
	} else if bytes.Equal(now, key) {
		return nil, fmt.Errorf("%s is the master key that there is: set it to another one, and master_key or GATEWAY_MASTER_KEY to the one that the secrets are encrypted under", newMasterKey)
	}
	return key, nil
}

// rotate encrypts the secrets of so many accounts under another key; below 0: they are.
func rotate(ctx context.Context, f *config.File, next []byte) (accounts int, err error) {
	quiet := slog.New(slog.DiscardHandler)
	db, _, err := openDatabase(ctx, f, quiet)
	if errors.Is(err, store.ErrKeyUnused) { // it may be the other key's already
		db, other := store.Open(ctx, storeConfig(f, next, quiet))
		if other != nil {
			return 0, err
		}
		return -1, db.Close(context.WithoutCancel(ctx))
	}
	if err != nil {
		return 0, err
	}
	accounts, err = db.Rotate(ctx, next)
	return accounts, errors.Join(err, db.Close(context.WithoutCancel(ctx)))
}
