package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/demo"
	"github.com/aitransport/aitransport/examples/gateway/logfile"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// flushTime is how long what is to be written may take when the gateway ends, beyond
// timeouts.shutdown.
const flushTime = 15 * time.Second

// program is what a running gateway consists of.
type program struct {
	file    *config.File
	demo    *demo.Demo // nil: none
	people  io.Writer  // is told what a person has to know; the log goes elsewhere
	log     *slog.Logger
	db      *store.DB
	gateway *server.Server
	closers []func(context.Context) error // the last is called first
}

// serve runs a gateway until the context ends, and then lets requests under way finish.
func serve(ctx context.Context, o options, stdout, people io.Writer) (err error) {
	defer collectSeldom()()
	p := &program{people: people}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		err = errors.Join(err, p.close(closing))
	}()
	if err := p.configure(o); err != nil {
		return err
	}
	if err := portIsFree(ctx, p.file.Listen); err != nil {
		return err
	}
	if err := p.file.MakeDataDir(); err != nil {
		return err
	}
	unlock, err := lockDataDir(p.file.DataDir)
	if err != nil {
		return err
	}
	p.onClose(func(context.Context) error { return unlock() })
	if err := p.openLog(stdout); err != nil {
		return err
	}
	if err := p.openStore(ctx); err != nil {
		return err
	}
	handler, err := p.handler(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, p.file.Listen)
	if err != nil {
		return err
	}
	p.announce(ctx, "http://"+listener.Addr().String())
	return p.listen(ctx, listener, handler)
}

// configure reads the configuration, or makes that of a demo.
func (p *program) configure(o options) (err error) {
	if o.demo && (o.config != "" || o.data != "") {
		return errors.New("-demo has a configuration and a data folder of its own: leave out -config and -data")
	}
	if !o.demo {
		if p.file, err = load(o); err != nil {
			return err
		}
		return warn(p.people, p.file)
	}
	p.file = config.Default()
	if o.listen != "" {
		p.file.Listen = o.listen
	}
	if p.file.DataDir, err = os.MkdirTemp("", "gateway-demo-"); err != nil {
		return fmt.Errorf("the demo needs a folder for a while: %w", err)
	}
	p.onClose(func(context.Context) error { return os.RemoveAll(p.file.DataDir) })
	if p.demo, err = demo.Start(); err != nil {
		return err
	}
	p.onClose(func(context.Context) error { return p.demo.Close() })
	p.file.Accounts = p.demo.Accounts()
	p.file.Keys = []config.Key{{Key: p.demo.Key()}}
	return nil
}

// openLog opens the log, whose files are opened anew at each SIGHUP.
func (p *program) openLog(stdout io.Writer) error {
	f := p.file
	l, err := logfile.New(logfile.Config{
		Dir: f.Log.Dir, Stream: stdout, Level: f.Log.Least(), Keep: time.Duration(f.Retention.LogFiles), Errors: p.people,
	})
	if err != nil {
		return err
	}
	p.log = slog.New(l.Handler())
	hangup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range hangup {
			if err := l.Reopen(); err != nil {
				p.log.Error("The log's files cannot be opened anew", "error", err)
			}
		}
	}()
	p.onClose(func(context.Context) error {
		signal.Stop(hangup)
		close(hangup)
		<-done
		return l.Close()
	})
	return nil
}

// openStore opens the database, with the master key.
func (p *program) openStore(ctx context.Context) error {
	db, made, err := openDatabase(ctx, p.file, p.log)
	if made != "" && p.demo == nil {
		fmt.Fprintf(p.people, "A master key was made: %s. Keep a copy elsewhere, or set GATEWAY_MASTER_KEY: without it the accounts' secrets are lost.\n", made)
	}
	if err != nil {
		return err
	}
	p.db = db
	p.onClose(p.db.Close)
	return nil
}

// handler puts the gateway and its admin API together.
func (p *program) handler(ctx context.Context) (http.Handler, error) {
	shared, err := p.share(ctx)
	if err != nil {
		return nil, err
	}
	cfg := serverConfig(p.file, p.log)
	cfg.Store, cfg.Quota, cfg.Health, cfg.Affinity = p.db, shared.quota, shared.health, shared.affinity
	if p.gateway, err = server.New(ctx, cfg); err != nil {
		return nil, err
	}
	p.onClose(func(context.Context) error { return p.gateway.Close() })
	tokenHash, err := p.firstTokens(ctx)
	if err != nil {
		return nil, err
	}
	api, err := admin.New(admin.Config{
		Gateway: p.gateway, Store: p.db, TokenHash: tokenHash, Accounts: cfg.Accounts, Keys: cfg.Keys,
		Quota: cfg.Quota, Validate: p.gateway.Validate, ClientIP: p.gateway.ClientIP, Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	return split{admin: api, gateway: p.gateway}, nil
}

// listen serves until the context ends or serving fails.
func (p *program) listen(ctx context.Context, l net.Listener, h http.Handler) error {
	t := p.file.Timeouts
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Duration(t.RequestHeader),
		IdleTimeout:       time.Duration(t.Idle),
		MaxHeaderBytes:    2 * int(p.file.Limits.Header), // up to that the gateway refuses them itself, in the client's dialect
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	p.log.Info("Serving", "address", l.Addr().String(), "database", p.db.Name(), "version", version())
	select {
	case err := <-served:
		return fmt.Errorf("serving has ended: %w", err)
	case <-ctx.Done():
	}
	p.tellEnd(len(p.gateway.Active()))
	p.log.Info("Ending", "within", t.Shutdown.String(), "requests", len(p.gateway.Active()))
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(t.Shutdown))
	defer cancel()
	err := s.Shutdown(ending)
	if err != nil {
		p.log.Warn("Requests under way are cut", "requests", len(p.gateway.Active()))
	}
	// Ends what is left, and waits for the records of what has ended. That time was too
	// short for some has been said.
	_ = p.gateway.Shutdown(ending)
	if err := s.Close(); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// tellEnd tells a person, who may not see the log, what ending waits for.
func (p *program) tellEnd(requests int) {
	under := fmt.Sprintf("%d requests are under way, and are", requests)
	if requests == 1 {
		under = "1 request is under way, and is"
	}
	switch wait := p.file.Timeouts.Shutdown; {
	case requests == 0:
		fmt.Fprintln(p.people, "Ending: no request is under way.")
	case wait == 0:
		fmt.Fprintf(p.people, "Ending: %s cut, since timeouts.shutdown is 0s.\n", under)
	default:
		fmt.Fprintf(p.people, "Ending: %s waited for at most %v. A second Ctrl-C (or SIGTERM) ends at once.\n", under, wait)
	}
}

func (p *program) onClose(f func(context.Context) error) { p.closers = append(p.closers, f) }

// close closes everything, and tells what could not be.
func (p *program) close(ctx context.Context) error {
	var all error
	for i := len(p.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, p.closers[i](ctx))
	}
	p.closers = nil
	return all
}

// listen listens on an address. The error is one line that says what to do.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	var misspelt *net.AddrError
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &misspelt):
		return nil, fmt.Errorf("%q is no address to serve on: write host:port, as in 127.0.0.1:8080, or :8080 for all addresses of the machine", address)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is taken by another program: end that, or name another by listen or -listen", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the address %s is not for this user: take a port above 1023 by listen or -listen, or run with CAP_NET_BIND_SERVICE", address)
	default:
		return nil, fmt.Errorf("cannot serve on %s (%w): name an address of this machine by listen or -listen", address, err)
	}
}

// portIsFree tells early what would otherwise show when everything is ready.
func portIsFree(ctx context.Context, address string) error {
	l, err := listen(ctx, address)
	if err != nil {
		return err
	}
	return l.Close()
}
