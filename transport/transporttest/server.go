package transporttest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// ServerConfig says what a Server serves. The zero value is a plain HTTP server
// that answers every request with 200 and no body.
type ServerConfig struct {
	Handler  http.Handler // nil: 200 and no body
	CA       *CA          // nil: plain HTTP
	ClientCA *CA          // not nil: clients must present a certificate of this authority; needs CA
	HTTP2    bool         // offers h2 besides http/1.1 by ALPN; needs CA
	Hosts    []string     // names in the certificate in addition to localhost, 127.0.0.1 and ::1
	ErrorLog *log.Logger  // failed handshakes and handlers that panic; nil: silent
}

// Server is a real HTTP server on a free port of 127.0.0.1 that counts its
// connections. All methods may be called by several goroutines at once.
type Server struct {
	url      string
	listener *listener
	http     *http.Server
	ledger   *ledger
	served   chan struct{}  // closed when the accept loop has ended
	conns    sync.WaitGroup // connections whose goroutine has not ended
	closing  sync.Once

	mu       sync.Mutex
	closed   bool           // no handler starts any more
	handlers sync.WaitGroup // handlers under way; added to under mu while not closed
}

// NewServer starts a server; whoever calls it closes it. It fails when the
// config contradicts itself, when a certificate cannot be issued or when there
// is no free port.
func NewServer(config ServerConfig) (*Server, error) {
	if config.CA == nil && (config.HTTP2 || config.ClientCA != nil) {
		return nil, errors.New("transporttest: a server needs a CA for HTTP2 and for ClientCA")
	}
	s := &Server{ledger: newLedger(), served: make(chan struct{})}
	s.http = s.newHTTP(config)
	if config.CA != nil {
		var err error
		if s.http.TLSConfig, err = config.CA.serverConfig(config.ClientCA, config.Hosts); err != nil {
			return nil, err
		}
	}
	var err error
	if s.listener, err = newListener(s.ledger); err != nil {
		return nil, fmt.Errorf("transporttest: server: %w", err)
	}
	s.url = "http://" + s.Addr()
	if config.CA != nil {
		s.url = "https://" + s.Addr()
	}
	go s.serve()
	return s, nil
}

func (s *Server) newHTTP(config ServerConfig) *http.Server {
	handler := config.Handler
	if handler == nil {
		handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	}
	errorLog := config.ErrorLog
	if errorLog == nil {
		errorLog = log.New(io.Discard, "", 0)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(config.HTTP2)
	return &http.Server{
		Handler:                      s.counted(handler),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     errorLog,
		Protocols:                    protocols,
		ConnContext:                  connContext,
		ConnState:                    s.connState,
	}
}

// serve runs the accept loop until the listener closes.
func (s *Server) serve() {
	defer close(s.served)
	if s.http.TLSConfig == nil {
		_ = s.http.Serve(s.listener)
		return
	}
	_ = s.http.ServeTLS(s.listener, "", "")
}

// counted makes Close wait for handlers under way: over HTTP/2 they may outlive
// their connection.
func (s *Server) counted(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.handlers.Add(1)
		}
		s.mu.Unlock()
		if closed {
			return
		}
		defer s.handlers.Done()
		handler.ServeHTTP(w, r)
	})
}

// connContext ends a request's context with its connection even where the
// handler has left the request's body unread, which net/http alone does not.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(nc.(*conn).ctx, cancel)
	return ctx
}

// connState counts the goroutines of connections. StateNew comes from the
// accept loop itself, so that nothing is added once that has ended.
func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	case http.StateActive, http.StateIdle:
	}
}

// URL returns the base of the server without a slash at its end:
// http://127.0.0.1:port, or https://127.0.0.1:port with a CA.
func (s *Server) URL() string { return s.url }

// Addr returns 127.0.0.1:port. It stays the same for the life of the server.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Accepted returns the number of connections accepted since the start.
func (s *Server) Accepted() int { return s.Stats().Accepted }

// Open returns the number of connections open now, idle ones included.
func (s *Server) Open() int { return s.Stats().Open }

// Peak returns the largest number of connections that were open at once.
func (s *Server) Peak() int { return s.Stats().Peak }

// Stats returns all counts of one moment.
func (s *Server) Stats() Stats { return s.ledger.snapshot() }

// Wait returns nil as soon as until is true of the counts, which may be at
// once; it asks again at every change. When the context ends first, it returns
// the context's cause. The condition must not block; it may call methods of s.
func (s *Server) Wait(ctx context.Context, until func(Stats) bool) error {
	return s.ledger.wait(ctx, until)
}

// CloseConnections cuts every open connection without a farewell and keeps
// listening. The contexts of requests under way end. It does not wait for their
// handlers.
func (s *Server) CloseConnections() { s.ledger.cut() }

// Down stops listening: when it returns, connections are refused, until Up. Those
// that are open stay; CloseConnections after it makes the server dead to everybody.
// The port stays reserved. Down twice is down.
func (s *Server) Down() { s.listener.down() }

// Up listens again, on the same port, if the server is down and was not closed.
// Should the port be lost, which takes a fault of the operating system, the server
// stays down and Close returns the reason.
func (s *Server) Up() { s.listener.up() }

// Close stops listening, cuts every open connection and waits until all
// handlers have returned: a handler must end when its request's context does.
// It may be called again, and then waits just the same. It must not be called
// by a handler. The first call returns why the server could not listen, if that
// ever happened.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		if err = s.listener.stop(); err != nil {
			err = fmt.Errorf("transporttest: server %s: %w", s.Addr(), err)
		}
		<-s.served
		s.ledger.cut()
		_ = s.http.Close()
		s.conns.Wait()
		s.handlers.Wait()
	})
	return err
}
