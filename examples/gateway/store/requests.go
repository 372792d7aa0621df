package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// Requests is a page of the request log, the newest first, and where the next one begins;
// "": it was the last. Records that were made meanwhile move nothing. Attempts is nil.
func (db *DB) Requests(ctx context.Context, f resource.RequestFilter) (requests []resource.Request, next string, err error) {
	limit := page(f.Limit)
	statement, args, err := pageOfRequests(f, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := db.reads.QueryContext(ctx, db.target.bind(statement), args...)
	if err != nil {
		return nil, "", failed(err, "reading the request log")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	var n int64
	for rows.Next() {
		if len(requests) == limit {
			last := requests[limit-1]
			next = fmt.Sprintf("%d.%d.%s", last.Start.UnixMilli(), n, last.ID)
			break
		}
		var r resource.Request
		if r, n, err = scanRequest(rows); err != nil {
			return nil, "", failed(err, "reading the request log")
		}
		requests = append(requests, r)
	}
	return requests, next, failed(rows.Err(), "reading the request log")
}

// pageOfRequests is a query for so many rows.
func pageOfRequests(f resource.RequestFilter, rows int) (statement string, args []any, err error) {
	w, err := requestsWhere(f)
	statement = "SELECT " + rowColumns + " FROM request_logs" + w.String() + " ORDER BY started_at DESC, id DESC, n DESC LIMIT ?"
	return statement, append(w.args, rows), err
}

func requestsWhere(f resource.RequestFilter) (w where, err error) {
	w.equal("id", f.ID)
	w.equal("user_id", f.UserID)
	w.equal("key_id", f.KeyID)
	w.equal("account", f.Account)
	w.equal("model", f.Model)
	switch {
	case f.Status > 0 && f.Status < 10:
		w.add("status >= ? AND status < ?", f.Status*100, f.Status*100+100)
	case f.Status != 0:
		w.add("status = ?", f.Status)
	}
	if !f.Since.IsZero() {
		w.add("started_at >= ?", ceilMillis(f.Since))
	}
	if !f.Until.IsZero() {
		w.add("started_at < ?", ceilMillis(f.Until))
	}
	if f.Cursor == "" {
		if f.Until.IsZero() {
			w.add("started_at <= ?", math.MaxInt64) // always so; without it SQLite would sort all rows
		}
		return w, nil
	}
	at, rest, _ := strings.Cut(f.Cursor, ".")
	number, id, found := strings.Cut(rest, ".")
	start, err1 := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.ParseInt(number, 10, 64)
	if err1 != nil || err2 != nil || !found {
		return w, fmt.Errorf("store: %w: the cursor %q is not one that a page told", resource.ErrInvalid, clean(f.Cursor, 128))
	}
	w.add("started_at <= ? AND (started_at < ? OR id < ? OR (id = ? AND n < ?))", start, start, id, id, n)
	return w, nil
}

// ceilMillis is the first whole millisecond that is not before a time.
func ceilMillis(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// scanRequest reads rowColumns, but for the attempts, and the row's number.
func scanRequest(row interface{ Scan(...any) error }) (r resource.Request, n int64, err error) {
	var start int64
	var date, trail, list string
	err = row.Scan(&date, &r.API, &r.Operation, &r.Group, &r.Stream, &r.Status, &r.Code, &r.CostKnown,
		&start, &r.ID, &n, &r.UserID, &r.KeyID, &r.Account, &r.Model, &r.ClientIP, &r.InputTokens, &r.CachedInputTokens, &r.OutputTokens,
		&r.Cost, &r.Charged, &r.UsedProxy, &trail, &list, &r.FirstByte, &r.Duration)
	r.Start = time.UnixMilli(start).UTC()
	if trail != "" && json.Valid([]byte(trail)) {
		r.Trail = json.RawMessage(trail)
	}
	return r, n, err
}

// DailyUsage is what was used, by day, user, key and model, the newest days first.
func (db *DB) DailyUsage(ctx context.Context, f resource.UsageFilter) (days []resource.DailyUsage, err error) {
	w := where{}
	w.equal("user_id", f.UserID)
	w.equal("key_id", f.KeyID)
	w.equal("model", f.Model)
	w.between("date", f)
	statement := "SELECT " + usageColumns + " FROM daily_usages" + w.String() + " ORDER BY date DESC, user_id, key_id, model LIMIT ?"
	rows, err := db.reads.QueryContext(ctx, db.target.bind(statement), append(w.args, usageRows(f))...)
	if err != nil {
		return nil, failed(err, "reading the daily usage")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var d resource.DailyUsage
		if err := rows.Scan(&d.Date, &d.UserID, &d.KeyID, &d.Model, &d.Requests, &d.InputTokens, &d.OutputTokens, &d.Cost, &d.Charged); err != nil {
			return nil, failed(err, "reading the daily usage")
		}
		days = append(days, d)
	}
	return days, failed(rows.Err(), "reading the daily usage")
}

// AccountUsage is what accounts did by day, the newest days first, those of the
// configuration and those that were deleted among them. account "": all. Of the filter,
// From, To and Limit count.
func (db *DB) AccountUsage(ctx context.Context, account string, f resource.UsageFilter) (days []resource.AccountUsage, err error) {
	w := where{}
	w.equal("account", account)
	w.between("date", f)
	statement := "SELECT " + accountSums + " FROM account_usages" + w.String() + " ORDER BY date DESC, account LIMIT ?"
	rows, err := db.reads.QueryContext(ctx, db.target.bind(statement), append(w.args, usageRows(f))...)
	if err != nil {
		return nil, failed(err, "reading the accounts' usage")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var d resource.AccountUsage
		if err := rows.Scan(&d.Date, &d.Account, &d.Attempts, &d.Cost); err != nil {
			return nil, failed(err, "reading the accounts' usage")
		}
		days = append(days, d)
	}
	return days, failed(rows.Err(), "reading the accounts' usage")
}

// KeyUsage is what keys used since a time, by quarter of an hour, to seed quotas with.
// That of months that ended 40 days ago stands in their first quarter (UTC). The zero
// time: since ever.
func (db *DB) KeyUsage(ctx context.Context, since time.Time) (used []resource.KeyUsage, err error) {
	from := millis(since)
	from -= from % quarterMillis
	statement := "SELECT " + quarterColumns + " FROM key_usages WHERE starts_at >= ? ORDER BY starts_at, key_id"
	rows, err := db.reads.QueryContext(ctx, db.target.bind(statement), from)
	if err != nil {
		return nil, failed(err, "reading the keys' usage")
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var u resource.KeyUsage
		var start int64
		if err := rows.Scan(&u.KeyID, &start, &u.Requests, &u.InputTokens, &u.OutputTokens, &u.Cost, &u.Charged); err != nil {
			return nil, failed(err, "reading the keys' usage")
		}
		u.Start = time.UnixMilli(start).UTC()
		used = append(used, u)
	}
	return used, failed(rows.Err(), "reading the keys' usage")
}

// between adds the days of a filter.
func (w *where) between(column string, f resource.UsageFilter) {
	if f.From != "" {
		w.add(column+" >= ?", f.From)
	}
	if f.To != "" {
		w.add(column+" <= ?", f.To)
	}
}

func usageRows(f resource.UsageFilter) int {
	if f.Limit <= 0 {
		return resource.MaxPage
	}
	return min(f.Limit, 100*resource.MaxPage)
}
