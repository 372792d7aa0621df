package transporttest

import "net"

// listener books every connection of a Server in its ledger.
type listener struct {
	*net.TCPListener
	ledger *ledger
}

// Accept returns the next connection; closing it takes it off the books.
func (l listener) Accept() (net.Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return l.ledger.add(tcp), nil
}

// listenLoopback listens on a free port of 127.0.0.1, or on the given one.
func listenLoopback(port int) (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}
