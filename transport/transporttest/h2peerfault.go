package transporttest

import "fmt"

// H2Fault is what an [H2Peer] does wrong beneath its requests.
type H2Fault uint8

const (
	// H2FaultNone is a peer that keeps its connections as it should.
	H2FaultNone H2Fault = iota

	// H2FaultNoWindow never lets a client send more than the window it has: without
	// settings of other sizes an upload stalls after 65,535 bytes, which all the
	// streams of a connection share. Everything else works.
	H2FaultNoWindow

	// H2FaultNoPong answers no PING. Requests are answered, so that only a client
	// that asks whether the connection is alive notices.
	H2FaultNoPong

	// H2FaultSilent writes nothing any more, neither answers nor SETTINGS nor PING,
	// but reads on: the connection looks sound and is a black hole. What would have
	// been written meanwhile is lost.
	H2FaultSilent
)

// String returns a short name such as "no window".
func (f H2Fault) String() string {
	switch f {
	case H2FaultNone:
		return "none"
	case H2FaultNoWindow:
		return "no window"
	case H2FaultNoPong:
		return "no pong"
	case H2FaultSilent:
		return "silent"
	}
	return fmt.Sprintf("H2Fault(%d)", uint8(f))
}
