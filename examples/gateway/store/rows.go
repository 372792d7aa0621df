package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// The columns of the request log: those that most rows of a batch have alike, and the others.
const (
	alikeColumns = "date,api,operation,group_name,stream,status,code,cost_known"
	ownColumns   = "started_at,id,n,user_id,key_id,account,model,client_ip,input_tokens,cached_input_tokens,output_tokens," +
		"cost,charged,used_proxy,trail,attempts,first_byte_ns,duration_ns"
	rowColumns = alikeColumns + "," + ownColumns
)

var (
	alikeCount = 1 + strings.Count(alikeColumns, ",")
	ownCount   = 1 + strings.Count(ownColumns, ",")
)

// alike are the values of alikeColumns.
type alike struct {
	date, api, operation, group string
	stream                      bool
	status                      int
	code                        string
	costKnown                   bool
}

func alikeOf(r *resource.Request) alike {
	return alike{dateOf(r), r.API, r.Operation, r.Group, r.Stream, r.Status, r.Code, r.CostKnown}
}

func (a alike) values(args []any) []any {
	return append(args, a.date, a.api, a.operation, a.group, a.stream, int64(a.status), a.code, a.costKnown)
}

// ownValues appends the values of ownColumns.
func ownValues(args []any, r *resource.Request, n int64) ([]any, error) {
	list := ""
	if !simple(r) {
		text, err := json.Marshal(r.Attempts)
		if err != nil {
			return nil, err
		}
		list = string(text)
	}
	return append(args, r.Start.UnixMilli(), r.ID, n, r.UserID, r.KeyID, r.Account, r.Model, r.ClientIP, r.InputTokens, r.CachedInputTokens,
		r.OutputTokens, r.Cost, r.Charged, r.UsedProxy, string(r.Trail), list, int64(r.FirstByte), int64(r.Duration)), nil
}

// insertRows writes the rows, some at a time: no driver takes more than 65,535 arguments.
func (db *DB) insertRows(ctx context.Context, tx *sql.Tx, b *batch) error {
	if db.target.keeps {
		return db.insertAlike(ctx, tx, b)
	}
	var many *sql.Stmt // inserts mostRows
	if len(b.Rows) > mostRows {
		var err error // to read it takes the database about as long as to do it
		if many, err = tx.PrepareContext(ctx, db.target.bind(insert("request_logs", rowColumns, mostRows))); err != nil {
			return err
		}
		defer func() { _ = many.Close() }() // it ends with the transaction, at the latest
	}
	args := make([]any, 0, mostRows*(alikeCount+ownCount))
	n := b.First
	for rows := b.Rows; len(rows) > 0; {
		some := db.target.portion(len(rows))
		args = args[:0]
		var err error
		for i := range some {
			n++
			if args, err = ownValues(alikeOf(&rows[i]).values(args), &rows[i], n); err != nil {
				return err
			}
		}
		if many != nil && some == mostRows {
			_, err = many.ExecContext(ctx, args...)
		} else {
			_, err = db.exec(ctx, tx, insert("request_logs", rowColumns, some), args...)
		}
		if err != nil {
			return err
		}
		rows = rows[some:]
	}
	return nil
}

// insertAlike writes the rows with statements that are told once what is alike: to hand values
// over is much of what a row costs.
func (db *DB) insertAlike(ctx context.Context, tx *sql.Tx, b *batch) error {
	groups := map[alike][]int{}
	for i := range b.Rows {
		a := alikeOf(&b.Rows[i])
		groups[a] = append(groups[a], i)
	}
	args := make([]any, 0, alikeCount+mostRows*ownCount)
	for a, rows := range groups {
		for len(rows) > 0 {
			some := db.target.portion(len(rows))
			args = a.values(args[:0])
			for _, i := range rows[:some] {
				var err error
				if args, err = ownValues(args, &b.Rows[i], b.First+int64(i)+1); err != nil {
					return err
				}
			}
			if _, err := db.exec(ctx, tx, insertAlike(some), args...); err != nil {
				return err
			}
			rows = rows[some:]
		}
	}
	return nil
}

// insertAlike is SQLite's statement for so many rows that are alike. SQLite need not be able to
// undo it alone: the transaction is undone.
func insertAlike(rows int) string {
	own := "(?" + strings.Repeat(",?", ownCount-1) + ")"
	return "INSERT OR FAIL INTO request_logs (" + rowColumns + ") SELECT " + strings.Repeat("?,", alikeCount) + "own.* FROM (VALUES " +
		own + strings.Repeat(","+own, rows-1) + ") AS own"
}
