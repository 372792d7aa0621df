package sqlhealth_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health/sqlhealth"
)

// What it does with databases is tested in examples/sqlstores, where the drivers are.
func TestConfigThatCannotWork(t *testing.T) {
	db := new(sql.DB) // nobody asks it
	for name, c := range map[string]struct {
		db     *sql.DB
		config sqlhealth.Config
		says   string
	}{
		"no dialect":       {db, sqlhealth.Config{}, "Config.Dialect: write sqlhealth.SQLite"},
		"no such dialect":  {db, sqlhealth.Config{Dialect: 9}, "Config.Dialect"},
		"a prefix of SQL":  {db, sqlhealth.Config{Dialect: sqlhealth.SQLite, Prefix: "x; DROP TABLE y"}, "Config.Prefix"},
		"a prefix of 41":   {db, sqlhealth.Config{Dialect: sqlhealth.SQLite, Prefix: "a1234567890123456789012345678901234567890"}, "at most 40"},
		"without database": {nil, sqlhealth.Config{Dialect: sqlhealth.MySQL}, "without a *sql.DB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlhealth.New(c.db, c.config)
			require.ErrorContains(t, err, c.says)
			if c.db != nil {
				assert.ErrorContains(t, sqlhealth.Migrate(t.Context(), c.db, c.config), c.says)
			}
		})
	}
	assert.Equal(t, []string{"SQLite", "PostgreSQL", "MySQL", "dialect(0)"}, []string{
		sqlhealth.SQLite.String(), sqlhealth.PostgreSQL.String(), sqlhealth.MySQL.String(), sqlhealth.DialectUnknown.String(),
	})
}
