package sqlquota_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/sqlquota"
)

// Programs that share a database share the counts. The driver is the program's: here the one of
// github.com/jackc/pgx/v5/stdlib, whose name is "pgx".
func Example() {
	err := func(ctx context.Context) error {
		db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
		if err != nil {
			return err
		}
		defer db.Close()
		config := sqlquota.Config{Dialect: sqlquota.PostgreSQL}
		if err := sqlquota.Migrate(ctx, db, config); err != nil {
			return err
		}
		store, err := sqlquota.New(ctx, db, config)
		if err != nil {
			return err
		}
		guard := quota.NewGuard(store, quota.GuardConfig{}) // the database may be away
		limits := []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Minute)}}
		r, err := guard.Reserve(ctx, "acme", limits, quota.Amount{Requests: 1}, time.Minute)
		if err != nil {
			return err
		}
		return guard.Settle(ctx, r, quota.Amount{Requests: 1})
	}(context.Background())
	if err != nil {
		fmt.Println(err)
	}
}
