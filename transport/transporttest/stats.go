package transporttest

// Stats are the counts of a Server or a Proxy at one moment.
type Stats struct {
	Accepted     int // connections accepted since the start
	Open         int // connections open now
	Peak         int // most connections open at once
	Tunnels      int // tunnels opened since the start; 0 for a Server
	AuthFailures int // requests or handshakes refused for want of the right credentials; 0 for a Server
}
