package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The replies of a SOCKS4 proxy that matter here.
const (
	socks4Granted      = 90
	socks4NoIdentd     = 92
	socks4WrongIdentd  = 93
	socks4NameFollows  = 1 // 4a: the address 0.0.0.1 says that a name follows
	maxSocks4Name      = 255
	socks4ReplyLength  = 8
	socks4RequestParts = 9 // bytes around user and name, at most
)

// socks4Address is where the tunnel shall lead, in the form the protocol takes:
// an IPv4 address, or for socks4a a name. socks4 names are resolved here.
func socks4Address(ctx context.Context, p *Proxy, addr string) ([]byte, error) {
	host, rawPort, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fail(ctx, PhaseProxyConnect, p, addr, err)
	}
	port, err := strconv.ParseUint(rawPort, 10, 16)
	if err != nil {
		return nil, fail(ctx, PhaseProxyConnect, p, addr, errors.New("the port is no number"))
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(port))
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.Unmap().Is4():
		return append(b, ip.Unmap().AsSlice()...), nil
	case err == nil:
		return nil, fail(ctx, PhaseProxyConnect, p, addr, errors.New("SOCKS4 cannot carry an IPv6 address, use socks5"))
	case strings.Contains(host, "\x00"):
		return nil, fail(ctx, PhaseProxyConnect, p, addr, errors.New("the host name holds a zero byte"))
	case p.scheme == "socks4a" && len(host) <= maxSocks4Name:
		return append(append(b, 0, 0, 0, socks4NameFollows), host...), nil
	case p.scheme == "socks4a":
		return nil, fail(ctx, PhaseProxyConnect, p, addr, errors.New("the host name is too long for SOCKS4a"))
	}
	enter(ctx, PhaseDNS)
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return nil, fail(ctx, PhaseDNS, p, host, err)
	}
	return append(b, ips[0].Unmap().AsSlice()...), nil
}

// socks4 opens a tunnel through a SOCKS4 or SOCKS4a proxy. The user name goes as
// USERID.
func socks4(ctx context.Context, c net.Conn, p *Proxy, addr string, target []byte) (net.Conn, *Error) {
	enter(ctx, PhaseProxyConnect)
	name, _, _ := p.user()
	const fixed = 6 // port and address
	req := make([]byte, 0, socks4RequestParts+len(target)+len(name))
	req = append(req, 4, 1)
	req = append(req, target[:fixed]...)
	req = append(append(req, name...), 0)
	if len(target) > fixed {
		req = append(append(req, target[fixed:]...), 0)
	}
	var (
		reply [socks4ReplyLength]byte
		n     int
	)
	err := unblock(ctx, c, func() error {
		_, err := c.Write(req)
		if err == nil {
			n, err = io.ReadFull(c, reply[:])
		}
		return err
	})
	switch code := int(reply[1]); {
	case n > 0 && reply[0] != 0:
		return nil, fail(ctx, PhaseProxyHandshake, p, addr, errors.New("the answer is not SOCKS4"))
	case err != nil:
		return nil, fail(ctx, PhaseProxyConnect, p, addr, err)
	case code == socks4NoIdentd || code == socks4WrongIdentd:
		return nil, &Error{Phase: PhaseProxyAuth, Sent: SentNo, Proxy: p, Addr: addr, Code: code}
	case code == 0:
		return nil, fail(ctx, PhaseProxyConnect, p, addr, errors.New("the reply is 0, which means nothing"))
	case code != socks4Granted:
		return nil, &Error{Phase: PhaseProxyConnect, Sent: SentNo, Proxy: p, Addr: addr, Code: code}
	}
	return c, nil
}
