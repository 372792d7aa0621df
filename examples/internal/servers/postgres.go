package servers

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// PostgreSQL starts a PostgreSQL server and returns once it answers. It does not wait for the disk.
func PostgreSQL(tb testing.TB) *Database {
	tb.Helper()
	initdb := postgresProgram(tb, "initdb")
	server := postgresProgram(tb, "postgres")
	// PostgreSQL refuses to be root. setpriv becomes the program, and has it die with the test.
	var as []string
	var owner *user.User
	if os.Geteuid() == 0 {
		owner = unprivileged(tb, "postgres")
		as = []string{lookup(tb, "setpriv", "util-linux"), "--reuid", owner.Uid, "--regid", owner.Gid, "--clear-groups", "--pdeathsig", "KILL"}
	}
	port := strconv.Itoa(holdDatabasePort(tb))
	d := &Database{
		Driver: "pgx", DSN: fmt.Sprintf("postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable", port),
		tb: tb, name: "the PostgreSQL server at 127.0.0.1:" + port, folder: databaseFolder(tb, "postgres", owner),
	}
	data := filepath.Join(d.folder, "data")
	d.prepare(slices.Concat(as, []string{initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"})...)
	d.command = slices.Concat(as, []string{server, "-D", data})
	for _, setting := range []string{
		"port=" + port, "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
		"fsync=off", "full_page_writes=off", "shared_buffers=16MB",
	} {
		d.command = append(d.command, "-c", setting)
	}
	tb.Cleanup(d.end)
	d.Start()
	return d
}

// postgresProgram is where Debian has it, in the newest version, or in the PATH.
func postgresProgram(tb testing.TB, name string) string {
	tb.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) })
	}
	return lookup(tb, name, "postgresql")
}

func postgresVersion(path string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // "9.6" is old enough for 0
	return version
}

// unprivileged is a user to run a server as, for a test that is root.
func unprivileged(tb testing.TB, name string) *user.User {
	tb.Helper()
	for _, name := range []string{name, "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return u
		}
	}
	tb.Fatalf("servers: the test is root, and there is no user %s or nobody to run the server as", name)
	return nil
}

// holdDatabasePort picks a free port and keeps it for the test.
func holdDatabasePort(tb testing.TB) int {
	tb.Helper()
	port, release, err := holdPort()
	if err != nil {
		tb.Fatalf("servers: find a free port: %v", err)
	}
	tb.Cleanup(release)
	return port
}
