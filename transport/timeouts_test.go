package transport_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

func TestTimeoutsFromEnvironment(t *testing.T) {
	type times struct{ connect, header, idle time.Duration }
	tests := map[string]struct {
		env     map[string]string
		want    times
		wantErr string
	}{
		"nothing set":       {nil, times{1, 2, 3}, ""},
		"milliseconds":      {map[string]string{"FETCH_CONNECT_TIMEOUT": "1500", "FETCH_HEADERS_TIMEOUT": "2000", "FETCH_BODY_TIMEOUT": "10"}, times{1500 * time.Millisecond, 2 * time.Second, 10 * time.Millisecond}, ""},
		"seconds":           {map[string]string{"UPSTREAM_TIMEOUT": "90"}, times{1, 90 * time.Second, 90 * time.Second}, ""},
		"FETCH_ wins":       {map[string]string{"UPSTREAM_TIMEOUT": "90", "FETCH_BODY_TIMEOUT": "5"}, times{1, 90 * time.Second, 5 * time.Millisecond}, ""},
		"0 is none":         {map[string]string{"FETCH_CONNECT_TIMEOUT": "0"}, times{-1, 2, 3}, ""},
		"not a number":      {map[string]string{"FETCH_CONNECT_TIMEOUT": "5", "FETCH_BODY_TIMEOUT": "30s"}, times{1, 2, 3}, "FETCH_BODY_TIMEOUT"},
		"negative":          {map[string]string{"UPSTREAM_TIMEOUT": "-1"}, times{1, 2, 3}, "UPSTREAM_TIMEOUT"},
		"beyond a Duration": {map[string]string{"UPSTREAM_TIMEOUT": "9223372036854775807"}, times{1, 2, 3}, "UPSTREAM_TIMEOUT"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"UPSTREAM_TIMEOUT", "FETCH_CONNECT_TIMEOUT", "FETCH_HEADERS_TIMEOUT", "FETCH_BODY_TIMEOUT"} {
				t.Setenv(v, tt.env[v])
			}
			c := transport.Config{ConnectTimeout: 1, HeaderTimeout: 2, BodyIdleTimeout: 3}
			err := transport.TimeoutsFromEnvironment(&c)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, tt.want, times{c.ConnectTimeout, c.HeaderTimeout, c.BodyIdleTimeout})
		})
	}
}
