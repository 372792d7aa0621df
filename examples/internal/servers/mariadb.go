package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// MariaDB starts a MariaDB server and returns once it answers. It does not wait for the disk.
func MariaDB(tb testing.TB) *Database {
	tb.Helper()
	install := lookup(tb, "mariadb-install-db", "mariadb-server")
	server := lookup(tb, "mariadbd", "mariadb-server")
	port := strconv.Itoa(holdDatabasePort(tb))
	d := &Database{
		Driver: "mysql", DSN: fmt.Sprintf("root@tcp(127.0.0.1:%s)/quota", port),
		tb: tb, name: "the MariaDB server at 127.0.0.1:" + port, folder: databaseFolder(tb, "mariadb", nil),
	}
	settings := []string{
		"--datadir=" + filepath.Join(d.folder, "data"), "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
	}
	if os.Geteuid() == 0 {
		settings = append(settings, "--user=root")
	}
	d.prepare(slices.Concat([]string{install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"}, settings)...)
	first := filepath.Join(d.folder, "first.sql")
	if err := os.WriteFile(first, []byte("CREATE DATABASE IF NOT EXISTS quota;\n"), 0o600); err != nil {
		tb.Fatalf("servers: %v", err)
	}
	d.command = slices.Concat([]string{
		server, "--no-defaults", "--port=" + port, "--bind-address=127.0.0.1", "--socket=" + filepath.Join(d.folder, "socket"),
		"--pid-file=" + filepath.Join(d.folder, "pid"), "--init-file=" + first, "--max-connections=200", "--skip-name-resolve",
	}, settings)
	tb.Cleanup(d.end)
	d.Start()
	return d
}
