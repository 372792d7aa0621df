package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// Gateways with one Redis or one database count a key's requests together.
func TestGatewaysShareWhatKeysMayUse(t *testing.T) {
	t.Parallel()
	upstream, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{})})
	require.NoError(t, err)
	t.Cleanup(func() { upstream.Close() })
	for name, where := range map[string]func(*testing.T) string{
		"Redis":      func(t *testing.T) string { return "redis: redis://" + servers.Redis(t).Addr },
		"PostgreSQL": func(t *testing.T) string { return "database: " + servers.PostgreSQL(t).DSN },
		"MariaDB": func(t *testing.T) string {
			c, err := mysql.ParseDSN(servers.MariaDB(t).DSN)
			require.NoError(t, err)
			return fmt.Sprintf("database: mysql://%s:%s@%s/%s", c.User, c.Passwd, c.Addr, c.DBName)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil, `listen: 127.0.0.1:0
%s
master_key: %s
accounts: [{name: a, provider: openai, base_url: "%s/v1", secret: k}]
keys: [{name: k, secret: 0123456789abcdef, requests_per_minute: 5}]
`, where(t), strings.Repeat("ab", 32), upstream.URL()), 0o600))

			statuses := make(map[int]int)
			var gateways []*running
			for i := range 2 {
				g := start(t, dir, nil, "-config", "gateway.yaml", "-data", fmt.Sprint("data-", i))
				gateways = append(gateways, g)
				base := g.find(t, g.people, `serves at (\S+),`)[1]
				for range 4 {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`))
					require.NoError(t, err)
					req.Header.Set("Authorization", "Bearer 0123456789abcdef")
					status, _ := do(t, req)
					statuses[status]++
				}
			}
			assert.Equal(t, map[int]int{http.StatusOK: 5, http.StatusTooManyRequests: 3}, statuses)
			for _, g := range gateways {
				g.terminate(t)
			}
		})
	}
}
