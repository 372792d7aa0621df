package transporttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/net/http2"
)

// H2PeerConfig says what an [H2Peer] does. Only the CA is required.
type H2PeerConfig struct {
	CA       *CA             // issues the certificate
	Hosts    []string        // names in the certificate in addition to localhost, 127.0.0.1 and ::1
	Settings []http2.Setting // the peer's SETTINGS; nil: the defaults of RFC 9113
	Fault    H2Fault         // the first fault; zero: none

	// Serve is called for each stream when its HEADERS have come, in a goroutine of
	// its own. It has to return when the stream's context ends; the stream may still
	// be used then. nil: waits for the request's end and answers 200 with no body.
	Serve func(*H2Stream)
}

// H2Peer is an HTTP/2 server on a free port of 127.0.0.1 that does with each stream
// what the test's Serve says, frame by frame: refuse it, reset it, answer half of it,
// go away. It offers h2 alone by ALPN and hangs up on clients that speak anything
// else.
//
// It acknowledges SETTINGS, answers PINGs and takes uploads by itself, unless its
// fault says otherwise. It heeds no limit that a client sets: neither windows nor the
// number of streams nor the order of frames, which are the test's business.
//
// All methods may be called by several goroutines at once.
type H2Peer struct {
	peer
	settings []http2.Setting
	serve    func(*H2Stream)
	fault    atomic.Uint32 // H2Fault
	conns    int           // that spoke HTTP/2; guarded as the counts are
}

// NewH2Peer starts a peer; whoever calls it closes it. It fails when the config has
// no CA or an unknown fault, when the certificate cannot be issued or when there is no
// free port.
func NewH2Peer(config H2PeerConfig) (*H2Peer, error) {
	if config.CA == nil {
		return nil, errors.New("transporttest: an HTTP/2 peer needs a CA")
	}
	if config.Fault > H2FaultSilent {
		return nil, fmt.Errorf("transporttest: HTTP/2 peer: unknown fault %v", config.Fault)
	}
	p := &H2Peer{settings: append([]http2.Setting(nil), config.Settings...), serve: config.Serve}
	if p.serve == nil {
		p.serve = func(s *H2Stream) {
			if _, err := s.ReadBody(); err == nil {
				s.Answer(http.StatusOK, nil, "")
			}
		}
	}
	p.SetFault(config.Fault)
	secure, err := config.CA.serverConfig(nil, config.Hosts)
	if err != nil {
		return nil, err
	}
	secure.NextProtos = []string{"h2"}
	if err := p.start(secure, p.converse); err != nil {
		return nil, err
	}
	return p, nil
}

// SetFault orders a fault for all connections from now on, those that are open
// included. An unknown one is like none.
func (p *H2Peer) SetFault(fault H2Fault) { p.fault.Store(uint32(fault)) }

// has tells whether a fault is in force.
func (p *H2Peer) has(fault H2Fault) bool { return p.fault.Load() == uint32(fault) }

// converse serves one connection.
func (p *H2Peer) converse(raw *conn, stream net.Conn) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(stream, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	c := newH2Conn(p, raw, stream)
	p.ledger.update(func(*Stats) {
		p.conns++
		c.number = p.conns
	})
	c.write(func(f *http2.Framer) error { return f.WriteSettings(p.settings...) })
	c.read()
}
