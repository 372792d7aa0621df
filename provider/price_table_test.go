package provider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// named is a row whose price tells which it is.
func priced(number int, at string, models ...string) provider.PriceRow {
	return provider.PriceRow{Provider: at, Models: models, Price: provider.Price{Input: provider.Rate(number)}}
}

func TestTheMostExactRowIsFound(t *testing.T) {
	table := prices(t,
		priced(1, "", "gpt-5", "gpt-5-20*"),
		priced(2, "", "gpt-*"),
		priced(3, "openai", "gpt-5"),
		priced(4, "openai", "*-mini"),
		priced(5, "open*", "gpt-5-mini"),
		priced(6, "openrouter", "openai/gpt-5"),
		priced(7, "", "claude-*-5"),
		priced(8, "", "claude-opus-*"),
		priced(9, "", "claude-*-opus-5"),
		priced(10, "*er", "*"),
	)
	tests := []struct {
		provider, model string
		want            int // 0: no row
	}{
		{"anywhere", "gpt-5", 1},
		{"anywhere", "gpt-5-2025-08-07", 1}, // longer text before the * than gpt-*
		{"anywhere", "gpt-5-pro", 2},
		{"anywhere", "gpt-", 2}, // a * stands for nothing too
		{"anywhere", "o3", 0},
		{"openai", "gpt-5", 3},            // its own row before one for any
		{"openai", "gpt-5-2025-08-07", 1}, // which it has not for this
		{"openai", "gpt-5-mini", 4},       // its name before a pattern of it
		{"openrouter", "gpt-5-mini", 5},
		{"openrouter", "openai/gpt-5", 6},
		{"openrouter", "openai/gpt-5-pro", 10}, // *er before any provider
		{"relay", "models/gpt-5", 1},           // what follows the last slash
		{"relay", "a/b/gpt-5", 1},
		{"relay", "gpt-5/", 2}, // a pattern's * takes a slash too
		{"relay", "claude-opus-5", 8},
		{"relay", "claude-sonnet-5", 7},
		{"relay", "claude-x-opus-5", 9},
		{"relay", "claude-5", 0}, // the texts before and after a * do not overlap
		{"relay", "GPT-5", 0},    // names are told apart by case
		{"relay", "", 0},
		{"", "gpt-5", 1},
	}
	for _, tt := range tests {
		t.Run(tt.provider+"/"+tt.model, func(t *testing.T) {
			row, ok := table.Lookup(tt.provider, tt.model)
			assert.Equal(t, tt.want != 0, ok)
			assert.Equal(t, provider.Rate(tt.want), row.Input)
			assert.Equal(t, ok, table.Knows(tt.provider, tt.model))
		})
	}
}

// naive finds a row by looking at all of them.
func naive(rows []provider.PriceRow, at, model string) int {
	better := func(a, b string) bool { // patterns that both match
		beforeA, afterA, starA := strings.Cut(a, "*")
		beforeB, afterB, starB := strings.Cut(b, "*")
		switch {
		case starA != starB:
			return !starA
		case len(beforeA) != len(beforeB):
			return len(beforeA) > len(beforeB)
		default:
			return len(afterA) > len(afterB)
		}
	}
	matches := func(pattern, name string) bool {
		before, after, star := strings.Cut(pattern, "*")
		if !star {
			return pattern == name
		}
		return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
	}
	found, foundAt, foundModel := -1, "", ""
	for _, model := range []string{model, model[strings.LastIndex(model, "/")+1:]} {
		for i, r := range rows {
			p := r.Provider
			if p == "" {
				p = "*"
			}
			for _, m := range r.Models {
				if model == "" || !matches(p, at) || !matches(m, model) {
					continue
				}
				if found < 0 || better(p, foundAt) || p == foundAt && better(m, foundModel) {
					found, foundAt, foundModel = i, p, m
				}
			}
		}
		if found >= 0 {
			return found
		}
	}
	return -1
}

// FuzzPriceLookup: a look-up finds the row that a look at all of them finds.
func FuzzPriceLookup(f *testing.F) {
	f.Add("*:a*;*:ab*;p:*b;p*:abc;:a*c", "p", "abc")
	f.Add("x:gpt-5*;:models/*;*:*", "xy", "models/gpt-5")
	f.Add("a*b:*;a*:*;*b:*;*:x", "ab", "x/x")
	f.Add("*:x*;*:*x;*:x*x", "", "x")
	f.Fuzz(func(t *testing.T, text, at, model string) {
		var rows []provider.PriceRow
		for i, r := range strings.Split(text, ";") {
			p, m, _ := strings.Cut(r, ":")
			rows = append(rows, priced(i+1, p, m))
		}
		table, err := provider.NewPriceTable(rows)
		if err != nil {
			return
		}
		row, ok := table.Lookup(at, model)
		want := naive(rows, at, model)
		if ok != (want >= 0) || ok && int(row.Input) != want+1 {
			t.Fatalf("row %d, %v; looking at all of them: row %d", row.Input, ok, want+1)
		}
	})
}

func TestATableIsRefusedWithTheRow(t *testing.T) {
	change := func(f func(*provider.PriceRow)) provider.PriceRow {
		r := priced(1, "openai", "gpt-5")
		f(&r)
		return r
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	tests := map[string]struct {
		row  provider.PriceRow
		want string
	}{
		"no model":        {priced(1, ""), "at least one name"},
		"an empty model":  {priced(1, "", ""), "empty"},
		"two stars":       {priced(1, "", "a*b*"), "one *"},
		"provider":        {priced(1, "a**", "b"), "one *"},
		"a long name":     {priced(1, "", strings.Repeat("x", 513)), "513 bytes"},
		"many models":     {priced(1, "", many...), "101"},
		"no price":        {priced(0, "", "m"), "Free"},
		"negative":        {priced(-2, "", "m"), "input: -2"},
		"too dear":        {priced(1e16, "", "m"), "input"},
		"a day":           {change(func(r *provider.PriceRow) { r.AsOf = "yesterday" }), "2006-01-02"},
		"a long source":   {change(func(r *provider.PriceRow) { r.Source = strings.Repeat("x", 1025) }), "source"},
		"twice":           {priced(1, "", "first"), "stands in row 1 too"},
		"twice in itself": {priced(1, "", "x*", "x*"), "stands in row 2 too"},
		"any provider":    {priced(1, "*", "first"), "stands in row 1 too"},
		"long: no length": {change(func(r *provider.PriceRow) { r.Long = []provider.LongPrice{{Price: r.Price}} }), "above 0"},
		"long: order": {change(func(r *provider.PriceRow) {
			r.Long = []provider.LongPrice{{Above: 2, Price: r.Price}, {Above: 1, Price: r.Price}}
		}), "above 1: it must"},
		"long: no input": {change(func(r *provider.PriceRow) {
			r.Long = []provider.LongPrice{{Above: 2, Price: provider.Price{Output: 1}}}
		}), "write it again"},
		"long: rate": {change(func(r *provider.PriceRow) {
			r.Long = []provider.LongPrice{{Above: 2, Price: provider.Price{Input: -7}}}
		}), "input: -7"},
		"long: many":      {change(func(r *provider.PriceRow) { r.Long = make([]provider.LongPrice, 17) }), "17"},
		"tier: no factor": {change(func(r *provider.PriceRow) { r.Tiers = map[string]provider.Factor{"flex": 0} }), "0.5 * Times"},
		"tier: too much":  {change(func(r *provider.PriceRow) { r.Tiers = map[string]provider.Factor{"flex": 1e10} }), "0.5 * Times"},
		"tier: no name":   {change(func(r *provider.PriceRow) { r.Tiers = map[string]provider.Factor{"": 1} }), "tiers"},
		"tier: twice":     {change(func(r *provider.PriceRow) { r.Tiers = map[string]provider.Factor{"Flex": 1, "flex": 1} }), "twice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := provider.NewPriceTable([]provider.PriceRow{priced(1, "", "first"), tt.row})
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "row 2")
			assert.Nil(t, table)
		})
	}
}

func TestATableSharesNothing(t *testing.T) {
	rows := []provider.PriceRow{{
		Models: []string{"m"}, Price: full, Long: []provider.LongPrice{{Above: 5, Price: full}},
		Tiers: map[string]provider.Factor{"flex": 1},
	}}
	spoil := func(r provider.PriceRow) {
		r.Models[0], r.Long[0].Above = "other", 1
		r.Tiers["flex"] = 7
	}
	table := prices(t, rows...)
	want, _ := json.Marshal(table)
	spoil(rows[0])
	row, ok := table.Lookup("p", "m")
	require.True(t, ok)
	spoil(row)
	spoil(table.Rows()[0])
	got, _ := json.Marshal(table)
	assert.Equal(t, string(want), string(got))
}

func TestOver(t *testing.T) {
	base := prices(t, priced(1, "", "gpt-5", "gpt-5-20*"), priced(2, "", "gpt-4*"), priced(3, "openai", "o3"))
	own := prices(t, priced(10, "", "gpt-5"), priced(11, "relay", "*"), priced(12, "openai", "*"))
	both, err := own.Over(base)
	require.NoError(t, err)
	for _, tt := range []struct {
		at, model string
		want      int
	}{
		{"x", "gpt-5", 10}, {"x", "gpt-5-2025-08-07", 1}, {"x", "gpt-4o", 2}, {"relay", "gpt-5", 11}, {"openai", "o3", 3}, {"openai", "o4", 12},
	} {
		row, _ := both.Lookup(tt.at, tt.model)
		assert.Equal(t, provider.Rate(tt.want), row.Input, "%s at %s", tt.model, tt.at)
	}
	row, _ := base.Lookup("x", "gpt-5")
	assert.Equal(t, provider.Rate(1), row.Input, "the tables themselves do not change")

	var none *provider.PriceTable
	for _, pair := range [][2]*provider.PriceTable{{none, base}, {base, none}} {
		same, err := pair[0].Over(pair[1])
		require.NoError(t, err)
		assert.Equal(t, base.Rows(), same.Rows())
	}
}

func TestAPriceTableInJSON(t *testing.T) {
	table, err := provider.ParsePriceTable(strings.NewReader(`{"prices": [
		{"provider": "openai", "models": ["gpt-5", "gpt-5-20*"], "input": 1.25, "cachedInput": 0.125, "output": 10.00,
		 "long": [{"above": 272000, "input": 2.5, "output": 15}],
		 "tiers": {"flex": 0.5, "priority": 1.75}, "asOf": "2026-11-06", "source": "a page"},
		{"models": ["local-*"], "input": 0, "output": 0},
		{"models": ["tiny"], "input": 0.000000001, "image": 1000000, "webSearch": null}
	]}`))
	require.NoError(t, err)
	want := []provider.PriceRow{
		{
			Provider: "openai", Models: []string{"gpt-5", "gpt-5-20*"},
			Price: provider.Price{Input: 1.25 * provider.USD, CachedInput: 0.125 * provider.USD, Output: 10 * provider.USD},
			Long:  []provider.LongPrice{{Above: 272_000, Price: provider.Price{Input: 2.5 * provider.USD, Output: 15 * provider.USD}}},
			Tiers: map[string]provider.Factor{"flex": 0.5 * provider.Times, "priority": 1.75 * provider.Times},
			AsOf:  "2026-11-06", Source: "a page",
		},
		{Models: []string{"local-*"}, Price: provider.Price{Input: provider.Free, Output: provider.Free}},
		{Models: []string{"tiny"}, Price: provider.Price{Input: 1, Image: 1_000_000 * provider.USD}},
	}
	assert.Equal(t, want, table.Rows())

	text, err := json.Marshal(table)
	require.NoError(t, err)
	again, err := provider.ParsePriceTable(strings.NewReader(string(text)))
	require.NoError(t, err)
	assert.Equal(t, want, again.Rows())
	text, err = json.Marshal((*provider.PriceTable)(nil))
	require.NoError(t, err)
	assert.Equal(t, "null", string(text), "encoding/json asks no nil pointer")
}

func TestABadPriceTableInJSONIsRefused(t *testing.T) {
	row := func(s string) string { return `{"prices":[{"models":["good"],"input":1},{"models":["m"],` + s + `}]}` }
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":              {``, []string{"EOF"}},
		"no JSON":              {`prices`, []string{"form"}},
		"a list":               {`[]`, []string{`{"prices"`}},
		"no prices":            {`{}`, []string{`no "prices"`}},
		"another member":       {`{"prices":[],"models":1}`, []string{"models"}},
		"more after it":        {`{"prices":[]} {}`, []string{"follows"}},
		"unknown member":       {row(`"inptu":1`), []string{"row 2", `"m"`, "inptu"}},
		"no models":            {`{"prices":[{"input":1}]}`, []string{"row 1", "models"}},
		"a text":               {row(`"input":"1"`), []string{"row 2", "without an exponent"}},
		"negative":             {row(`"input":-1`), []string{"row 2", "negative"}},
		"an exponent":          {row(`"input":1e-3`), []string{"row 2", "exponent"}},
		"ten decimals":         {row(`"input":0.0000000001`), []string{"row 2", "9 decimals"}},
		"too dear":             {row(`"input":1000000.000000001`), []string{"row 2", "larger than 1000000"}},
		"far too dear":         {row(`"input":99999999999999999999`), []string{"row 2", "larger than 1000000"}},
		"a factor of nothing":  {row(`"input":1,"tiers":{"flex":0}`), []string{"row 2", "flex"}},
		"a factor too exact":   {row(`"input":1,"tiers":{"flex":0.1234567}`), []string{"row 2", "6 decimals"}},
		"a length of decimals": {row(`"input":1,"long":[{"above":1.5,"input":1}]`), []string{"row 2", "above"}},
		"long: unknown member": {row(`"input":1,"long":[{"over":1,"input":1}]`), []string{"row 2", "over"}},
		"too long":             {`{"prices":[` + strings.Repeat(" ", 8<<20) + `]}`, []string{"8 MiB"}},
		"too many":             {`{"prices":[` + strings.Repeat("{},", 20_000) + `{}]}`, []string{"20001 rows"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := provider.ParsePriceTable(strings.NewReader(tt.text))
			require.Error(t, err)
			assert.Nil(t, table)
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

func TestRatesInWords(t *testing.T) {
	for want, rate := range map[string]provider.Rate{
		"not said": 0, "free": provider.Free, "$1.25": 1.25 * provider.USD, "$0.000000001": 1, "$20": 20 * provider.USD,
	} {
		assert.Equal(t, want, rate.String())
	}
	assert.Equal(t, "1.75", provider.Factor(1_750_000).String())
	_, err := json.Marshal(provider.Rate(-2))
	assert.ErrorContains(t, err, "negative")
}

// FuzzParsePriceTable: nothing that is read panics, and what is taken says the
// same after a journey through JSON.
func FuzzParsePriceTable(f *testing.F) {
	f.Add([]byte(`{"prices":[{"provider":"p*","models":["a*b"],"input":0.1,"long":[{"above":1,"input":0}],"tiers":{"x":1.5},"asOf":"2026-01-02"}]}`))
	f.Add([]byte(`{"prices":[{"models":["é\u0000"],"webSearch":0.01}]}`))
	f.Add([]byte(`{"prices":[{"Models":["m"],"INPUT":1.000000000000000}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := provider.ParsePriceTable(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		once, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		again, err := provider.ParsePriceTable(strings.NewReader(string(once)))
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, _ := json.Marshal(again); string(twice) != string(once) {
			t.Fatalf("%s became %s", once, twice)
		}
		for _, row := range table.Rows() {
			nano, ok := table.Cost(row.Provider, row.Models[0], provider.Usage{Input: 1 << 53, Output: 1 << 53})
			if nano < 0 || !ok && nano != 0 {
				t.Fatalf("%d, %v", nano, ok)
			}
		}
	})
}

func TestNamesTellsWhoHasRowsOfTheirOwn(t *testing.T) {
	table := func(providers ...string) *provider.PriceTable {
		var rows []provider.PriceRow
		for _, name := range providers {
			rows = append(rows, provider.PriceRow{Provider: name, Models: []string{"m"}, Price: provider.Price{Input: 1, Output: 1}})
		}
		made, err := provider.NewPriceTable(rows)
		require.NoError(t, err)
		return made
	}
	for name, c := range map[string]struct {
		table *provider.PriceTable
		want  bool
	}{
		"no table":           {nil, false},
		"no row":             {table(), false},
		"another":            {table("openai"), false},
		"any":                {table("*"), false},
		"any, as it is left": {table(""), false},
		"its name":           {table("*", "mine@host"), true},
		"a pattern":          {table("", "mine@*"), true},
		"another's pattern":  {table("*", "openai@*"), false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, c.table.Names("mine@host")) })
	}
}
