package transporttest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

// Numbers of RFC 1928 and RFC 1929.
const (
	socks5Version         = 5
	socks5NoAuth          = 0
	socks5Password        = 2
	socks5NoMethod        = 0xff
	socks5PasswordVersion = 1

	socks5Connect = 1
	socks5IPv4    = 1
	socks5Name    = 3
	socks5IPv6    = 4

	socks5OK                 = 0
	socks5General            = 1
	socks5NetworkUnreachable = 3
	socks5HostUnreachable    = 4
	socks5Refused            = 5
	socks5BadCommand         = 7
	socks5BadAddress         = 8
)

// serveSOCKS5 serves one connection. What is not SOCKS5 is closed unanswered.
func (p *Proxy) serveSOCKS5(c *client, fault Fault) {
	if !p.socks5Greeting(c) {
		return
	}
	target, reply, err := socks5Request(c)
	if err != nil {
		return
	}
	if reply != socks5OK {
		c.answer(socks5Reply(reply, nil))
		return
	}
	p.asked(target)
	p.tunnel(c, target, socks5Replies{}, fault)
}

// socks5Greeting agrees on a method and checks the password.
func (p *Proxy) socks5Greeting(c *client) bool {
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head[0] != socks5Version {
		return false
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(c, methods); err != nil {
		return false
	}
	method := byte(socks5NoAuth)
	if p.protected() {
		method = socks5Password
	}
	if !slices.Contains(methods, method) {
		if p.protected() {
			p.authFailed()
		}
		c.answer([]byte{socks5Version, socks5NoMethod})
		return false
	}
	if _, err := c.Write([]byte{socks5Version, method}); err != nil {
		return false
	}
	return method == socks5NoAuth || p.socks5CheckPassword(c)
}

func (p *Proxy) socks5CheckPassword(c *client) bool {
	var version [1]byte
	if _, err := io.ReadFull(c, version[:]); err != nil || version[0] != socks5PasswordVersion {
		return false
	}
	user, err := readCounted(c)
	if err != nil {
		return false
	}
	password, err := readCounted(c)
	if err != nil {
		return false
	}
	if user != p.config.User || password != p.config.Password {
		p.authFailed()
		c.answer([]byte{socks5PasswordVersion, 1})
		return false
	}
	_, err = c.Write([]byte{socks5PasswordVersion, 0})
	return err == nil
}

// socks5Request reads the request for a target. A reply other than OK is what
// to refuse it with.
func socks5Request(c *client) (target string, reply byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return "", 0, err
	}
	if head[0] != socks5Version {
		return "", 0, errors.New("transporttest: not SOCKS5")
	}
	host, err := socks5Host(c, head[3])
	if err != nil {
		return "", 0, err
	}
	if host == "" {
		return "", socks5BadAddress, nil
	}
	var port [2]byte
	if _, err := io.ReadFull(c, port[:]); err != nil {
		return "", 0, err
	}
	if head[1] != socks5Connect {
		return "", socks5BadCommand, nil
	}
	return net.JoinHostPort(host, portString(port)), socks5OK, nil
}

// socks5Host reads an address of the given type; "" is a type it does not know,
// or no name at all.
func socks5Host(c *client, kind byte) (string, error) {
	switch kind {
	case socks5Name:
		return readCounted(c)
	case socks5IPv4:
		var ip [4]byte
		_, err := io.ReadFull(c, ip[:])
		return netip.AddrFrom4(ip).String(), err
	case socks5IPv6:
		var ip [16]byte
		_, err := io.ReadFull(c, ip[:])
		return netip.AddrFrom16(ip).String(), err
	}
	return "", nil
}

// readCounted reads a string behind one byte that is its length.
func readCounted(c *client) (string, error) {
	var length [1]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return "", err
	}
	text := make([]byte, length[0])
	_, err := io.ReadFull(c, text)
	return string(text), err
}

func portString(port [2]byte) string {
	return strconv.Itoa(int(port[0])<<8 | int(port[1]))
}

type socks5Replies struct{}

func (socks5Replies) opened(local net.Addr) []byte { return socks5Reply(socks5OK, local) }

func (socks5Replies) refused(err error) []byte {
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return socks5Reply(socks5Refused, nil)
	case errors.Is(err, syscall.ENETUNREACH):
		return socks5Reply(socks5NetworkUnreachable, nil)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.As(err, &unknown):
		return socks5Reply(socks5HostUnreachable, nil)
	}
	return socks5Reply(socks5General, nil)
}

func (socks5Replies) ordered(fault Fault) []byte {
	if fault.Status == 0 {
		return socks5Reply(socks5General, nil)
	}
	return socks5Reply(byte(fault.Status), nil)
}

// socks5Reply carries the address of the proxy's own end, so that its length
// differs between IPv4 and IPv6; without one it is 0.0.0.0:0.
func socks5Reply(code byte, local net.Addr) []byte {
	reply := []byte{socks5Version, code, 0}
	tcp, ok := local.(*net.TCPAddr)
	if !ok {
		tcp = &net.TCPAddr{IP: net.IPv4zero}
	}
	if ip := tcp.IP.To4(); ip != nil {
		reply = append(append(reply, socks5IPv4), ip...)
	} else {
		reply = append(append(reply, socks5IPv6), tcp.IP.To16()...)
	}
	return append(reply, byte(tcp.Port>>8), byte(tcp.Port))
}
