package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const maxDifferences = 1000

// Reconcile compares the sums of the database, in one snapshot:
//
//	request_logs + dropped_logs      = daily_usages          by day, user, key and model, (other) where no account was asked
//	their attempts + dropped_attempts = account_usages       by day and account
//	account_usages                   = accounts.total_cost   by account
//	daily_usages                     = api_keys.total_cost   by key
//	daily_usages                     = key_usages            by key
//
// What this program has recorded is written first; what others have not written yet is in
// no table. It reads all of the request log.
func (db *DB) Reconcile(ctx context.Context) (Report, error) {
	if err := db.Flush(ctx); err != nil {
		return Report{}, err
	}
	tx, err := db.reads.BeginTx(ctx, db.target.read)
	if err != nil {
		return Report{}, failed(err, "reconciling")
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	a := audit{db: db, tx: tx}
	for _, step := range []func(context.Context) error{a.totals, a.days, a.accountDays, a.accounts, a.keys, a.quarters} {
		if err := step(ctx); err != nil {
			return Report{}, failed(err, "reconciling")
		}
	}
	return a.report, nil
}

// audit is one Reconcile.
type audit struct {
	db     *DB
	tx     *sql.Tx
	report Report
}

// totals are how much there is of everything.
func (a *audit) totals(ctx context.Context) error {
	r := &a.report
	for _, q := range []struct {
		query string
		into  []any
	}{
		{"SELECT COUNT(*) FROM request_logs", []any{&r.Rows}},
		{"SELECT COALESCE(SUM(requests), 0) FROM dropped_logs WHERE reason = 'dropped'", []any{&r.Dropped}},
		{"SELECT COALESCE(SUM(requests), 0) FROM dropped_logs WHERE reason = 'purged'", []any{&r.Purged}},
		{
			"SELECT COALESCE(SUM(requests), 0), COALESCE(SUM(cost), 0), COALESCE(SUM(charged), 0) FROM daily_usages",
			[]any{&r.Requests, &r.Cost, &r.Charged},
		},
	} {
		if err := a.tx.QueryRowContext(ctx, q.query).Scan(q.into...); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) differ(d Difference) {
	if len(a.report.Differences) == maxDifferences {
		a.report.Truncated = true
		return
	}
	a.report.Differences = append(a.report.Differences, d)
}

// source is where sums come from: the names of the keys and of the measures there.
type source struct {
	table          string // with a condition, if need be
	keys, measures string
}

// comparison is of two sides, each of which may come from several sources.
type comparison struct {
	keys, measures string // in words
	left, right    []source
	names          [2]string
}

const usageMeasures = "requests,input_tokens,output_tokens,cost,charged"

func (a *audit) days(ctx context.Context) error {
	const keys = "date,user_id,key_id,model"
	return a.compare(ctx, comparison{
		keys: keys, measures: usageMeasures, names: [2]string{"the request log", "daily_usages"},
		left: []source{
			{"request_logs", "date,user_id,key_id," + bookedModelColumn, "1,input_tokens,output_tokens,cost,charged"},
			{"dropped_logs", keys, usageMeasures},
		},
		right: []source{{"daily_usages", keys, usageMeasures}},
	})
}

func (a *audit) accounts(ctx context.Context) error {
	return a.compare(ctx, comparison{
		keys: "account", measures: "cost", names: [2]string{"account_usages", "accounts.total_cost"},
		left:  []source{{"account_usages WHERE account IN (SELECT name FROM accounts)", "account", "cost"}},
		right: []source{{"accounts", "name", "total_cost + cost_before"}},
	})
}

func (a *audit) keys(ctx context.Context) error {
	return a.compare(ctx, comparison{
		keys: "key_id", measures: "charged", names: [2]string{"daily_usages", "api_keys.total_cost"},
		left:  []source{{"daily_usages WHERE key_id IN (SELECT id FROM api_keys)", "key_id", "charged"}},
		right: []source{{"api_keys", "id", "total_cost"}},
	})
}

func (a *audit) quarters(ctx context.Context) error {
	return a.compare(ctx, comparison{
		keys: "key_id", measures: usageMeasures, names: [2]string{"daily_usages", "key_usages"},
		left:  []source{{"daily_usages WHERE key_id <> ''", "key_id", usageMeasures}},
		right: []source{{"key_usages", "key_id", usageMeasures}},
	})
}

// compare has the database find what differs.
func (a *audit) compare(ctx context.Context, c comparison) error {
	keys, measures := strings.Split(c.keys, ","), strings.Split(c.measures, ",")
	rows, err := a.tx.QueryContext(ctx, c.statement(len(keys), len(measures)))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	names, sums := make([]string, len(keys)), make([]int64, 2*len(measures))
	var into []any
	for i := range names {
		into = append(into, &names[i])
	}
	for i := range sums {
		into = append(into, &sums[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, measure := range measures {
			if sums[2*i] != sums[2*i+1] {
				a.differ(Difference{labels(keys, names), measure, c.names[0], sums[2*i], c.names[1], sums[2*i+1]})
			}
		}
	}
	return rows.Err()
}

// statement adds both sides up, each measure in a column for each side.
func (c comparison) statement(keys, measures int) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	group, having := make([]string, keys), make([]string, measures)
	for i := range group {
		group[i] = fmt.Sprintf("k%d", i)
	}
	b.WriteString(strings.Join(group, ","))
	for i := range having {
		fmt.Fprintf(&b, ", SUM(l%d), SUM(r%d)", i, i)
		having[i] = fmt.Sprintf("SUM(l%d) <> SUM(r%d)", i, i)
	}
	b.WriteString(" FROM (")
	for i, s := range append(slices.Clone(c.left), c.right...) {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT ")
		for i, key := range strings.Split(s.keys, ",") {
			fmt.Fprintf(&b, "%s AS k%d, ", key, i)
		}
		for j, measure := range strings.Split(s.measures, ",") {
			left, right := measure, "0"
			if i >= len(c.left) {
				left, right = right, left
			}
			fmt.Fprintf(&b, "%s AS l%d, %s AS r%d", left, j, right, j)
			if j < measures-1 {
				b.WriteString(", ")
			}
		}
		b.WriteString(" FROM " + s.table)
	}
	fmt.Fprintf(&b, ") AS sides GROUP BY %s HAVING %s ORDER BY %s LIMIT %d",
		strings.Join(group, ","), strings.Join(having, " OR "), strings.Join(group, ","), maxDifferences+1)
	return b.String()
}

func labels(keys, names []string) string {
	var b strings.Builder
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%q", key, names[i])
	}
	return b.String()
}

// accountDays compares here, since where a request had several attempts they are a list.
func (a *audit) accountDays(ctx context.Context) error {
	left, right := map[accountKey]attempts{}, map[accountKey]attempts{}
	for _, q := range []struct {
		into  map[accountKey]attempts
		query string
	}{
		{left, "SELECT date, account, COUNT(*), SUM(cost) FROM request_logs WHERE attempts = '' AND account <> '' GROUP BY date, account"},
		{left, "SELECT date, account, SUM(attempts), SUM(cost) FROM dropped_attempts GROUP BY date, account"},
		{right, "SELECT date, account, attempts, cost FROM account_usages"},
	} {
		if err := a.gather(ctx, q.query, q.into); err != nil {
			return err
		}
	}
	if err := a.lists(ctx, left); err != nil {
		return err
	}
	all := maps.Clone(left)
	maps.Copy(all, right)
	for _, key := range slices.SortedFunc(maps.Keys(all), func(x, y accountKey) int {
		return cmp.Or(cmp.Compare(x.Date, y.Date), cmp.Compare(x.Account, y.Account))
	}) {
		l, r, of := left[key], right[key], labels([]string{"date", "account"}, []string{key.Date, key.Account})
		if l.Attempts != r.Attempts {
			a.differ(Difference{of, "attempts", "the request log", l.Attempts, "account_usages", r.Attempts})
		}
		if l.Cost != r.Cost {
			a.differ(Difference{of, "cost", "the request log", l.Cost, "account_usages", r.Cost})
		}
	}
	return nil
}

func (a *audit) gather(ctx context.Context, query string, into map[accountKey]attempts) error {
	rows, err := a.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var key accountKey
		var did attempts
		if err := rows.Scan(&key.Date, &key.Account, &did.Attempts, &did.Cost); err != nil {
			return err
		}
		sum := into[key]
		into[key] = attempts{sum.Attempts + did.Attempts, sum.Cost + did.Cost}
	}
	return rows.Err()
}

// lists adds what requests with several attempts did.
func (a *audit) lists(ctx context.Context, into map[accountKey]attempts) error {
	rows, err := a.tx.QueryContext(ctx, "SELECT date, attempts FROM request_logs WHERE attempts <> '' AND attempts <> '[]'")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is in rows.Err
	for rows.Next() {
		var date, list string
		if err := rows.Scan(&date, &list); err != nil {
			return err
		}
		var all []resource.Attempt
		if err := json.Unmarshal([]byte(list), &all); err != nil {
			return fmt.Errorf("the attempts of a request of %s: %w", date, err)
		}
		for _, one := range all {
			key := accountKey{date, one.Account}
			sum := into[key]
			into[key] = attempts{sum.Attempts + 1, sum.Cost + one.Cost}
		}
	}
	return rows.Err()
}
