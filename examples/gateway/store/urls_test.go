package store_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/examples/internal/servers"
)

func TestPasswordsInURLs(t *testing.T) {
	t.Parallel()
	server := servers.MariaDB(t)
	const password = `p@s:s/w?o#r%d'&=`
	admin := server.Open()
	change(t, admin, "CREATE USER bob@'%' IDENTIFIED BY '"+strings.ReplaceAll(password, "'", "''")+"'")
	change(t, admin, "GRANT ALL ON quota.* TO bob@'%'")
	_, rest, _ := strings.Cut(server.DSN, "(")
	address, _, _ := strings.Cut(rest, ")")
	u := url.URL{Scheme: "mariadb", User: url.UserPassword("bob", password), Host: address, Path: "/quota", RawQuery: "timeout=3s"}
	open(t, config(t, u.String()))

	u.User = url.UserPassword("bob", "hidden"+password)
	_, err := store.Open(t.Context(), config(t, u.String()))
	require.ErrorContains(t, err, "cannot reach the MySQL database at "+address+", database quota, user bob")
	assert.NotContains(t, err.Error(), "hidden")
}
