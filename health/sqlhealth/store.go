package sqlhealth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/health"
)

// Store is a [health.Store] in a database. It has no goroutine and needs no Close; the *sql.DB stays its opener's.
type Store struct {
	db     *sql.DB
	config Config
	lanes  lanes
	odd    reports
}

// New is a Store in tables that [Migrate] has made. It does not ask the database.
func New(db *sql.DB, c Config) (*Store, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlhealth: New without a *sql.DB")
	}
	return &Store{db: db, config: c, lanes: newLanes(), odd: reports{tell: c.Unreadable}}, nil
}

// idOf is what names a subject in the table.
func idOf(s health.Subject) [sha256.Size]byte {
	text := make([]byte, 0, 1+8+len(s.Name)+len(s.Model))
	text = append(text, byte(s.Kind))
	text = binary.BigEndian.AppendUint64(text, uint64(len(s.Name)))
	text = append(append(text, s.Name...), s.Model...)
	return sha256.Sum256(text)
}

// say is a statement in the dialect: {states} is the table, and each ? an argument.
func (s *Store) say(statement string) string {
	statement = strings.ReplaceAll(statement, "{states}", s.config.Prefix+"states")
	if s.config.Dialect != PostgreSQL {
		return statement
	}
	var b strings.Builder
	n := 0
	for _, r := range statement {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// batch is how many subjects one statement asks for.
const batch = 500

// Load implements [health.Store].
func (s *Store) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sqlhealth: loading %d states: %w", len(subjects), err)
	}
	states := make([]health.State, len(subjects))
	places := make(map[[sha256.Size]byte][]int, len(subjects)) // the same subject may be asked for twice
	ids := make([]any, 0, len(subjects))
	for i, subject := range subjects {
		id := idOf(subject)
		if _, twice := places[id]; !twice {
			ids = append(ids, id[:])
		}
		places[id] = append(places[id], i)
	}
	var odd []func() // told of when no rows are open
	for len(ids) > 0 {
		n := min(batch, len(ids))
		err := s.load(ctx, ids[:n], func(id [sha256.Size]byte, stored []byte) {
			var state health.State
			if err := state.UnmarshalBinary(stored); err != nil {
				odd = append(odd, func() { s.odd.report(subjects[places[id][0]], err) })
				return
			}
			for _, i := range places[id] {
				states[i] = state
			}
		})
		if err != nil {
			return nil, fmt.Errorf("sqlhealth: loading %d states: %w", len(subjects), err)
		}
		ids = ids[n:]
	}
	for _, tell := range odd {
		tell()
	}
	return states, nil
}

func (s *Store) load(ctx context.Context, ids []any, found func(id [sha256.Size]byte, stored []byte)) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ")
	rows, err := s.db.QueryContext(ctx, s.say(`SELECT id, state FROM {states} WHERE id IN (`+marks+`)`), ids...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has told what matters
	for rows.Next() {
		var name, stored []byte
		if err := rows.Scan(&name, &stored); err != nil {
			return err
		}
		var id [sha256.Size]byte
		copy(id[:], name)
		found(id, stored)
	}
	return rows.Err()
}

// Purge drops rows of subjects that are of no use any more (see Config.Keep), the oldest first and at most so many, and
// says how many it dropped: they count as healthy from then on. Call it every hour or so, until it drops fewer than asked:
// without it the table grows with each model that ever failed.
func (s *Store) Purge(ctx context.Context, most int) (dropped int, err error) {
	if most <= 0 {
		return 0, nil
	}
	olds, err := s.expired(ctx, most)
	for _, o := range olds {
		if err != nil {
			break
		}
		var result sql.Result
		if result, err = s.db.ExecContext(ctx, s.say(`DELETE FROM {states} WHERE id = ? AND stamp = ?`), o.id, o.stamp); err == nil {
			var n int64
			n, err = result.RowsAffected()
			dropped += int(n)
		}
	}
	if err != nil {
		return dropped, fmt.Errorf("sqlhealth: purging: %w", err)
	}
	return dropped, nil
}

// old is a row that may be dropped while it has that stamp.
type old struct {
	id    []byte
	stamp int64
}

func (s *Store) expired(ctx context.Context, most int) (olds []old, err error) {
	rows, err := s.db.QueryContext(ctx, s.say(`SELECT id, stamp FROM {states} WHERE expires_at < ? ORDER BY expires_at LIMIT ?`), time.Now().UnixMilli(), most)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err has told what matters
	for rows.Next() {
		var o old
		if err := rows.Scan(&o.id, &o.stamp); err != nil {
			return nil, err
		}
		olds = append(olds, o)
	}
	return olds, rows.Err()
}

// expiry is when a state's row may be dropped.
func (s *Store) expiry(state health.State, now time.Time) int64 {
	if state.Disabled {
		return math.MaxInt64
	}
	last := now
	for _, t := range []time.Time{state.RestUntil, state.ProbeUntil} {
		if t.After(last) {
			last = t
		}
	}
	return last.Add(s.config.Keep).UnixMilli()
}
