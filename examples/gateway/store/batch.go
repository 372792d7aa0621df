package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// batch is what one transaction writes, once.
type batch struct {
	Writer string
	Number int64 // 1, 2, … of the writer
	First  int64 // number of the first row
	Rows   []resource.Request
	States map[string]accountState
	lost   sums // of dropped rows
}

func (b *batch) lostRows() (n int64) {
	for _, u := range b.lost.usages {
		n += u.Requests
	}
	return n
}

// dropRows keeps the sums of the rows alone.
func (b *batch) dropRows() {
	for i := range b.Rows {
		b.lost.add(&b.Rows[i], maxDistinct)
	}
	b.Rows = nil
}

// apply writes a batch, unless it has been written: its number says so, which is written
// with it.
func (db *DB) apply(ctx context.Context, b *batch) error {
	all := newSums()
	for i := range b.Rows {
		all.add(&b.Rows[i], len(b.Rows))
	}
	all.merge(b.lost)
	return db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.count(ctx, tx, "books"); err != nil {
			return err
		}
		fresh, err := db.claim(ctx, tx, b)
		if err != nil || !fresh {
			return err
		}
		if err := db.insertRows(ctx, tx, b); err != nil {
			return err
		}
		if err := db.addSums(ctx, tx, all); err != nil {
			return err
		}
		if err := db.addDropped(ctx, tx, "dropped", b.lost); err != nil {
			return err
		}
		return db.setStates(ctx, tx, b.States)
	})
}

// claim notes the batch's number, and tells whether it is new.
func (db *DB) claim(ctx context.Context, tx *sql.Tx, b *batch) (fresh bool, err error) {
	var last int64
	now := time.Now().UnixMilli()
	err = db.queryRow(ctx, tx, claimedText, b.Writer).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = db.exec(ctx, tx, insert("write_batches", "writer,last_batch,written_at", 1), b.Writer, b.Number, now)
		return true, err
	}
	if err != nil || last >= b.Number {
		return false, err
	}
	_, err = db.exec(ctx, tx, claimText, b.Number, now, b.Writer)
	return true, err
}

const (
	usageColumns   = "date,user_id,key_id,model,requests,input_tokens,output_tokens,cost,charged"
	quarterColumns = "key_id,starts_at,requests,input_tokens,output_tokens,cost,charged"
	accountSums    = "date,account,attempts,cost"
)

// addSums adds to the books, and to the totals of keys and accounts.
func (db *DB) addSums(ctx context.Context, tx *sql.Tx, s sums) error {
	err := addRows(ctx, db, tx, db.target.addDays, s.usages, func(k usageKey, u usage) []any {
		return []any{k.Date, k.User, k.Key, k.Model, u.Requests, u.Input, u.Output, u.Cost, u.Charged}
	})
	if err != nil {
		return err
	}
	if err := db.addQuarters(ctx, tx, s.quarters); err != nil {
		return err
	}
	err = addRows(ctx, db, tx, db.target.addAccounts, s.accounts, func(k accountKey, a attempts) []any {
		return []any{k.Date, k.Account, a.Attempts, a.Cost}
	})
	if err != nil {
		return err
	}
	return db.addTotals(ctx, tx, s)
}

func (db *DB) addQuarters(ctx context.Context, tx *sql.Tx, quarters map[quarterKey]usage) error {
	return addRows(ctx, db, tx, db.target.addQuarters, quarters, func(k quarterKey, u usage) []any {
		return []any{k.Key, k.StartsAt, u.Requests, u.Input, u.Output, u.Cost, u.Charged}
	})
}

// addDropped adds to what has no rows.
func (db *DB) addDropped(ctx context.Context, tx *sql.Tx, reason string, s sums) error {
	statement := func(rows int) string { return db.target.add("dropped_logs", "reason,"+usageColumns, 5, rows) }
	err := addRows(ctx, db, tx, statement, s.usages, func(k usageKey, u usage) []any {
		return []any{reason, k.Date, k.User, k.Key, k.Model, u.Requests, u.Input, u.Output, u.Cost, u.Charged}
	})
	if err != nil {
		return err
	}
	statement = func(rows int) string { return db.target.add("dropped_attempts", "reason,"+accountSums, 3, rows) }
	return addRows(ctx, db, tx, statement, s.accounts, func(k accountKey, a attempts) []any {
		return []any{reason, k.Date, k.Account, a.Attempts, a.Cost}
	})
}

// addRows adds sums to a table, some at a time.
func addRows[K comparable, V any](
	ctx context.Context, db *DB, tx *sql.Tx, statement func(rows int) string, m map[K]V, values func(K, V) []any,
) error {
	var args []any
	for keys := slices.Collect(maps.Keys(m)); len(keys) > 0; {
		some := db.target.portion(len(keys))
		args = args[:0]
		for _, key := range keys[:some] {
			args = append(args, values(key, m[key])...)
		}
		if _, err := db.exec(ctx, tx, statement(some), args...); err != nil {
			return err
		}
		keys = keys[some:]
	}
	return nil
}

// addTotals adds to what keys and accounts have come to. Those that are not in the
// database are in the books alone.
func (db *DB) addTotals(ctx context.Context, tx *sql.Tx, s sums) error {
	charged := map[string]int64{}
	for key, u := range s.usages {
		if key.Key != "" && u.Charged != 0 {
			charged[key.Key] += u.Charged
		}
	}
	for id, amount := range charged {
		if _, err := db.exec(ctx, tx, chargeText, amount, id); err != nil {
			return err
		}
	}
	for key, a := range s.accounts {
		_, err := db.exec(ctx, tx, spendText, a.Cost, key.Date, a.Attempts, key.Date, a.Attempts, key.Date, key.Date, key.Account)
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) setStates(ctx context.Context, tx *sql.Tx, states map[string]accountState) error {
	for name, s := range states {
		if _, err := db.exec(ctx, tx, stateText, s.ResetAt, s.Errors, name); err != nil {
			return err
		}
	}
	return nil
}
