package store

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Config says where the database is, and how to write to it. Zero values are defaults,
// Key apart.
type Config struct {
	// URL is where the database is: a path or sqlite:path; postgres://user:password@host/name;
	// mysql:// or mariadb:// the same. "": gateway.db in the current folder. What follows a ?
	// is for the driver.
	URL string

	// Key encrypts secrets at rest: 32 bytes, required. A database opens only with the key
	// that it was made with.
	Key []byte

	Logger    *slog.Logger  // nil: silent
	Flush     time.Duration // how long a record waits for others at most; 0: 1 s
	MaxRows   int           // records that wait; more are dropped and counted. 0: 10,000
	Retention time.Duration // how long rows of the request log are kept; 0: 30 days; negative: for ever
	SpoolDir  string        // where records go that Close could not write; "": beside the SQLite file, else the current folder
}

const (
	keySize      = 32
	batchRows    = 2000     // rows in a transaction; as many do not wait for Config.Flush
	batchBytes   = 4 << 20  // of trails, roughly, likewise
	maxQueued    = 32 << 20 // bytes of trails that wait, roughly
	maxDistinct  = 20_000   // sums that are kept apart by model while rows are dropped
	connectTime  = 10 * time.Second
	batchTime    = 15 * time.Second
	closingTries = 3
	refusals     = 8  // of a batch, until those of its rows are looked for that are at fault
	mostGuilty   = 16 // rows that are dropped one by one
)

func (c Config) withDefaults() (Config, error) {
	if len(c.Key) != keySize {
		return c, fmt.Errorf("store: the master key has %d bytes and needs %d: make one with openssl rand -base64 %d",
			len(c.Key), keySize, keySize)
	}
	c.Key = append([]byte(nil), c.Key...)
	c.URL = cmp.Or(c.URL, "gateway.db")
	c.Flush = cmp.Or(c.Flush, time.Second)
	c.MaxRows = cmp.Or(c.MaxRows, 10_000)
	c.Retention = cmp.Or(c.Retention, 30*24*time.Hour)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Flush < 0 || c.MaxRows < 0 {
		return c, fmt.Errorf("store: Flush (%v) and MaxRows (%d) must not be negative", c.Flush, c.MaxRows)
	}
	return c, nil
}
