package realproxy

import "net"

// freePort returns a port of 127.0.0.1 that nobody uses; with hold it stays
// reserved until release where the system can do that.
func freePort(hold bool) (port int, release func(), err error) {
	if hold {
		if port, release, err = holdPort(); err == nil {
			return port, release, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, func() {}, nil
}
