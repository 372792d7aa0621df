package transport_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

// check compares what came with what had to come, and with what goes with that.
func (c matrixCell) check(t *testing.T, s *matrixScene, want matrixOutcome, got matrixResult) {
	t.Helper()
	assert.Equal(t, want, got.matrixOutcome, "%v, want %v: %v", got.matrixOutcome, want, got.err)
	if c.target.h2 && got.resp != nil {
		assert.Equal(t, 2, got.resp.ProtoMajor, "HTTP/2 was not spoken")
	}
	if s.asked != nil {
		assert.Equal(t, map[bool]int{true: 0, false: 1}[c.fault == faultRefused], s.asked(), "connections at the proxy")
	}
	c.checkTime(t, s, got)
	if want.status != 0 || got.err == nil {
		assert.NoError(t, got.err)
		return
	}
	assert.Empty(t, got.told, "a direct connection was tried")
	e := typed(t, got.err)
	assertNoSecret(t, got.err)
	assert.Equal(t, parse(t, s.proxy).String(), e.Proxy.String())
	assert.Equal(t, s.address(t), e.Addr)
	assert.Nil(t, e.Earlier)
	assert.NotErrorIs(t, got.err, context.Canceled)
	assert.Equal(t, want.limit != "", isDeadline(got.err), "%v", got.err)
	switch c.fault {
	case faultRefused:
		require.ErrorIs(t, got.err, syscall.ECONNREFUSED)
		assert.Contains(t, e.Error(), "cannot connect to the proxy")
	case faultHandshake, faultTLS, faultBody:
		assert.True(t, isCut(got.err), "%v", got.err)
	}
	if c.fault == faultTLS && c.target.secure {
		assert.Contains(t, e.Error(), "the proxy's tunnel to "+e.Addr+" opened, then TLS inside it died")
	}
}

// checkTime: nothing but a time limit takes time, and that no longer than it says.
func (c matrixCell) checkTime(t *testing.T, s *matrixScene, got matrixResult) {
	t.Helper()
	limit := time.Duration(0)
	if c.fault == faultMute {
		limit = cmp.Or(s.connect, 30*time.Second)
		if got.sent == transport.SentYes {
			limit = cmp.Or(s.header, 600*time.Second)
		}
	}
	if s.bubble {
		assert.Equal(t, limit, got.took)
		return
	}
	assert.GreaterOrEqual(t, got.took, limit)
	assert.Less(t, got.took, limit+patience/2)
}

// checkFallback: what the direct way made up for is what fails without it.
func (c matrixCell) checkFallback(t *testing.T, d proxyDialect, got matrixResult) {
	t.Helper()
	if got.direct == 0 {
		assert.Empty(t, got.told)
		return
	}
	want, _ := c.expectAlone(d)
	require.Len(t, got.told, 1)
	e := got.told[0]
	assert.Equal(t, want.phase.String(), e.Phase.String(), "%v", e)
	assert.Equal(t, want.sent, e.Sent)
	assert.Equal(t, want.code, e.Code)
	assert.Equal(t, want.limit != "", e.Timeout())
	assertNoSecret(t, e)
}

func (s *matrixScene) address(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.url, nil)
	require.NoError(t, err)
	if req.URL.Port() != "" {
		return req.URL.Host
	}
	return net.JoinHostPort(req.URL.Hostname(), map[string]string{"http": "80", "https": "443"}[req.URL.Scheme])
}

// isCut tells whether somebody else ended the connection.
func isCut(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
