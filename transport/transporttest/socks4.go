package transporttest

import (
	"bytes"
	"io"
	"net"
)

const (
	socks4Version  = 4
	socks4Connect  = 1
	socks4OK       = 90
	socks4Rejected = 91
	socks4BadUser  = 93
)

// serveSOCKS4 serves one connection. What is not SOCKS4 is closed unanswered.
func (p *Proxy) serveSOCKS4(c *client, fault Fault) {
	var head [8]byte // version, command, port, address
	if _, err := io.ReadFull(c, head[:]); err != nil || head[0] != socks4Version {
		return
	}
	user, ok := readTerminated(c)
	if !ok {
		return
	}
	host := net.IP(head[4:8]).String()
	if bytes.Equal(head[4:7], []byte{0, 0, 0}) && head[7] != 0 { // SOCKS4a: a name follows
		if host, ok = readTerminated(c); !ok {
			return
		}
	}
	if head[1] != socks4Connect || host == "" {
		c.answer(socks4Reply(socks4Rejected))
		return
	}
	target := net.JoinHostPort(host, portString([2]byte(head[2:4])))
	p.asked(target)
	if p.protected() && user != p.config.User {
		p.authFailed()
		c.answer(socks4Reply(socks4BadUser))
		return
	}
	p.tunnel(c, target, socks4Replies{}, fault)
}

// readTerminated reads a string that ends with a zero byte. One that does not
// fit the reader's buffer is no string.
func readTerminated(c *client) (string, bool) {
	c.settle()
	text, err := c.buffer.ReadSlice(0)
	if err != nil {
		return "", false
	}
	return string(text[:len(text)-1]), true
}

type socks4Replies struct{}

func (socks4Replies) opened(net.Addr) []byte { return socks4Reply(socks4OK) }

func (socks4Replies) refused(error) []byte { return socks4Reply(socks4Rejected) }

func (socks4Replies) ordered(fault Fault) []byte {
	if fault.Status == 0 {
		return socks4Reply(socks4Rejected)
	}
	return socks4Reply(byte(fault.Status))
}

func socks4Reply(code byte) []byte { return []byte{0, code, 0, 0, 0, 0, 0, 0} }
