package transport_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aitransport/aitransport/transport"
)

// maxHead is how much of an answer to CONNECT is read at most.
const maxHead = 64 << 10

// FuzzConnectAnswer: whatever a proxy answers to CONNECT, and however it comes in
// pieces, the dial ends. A plain 2xx opens the tunnel and every byte behind its head
// comes through it; a plain refusal is told with its code; half an answer, and a head
// beyond the bound, is a failure. What is not plain may be taken or not, but if it is
// taken, nothing is lost.
func FuzzConnectAnswer(f *testing.F) {
	for _, answer := range []string{
		"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nDate: to", "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 200 OK\r\nProxy-Agent: old\r\n\r\nearly",
		"HTTP/1.1 200\r\n\r\n", "HTTP/1.1 204 No Content\n\n\x16\x03\x01",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly and more",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\r\n \r\n\r\nearly",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n",
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 100\r\n\r\n",
		"HTTP/1.1 401 Unauthorized\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 +99 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		f.Add([]byte(answer), []byte(nil), true)
		f.Add([]byte(answer), []byte{0, 3, 200}, false)
	}
	f.Fuzz(func(t *testing.T, answer, pieces []byte, hangsUp bool) {
		s := connectByScript(t, answer, pieces, hangsUp)
		request := s.wrote.String()
		if !strings.HasPrefix(request, "CONNECT "+fuzzedTarget+" HTTP/1.1\r\n") || strings.Index(request, "\r\n\r\n") != len(request)-4 {
			t.Fatalf("it asked by %q", request)
		}
	})
}

// The same at the bound of a head. Fuzzing has no use for inputs of that size.
func TestConnectAnswerAtTheBound(t *testing.T) {
	const around = len("HTTP/1.1 200 OK\r\nX: \r\n\r\n")
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead-around) + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead-around) + "\r\n\r\nearly",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead-around+1) + "\r\n\r\n",
		"HTTP/1.1 502 No\r\nX: " + strings.Repeat("x", maxHead-around+1) + "\r\n\r\nearly",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHead) + "\r\n",
		"HTTP/1.1 200 " + strings.Repeat("O", 2*maxHead),
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHead/25) + "HTTP/1.1 200 OK\r\n\r\n",
		strings.Repeat("\r\n", maxHead),
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("early", maxHead),
	} {
		for _, hangsUp := range []bool{true, false} {
			connectByScript(t, []byte(answer), nil, hangsUp)
			connectByScript(t, []byte(answer), []byte{255, 0, 70}, hangsUp)
		}
	}
}

func connectByScript(t *testing.T, answer, pieces []byte, hangsUp bool) *script {
	t.Helper()
	s := &script{rest: answer, pieces: pieces, hangsUp: hangsUp}
	dialScript(t, "http://user:"+marker+"@proxy:3128", s, connectOutcome(answer))
	return s
}

var (
	plainStatus = regexp.MustCompile(`^HTTP/1\.[01] [1-5][0-9][0-9]( [ -~]*)?\r$`)
	plainField  = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*: ?[!-~][ -~]*\r$`)
	bodyField   = regexp.MustCompile(`(?i)^(content-length|transfer-encoding|trailer):`)
)

// connectOutcome reads an answer line by line.
func connectOutcome(answer []byte) tunnelOutcome {
	broken := fails(0, transport.PhaseProxyConnect)
	plain := true
	rest := answer
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		status, ok := statusOf(line)
		if !whole || !ok {
			return broken
		}
		plain = plain && plainStatus.Match(line)
		for rest = after; ; rest = after {
			if line, after, whole = bytes.Cut(rest, []byte("\n")); !whole {
				return broken
			}
			if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
				plain = plain && len(line) == 1
				break
			}
			plain = plain && plainField.Match(line) && !bodyField.Match(line)
		}
		if rest = after; len(answer)-len(rest) > maxHead {
			return broken
		}
		if status >= 200 {
			return answerOutcome(status, rest, plain)
		}
	}
}

// statusOf is the three digits behind the first space, however much is wrong beside
// them.
func statusOf(line []byte) (int, bool) {
	_, after, _ := bytes.Cut(line, []byte(" "))
	digits, _, _ := bytes.Cut(bytes.TrimLeft(bytes.TrimSuffix(after, []byte("\r")), " "), []byte(" "))
	status, err := strconv.Atoi(string(digits))
	return status, err == nil && len(digits) == 3 && status >= 0
}

// answerOutcome is what must come of an answer whose heads are whole.
func answerOutcome(status int, rest []byte, plain bool) tunnelOutcome {
	o := tunnelOutcome{either: !plain, open: status < 300, rest: rest}
	switch {
	case status == 407, status == 401:
		o.phases, o.code = []transport.Phase{transport.PhaseProxyAuth}, status
	case status >= 300:
		o.phases, o.code = []transport.Phase{transport.PhaseProxyConnect}, status
	}
	if !plain && status >= 300 {
		o.either, o.phases, o.code = false, nil, anyCode // its head may make no sense at all
	}
	return o
}
