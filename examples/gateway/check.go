package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// check tells everything that is wrong with a configuration, or what it says. It neither
// opens a store nor asks a provider.
func check(ctx context.Context, path string, stdout io.Writer) error {
	f, err := load(options{config: path})
	if err != nil {
		return err
	}
	cfg := serverConfig(f, slog.New(slog.DiscardHandler))
	cfg.Store = noStore{}
	cfg.HealthChecks = config.Default().Checks()
	s, err := server.New(ctx, cfg)
	if err != nil {
		return err
	}
	broken := s.Broken()
	if err := s.Close(); err != nil {
		return err
	}
	if err := unusable(f, broken); err != nil {
		return err
	}
	if err := warn(stdout, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s is right: it serves on %s, with %d accounts and %d keys of its own.\n", path, f.Listen, len(f.Accounts), len(f.Keys))
	return err
}

// unusable tells which accounts a gateway would leave out, by their lines.
func unusable(f *config.File, broken map[string]error) error {
	found := &config.Error{}
	for i, a := range f.Accounts {
		var wrong *resource.FieldError
		switch err := broken[a.Name]; {
		case errors.As(err, &wrong):
			found.Problems = append(found.Problems, f.AccountProblem(i, wrong))
		case err != nil:
			return fmt.Errorf("the account %q cannot be used: %w", a.Name, err)
		}
	}
	if len(found.Problems) == 0 {
		return nil
	}
	return found
}

// warn tells of what is right in a configuration and looks like a mistake.
func warn(w io.Writer, f *config.File) error {
	for _, problem := range f.Warnings() {
		problem.Message = "warning: " + problem.Message
		if _, err := fmt.Fprintln(w, problem); err != nil {
			return err
		}
	}
	return nil
}

// noStore keeps nothing.
type noStore struct{}

func (noStore) Key(context.Context, string) (resource.Key, error) {
	return resource.Key{}, resource.ErrNotFound
}
func (noStore) Accounts(context.Context) ([]resource.Account, int64, error) { return nil, 0, nil }
func (noStore) AccountsVersion(context.Context) (int64, error)              { return 0, nil }
func (noStore) Record(resource.Request)                                     {}
