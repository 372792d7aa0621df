package crashes_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

var postgres = sqlquota.Config{Dialect: sqlquota.PostgreSQL}

// start starts a server of a kind, and tells where it is.
func start(t *testing.T, kind string) (at string) {
	t.Helper()
	if kind == "redis" {
		return servers.Redis(t).Addr
	}
	at = servers.PostgreSQL(t).DSN
	db, err := sql.Open("pgx", at)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, sqlquota.Migrate(t.Context(), db, postgres))
	return at
}

// open opens the store of a kind, behind a Guard of that policy if there is one.
func open(kind, at, policy string) (quota.Store, error) {
	store, err := openBare(kind, at)
	if err != nil || policy == "" {
		return store, err
	}
	return guard(store, policy), nil
}

func guard(store quota.Store, policy string) *quota.Guard {
	return quota.NewGuard(store, quota.GuardConfig{Open: policy == "open", Timeout: 250 * time.Millisecond, Rest: 100 * time.Millisecond})
}

// silent is a logger for go-redis, which tells of each dial that fails.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func openRedis(at string) (*redisquota.Store, error) {
	redis.SetLogger(silent{})
	return redisquota.New(redisquota.Config{Script: redisstores.Script(redis.NewUniversalClient(redisstores.Options(at)))})
}

func openBare(kind, at string) (quota.Store, error) {
	switch kind {
	case "redis":
		return openRedis(at)
	case "postgresql":
		db, err := sql.Open("pgx", at)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(callers)
		return sqlquota.New(context.Background(), db, postgres)
	default:
		return nil, fmt.Errorf("no store is called %q", kind)
	}
}
