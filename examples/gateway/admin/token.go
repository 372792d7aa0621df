package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxGuesses = 10              // wrong tokens that an address may send at once
	guessPause = 6 * time.Second // until it may send one more
	maxGuesser = 10_000          // addresses that are remembered
)

// token knows the API's token and who tries to guess it.
type token struct {
	hash [sha256.Size]byte
	hint string // for the log

	mu       sync.Mutex
	guessers *simplelru.LRU[string, guesser]
}

// guesser is how many wrong tokens count against an address at a time.
type guesser struct {
	wrong float64
	at    time.Time
}

func newToken(hash []byte) (*token, error) {
	known, err := simplelru.NewLRU[string, guesser](maxGuesser, nil)
	t := &token{hint: "sha256:" + hex.EncodeToString(hash[:4]), guessers: known}
	copy(t.hash[:], hash)
	return t, err
}

// check is why the request may not be served; nil: its token is right. An address that
// has sent too many wrong ones is not heard for a while, whatever it sends.
func (t *token) check(r *http.Request, ip string) (refused *problem, wait time.Duration) {
	from := network(ip)
	if wait := t.wait(from); wait > 0 {
		return &problem{
			status: http.StatusTooManyRequests, Code: codeGuessing,
			Message: "Too many wrong tokens came from this address: wait before the next one.",
		}, wait
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given = strings.TrimSpace(given)
	if !strings.EqualFold(scheme, "Bearer") || given == "" || len(r.Header.Values("Authorization")) != 1 {
		return &problem{
			status: http.StatusUnauthorized, Code: codeUnauthorized,
			Message: "The admin token is missing: send it as Authorization: Bearer <token>.",
		}, 0
	}
	sum := sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(sum[:], t.hash[:]) != 1 {
		t.wrong(from)
		return &problem{status: http.StatusUnauthorized, Code: codeUnauthorized, Message: "The admin token is wrong."}, 0
	}
	return nil, 0
}

// wait is how long an address is not heard.
func (t *token) wait(from string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, _ := t.guessers.Get(from)
	if over := g.now(time.Now()) - (maxGuesses - 1); over > 0 {
		return time.Duration(over * float64(guessPause))
	}
	return 0
}

// wrong counts a wrong token against an address.
func (t *token) wrong(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, _ := t.guessers.Get(from)
	now := time.Now()
	t.guessers.Add(from, guesser{wrong: g.now(now) + 1, at: now})
}

// now is what counts against it after the time that has passed.
func (g guesser) now(now time.Time) float64 {
	return max(g.wrong-float64(now.Sub(g.at))/float64(guessPause), 0)
}

// network is the address by which guessers are told apart: of IPv6, who has one has all of
// its /64.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.Unmap().Is4() {
		return ip
	}
	p, _ := a.WithZone("").Prefix(64) // an IPv6 address has one
	return p.String()
}

// peer is the address of the request's connection.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// seconds is a wait as Retry-After tells it.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
