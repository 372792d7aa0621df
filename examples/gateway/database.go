package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// openDatabase opens what the configuration names. made is the path of a master key that
// was made for it; "": there was one. One that nothing was encrypted under does not stay.
func openDatabase(ctx context.Context, f *config.File, log *slog.Logger) (db *store.DB, made string, err error) {
	key, made, err := f.Key()
	if err != nil {
		return nil, "", err
	}
	db, err = store.Open(ctx, storeConfig(f, key, log))
	if err != nil && made != "" && errors.Is(err, store.ErrKeyUnused) {
		err = errors.Join(err, os.Remove(made))
		made = ""
	}
	if errors.Is(err, store.ErrOtherKey) && f.HasNextKey() {
		err = fmt.Errorf("%w; a rotation of the key was interrupted: run `gateway rotate-key` again", err)
	}
	return db, made, err
}

// loadBooks is the configuration of a database that there is.
func loadBooks(o options) (*config.File, error) {
	f, err := load(o)
	if err != nil {
		return nil, err
	}
	if f.Database.IsZero() {
		if _, err := os.Stat(f.DatabaseURL().Reveal()); err != nil {
			return nil, fmt.Errorf("there are no books at %s: name the gateway's folder by -data, or its configuration by -config", f.DatabaseURL().Reveal())
		}
	}
	return f, nil
}

// openBooks opens a database that there is, for a command that may run beside a gateway.
func openBooks(ctx context.Context, o options) (*config.File, *store.DB, error) {
	f, err := loadBooks(o)
	if err != nil {
		return nil, nil, err
	}
	db, _, err := openDatabase(ctx, f, slog.New(slog.DiscardHandler))
	return f, db, err
}
