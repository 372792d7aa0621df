package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/redishealth"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

const (
	purgeEvery = time.Hour
	purgeAfter = 24 * time.Hour // keys that nobody used
	purgeRows  = 1000
)

// shared is what gateways share, or keep in memory; nil: the gateway makes its own.
type shared struct {
	quota    quota.Store // never nil
	health   health.Store
	affinity balancer.AffinityStore
}

// share opens what Redis or a database shares, as the configuration says.
func (p *program) share(ctx context.Context) (s shared, err error) {
	f := p.file
	where := f.Quota.Store
	if where == config.QuotaAuto {
		switch {
		case !f.Redis.IsZero():
			where = config.QuotaRedis
		case f.SharedDatabase():
			where = config.QuotaDatabase
		default:
			where = config.QuotaMemory
		}
	}
	if !f.Redis.IsZero() {
		if s, err = p.shareRedis(ctx, where == config.QuotaRedis); err != nil {
			return s, err
		}
	}
	switch where {
	case config.QuotaMemory:
		s.quota = quota.NewMemory(quota.MemoryConfig{})
		return s, nil
	case config.QuotaDatabase:
		if s.quota, err = p.quotaInDatabase(ctx); err != nil {
			return s, err
		}
	}
	s.quota = p.guard(s.quota)
	return s, nil
}

// shareRedis connects to Redis.
func (p *program) shareRedis(ctx context.Context, withQuota bool) (s shared, err error) {
	redis.SetLogger(redisLog{p.log})
	client, err := redisClient(p.file.Redis.Reveal())
	if err != nil {
		return s, err
	}
	p.onClose(func(context.Context) error { return client.Close() })
	reach, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Ping(reach).Err(); err != nil {
		return s, fmt.Errorf("cannot reach Redis (%w): start it, mend redis, or leave that out to share nothing", err)
	}
	script := redisstores.Script(client)
	if s.health, err = redishealth.New(redishealth.Config{Script: script}); err != nil {
		return s, err
	}
	if s.affinity, err = redisaffinity.New(redisaffinity.Config{Script: script}); err != nil {
		return s, err
	}
	if !withQuota {
		return s, nil
	}
	counts, err := redisquota.New(redisquota.Config{Script: script})
	if err != nil {
		return s, err
	}
	leased, err := redisquota.NewLeased(counts, redisquota.LeaseConfig{
		Failed: func(err error) { p.log.Warn("Redis was not told what was used, and will be", "error", err) },
	})
	if err != nil {
		return s, err
	}
	p.onClose(leased.Close)
	s.quota = leased
	return s, nil
}

// redisLog puts what the client says for itself into the log. Calls that fail are told of
// by whoever made them.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "Redis client", "says", fmt.Sprintf(format, args...))
}

// redisClient is a client of one server, or of a cluster where the URL names more by
// ?addr=. Its calls end with their contexts.
func redisClient(raw string) (redis.UniversalClient, error) {
	mend := errors.New("redis is no URL that can be used: write redis://user:password@host:6379/0, or for a cluster redis://user:password@host:6379?addr=host2:6379&addr=host3:6379")
	u, err := url.Parse(raw)
	if err != nil {
		return nil, mend // the cause quotes it
	}
	if u.Query().Has("addr") {
		o, err := redis.ParseClusterURL(raw)
		if err != nil {
			return nil, mend
		}
		o.ContextTimeoutEnabled, o.DialerRetries = true, 1
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, mend
	}
	o.ContextTimeoutEnabled, o.DialerRetries = true, 1
	return redis.NewClient(o), nil
}

// quotaInDatabase counts in the tables of the gateway's own database.
func (p *program) quotaInDatabase(ctx context.Context) (quota.Store, error) {
	c := sqlquota.Config{Dialect: sqlquota.PostgreSQL}
	if p.db.Name() != "PostgreSQL" {
		c.Dialect = sqlquota.MySQL
		c.Retryable = func(err error) bool {
			var e *mysql.MySQLError
			return errors.As(err, &e) && (e.Number == 1205 || e.Number == 1213) // a lock wait that timed out, a deadlock
		}
	}
	if err := sqlquota.Migrate(ctx, p.db.SQL(), c); err != nil {
		return nil, err
	}
	s, err := sqlquota.New(ctx, p.db.SQL(), c)
	if err != nil {
		return nil, err
	}
	purging, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		purge(purging, s, p.log)
	}()
	p.onClose(func(context.Context) error {
		stop()
		<-done
		return nil
	})
	return s, nil
}

// purge drops the counts of keys that nobody uses any more, until the context ends.
func purge(ctx context.Context, s *sqlquota.Store, log *slog.Logger) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for n := purgeRows; n == purgeRows; {
			var err error
			if n, err = s.Purge(ctx, time.Now().Add(-purgeAfter), purgeRows); err != nil && ctx.Err() == nil {
				log.Warn("Counts that are over cannot be dropped, and will be in an hour", "error", err)
			}
		}
	}
}

// guard answers by the configured policy while a store is broken.
func (p *program) guard(s quota.Store) quota.Store {
	open := p.file.Quota.WhenBroken == config.BrokenOpen
	return quota.NewGuard(s, quota.GuardConfig{Open: open, Hooks: quota.GuardHooks{
		Broken: func(err error) {
			p.log.Error("The store of limits is broken", "open", open, "error", err)
		},
		Back: func(after time.Duration) { p.log.Info("The store of limits is back", "after", after) },
		Lost: func(r quota.Reservation, _ quota.Amount, err error) {
			p.log.Error("What was used could not be counted: its estimate stands", "key", r.Key, "error", err)
		},
	}})
}
