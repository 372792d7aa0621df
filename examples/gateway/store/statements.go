package store

import (
	"context"
	"database/sql"
)

// Statements that each batch needs.
const (
	countText   = "UPDATE counters SET value = value + 1 WHERE name = ?"
	claimedText = "SELECT last_batch FROM write_batches WHERE writer = ?"
	claimText   = "UPDATE write_batches SET last_batch = ?, written_at = ? WHERE writer = ?"
	chargeText  = "UPDATE api_keys SET total_cost = total_cost + ? WHERE id = ?"
	stateText   = "UPDATE accounts SET rate_limit_reset_at = ?, consecutive_error_count = ? WHERE name = ?"

	// The date last: MySQL sets one after the other.
	spendText = `UPDATE accounts SET total_cost = total_cost + ?,
		daily_requests = CASE WHEN daily_requests_date = ? THEN daily_requests + ? WHEN daily_requests_date < ? THEN ? ELSE daily_requests END,
		daily_requests_date = CASE WHEN daily_requests_date < ? THEN ? ELSE daily_requests_date END
		WHERE name = ?`
)

const (
	mostRows = 64 // that a statement writes
	fewer    = 4  // times fewer rows has the next smaller statement that is kept
)

// portion is how many of n rows the next statement writes. Where statements are kept, few
// sizes do for all n.
func (d *dialect) portion(n int) int {
	if !d.keeps {
		return min(n, mostRows)
	}
	some := mostRows
	for some > n {
		some /= fewer
	}
	return some
}

func (d *dialect) addDays(rows int) string { return d.add("daily_usages", usageColumns, 4, rows) }

func (d *dialect) addQuarters(rows int) string { return d.add("key_usages", quarterColumns, 2, rows) }

func (d *dialect) addAccounts(rows int) string { return d.add("account_usages", accountSums, 2, rows) }

// keepStatements prepares what each batch needs, where the one connection that writes keeps
// statements: SQLite takes longer to read them than to do them.
func (db *DB) keepStatements(ctx context.Context) error {
	if !db.target.keeps {
		return nil
	}
	texts := []string{countText, claimedText, claimText, chargeText, stateText, spendText}
	for rows := mostRows; rows > 0; rows /= fewer {
		texts = append(texts, insertAlike(rows), db.target.addDays(rows), db.target.addQuarters(rows), db.target.addAccounts(rows))
	}
	db.kept = make(map[string]*sql.Stmt, len(texts))
	for _, text := range texts {
		statement, err := db.sql.PrepareContext(ctx, text) //nolint:sqlclosecheck // it ends with the database
		if err != nil {
			return err
		}
		db.kept[text] = statement
	}
	return nil
}

// exec runs a statement with placeholders ?, and returns how many rows it met.
func (db *DB) exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	var result sql.Result
	var err error
	if kept := db.kept[statement]; kept != nil {
		result, err = tx.StmtContext(ctx, kept).ExecContext(ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
	} else {
		result, err = tx.ExecContext(ctx, db.target.bind(statement), args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// queryRow runs a query with placeholders ? for a row.
func (db *DB) queryRow(ctx context.Context, tx *sql.Tx, statement string, args ...any) *sql.Row {
	if kept := db.kept[statement]; kept != nil {
		return tx.StmtContext(ctx, kept).QueryRowContext(ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
	}
	return tx.QueryRowContext(ctx, db.target.bind(statement), args...)
}
