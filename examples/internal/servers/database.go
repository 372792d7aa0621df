package servers

import (
	"context"
	"database/sql"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// databaseTime is how long a database may take until it answers or has ended.
const databaseTime = 60 * time.Second

// Database is a database server of a test, on a free port of 127.0.0.1, with a database for the test in it. Its methods
// must be called from the test's own goroutine, and one at a time.
type Database struct {
	// Driver and DSN are for sql.Open. They stay the same when the server is started again.
	Driver, DSN string

	tb      testing.TB
	name    string
	folder  string
	command []string
	process *process // nil: stopped
}

// Open opens the database, and closes it with the test.
func (d *Database) Open() *sql.DB {
	d.tb.Helper()
	db, err := sql.Open(d.Driver, d.DSN)
	if err != nil {
		d.tb.Fatalf("servers: open %s: %v", d.name, err)
	}
	d.tb.Cleanup(func() { _ = db.Close() }) // what it held is gone with the server
	return db
}

// Start starts the server again where it was stopped, with all that was committed, and returns once it answers.
func (d *Database) Start() {
	d.tb.Helper()
	if d.process != nil {
		d.tb.Fatalf("servers: Start of %s, which runs", d.name)
	}
	p, err := launch(d.folder, d.command[0], d.command[1:]...)
	if err != nil {
		d.tb.Fatalf("servers: %v", err)
	}
	d.process = p
	d.await()
}

// Stop ends the server at once: connections to it break, and new ones are refused.
func (d *Database) Stop() {
	d.tb.Helper()
	if d.process == nil {
		d.tb.Fatalf("servers: Stop of %s, which does not run", d.name)
	}
	d.end()
}

// Pause has the server hang in what it does next, as far as its first process does it, until Resume: new connections are
// not answered. It works on Linux alone.
func (d *Database) Pause() { d.tb.Helper(); d.signal((*process).freeze) }

// Resume lets a server go on that was paused.
func (d *Database) Resume() { d.tb.Helper(); d.signal((*process).thaw) }

func (d *Database) signal(send func(*process) error) {
	d.tb.Helper()
	if d.process == nil {
		d.tb.Fatalf("servers: %s does not run", d.name)
	}
	if err := send(d.process); err != nil {
		d.tb.Fatalf("servers: signal %s: %v", d.name, err)
	}
}

// end ends the server if it runs. SIGQUIT has PostgreSQL and MariaDB leave nothing behind in the kernel.
func (d *Database) end() {
	d.tb.Helper()
	p := d.process
	if p == nil {
		return
	}
	d.process = nil
	_ = p.thaw()                                // or it does not hear
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)   // stop says what is wrong, if anything is
	deadline := time.NewTimer(databaseTime / 4) // for what is left to do
	defer deadline.Stop()
	select {
	case <-p.exited:
	case <-deadline.C:
		if err := p.stop(); err != nil {
			d.tb.Errorf("servers: %v", err)
		}
	}
}

// await waits until the server answers.
func (d *Database) await() {
	d.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), databaseTime)
	defer cancel()
	db, err := sql.Open(d.Driver, d.DSN)
	if err != nil {
		d.tb.Fatalf("servers: open %s: %v", d.name, err)
	}
	defer func() { _ = db.Close() }() // the last word is in the pings
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-d.process.exited:
			d.tb.Fatalf("servers: %s ended by itself; it printed:\n%s", d.name, d.process.printed())
		case <-ctx.Done():
			d.tb.Fatalf("servers: %s is not ready after %v: %v; it printed:\n%s", d.name, databaseTime, err, d.process.printed())
		}
	}
}

// prepare runs a program that makes the server's files, to its end.
func (d *Database) prepare(command ...string) {
	d.tb.Helper()
	p, err := launch(d.folder, command[0], command[1:]...)
	if err != nil {
		d.tb.Fatalf("servers: %v", err)
	}
	deadline := time.NewTimer(databaseTime)
	defer deadline.Stop()
	select {
	case <-p.exited:
	case <-deadline.C:
		_ = p.stop()
	}
	if !p.cmd.ProcessState.Success() {
		d.tb.Fatalf("servers: %s: %v; it printed:\n%s", command[0], p.cmd.ProcessState, p.printed())
	}
}

// databaseFolder is a folder that goes with the test, and that the user may use.
func databaseFolder(tb testing.TB, name string, of *user.User) string {
	tb.Helper()
	folder, err := os.MkdirTemp("", "servers-"+name+"-")
	if err != nil {
		tb.Fatalf("servers: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			tb.Errorf("servers: %v", err)
		}
	})
	if of != nil {
		uid, gid := number(tb, of.Uid), number(tb, of.Gid)
		if err := os.Chown(folder, uid, gid); err != nil {
			tb.Fatalf("servers: %v", err)
		}
	}
	return filepath.Clean(folder)
}

func number(tb testing.TB, text string) int {
	tb.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("servers: %v", err)
	}
	return n
}
