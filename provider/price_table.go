package provider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A PriceTable knows what models cost. It does not change, and any number of
// goroutines may use it. The nil *PriceTable knows no price.
//
// A price is looked up by the provider first: in the rows that name it, then in
// those whose pattern matches it, the pattern with the longest text before its *
// first, and last in those for any provider. Among the rows for the same
// providers a model is looked up likewise. A model that no row knows and that
// is written as a path, as in models/gemini-2.5-pro or openai/gpt-5, is looked
// up once more by what follows its last slash.
type PriceTable struct {
	rows []PriceRow
	by   patterns[*patterns[*pricing]] // provider, then model
}

// A pricing is a row, ready to be used.
type pricing struct {
	row   int
	base  Price // resolved
	long  []LongPrice
	tiers []tierFactor
}

type tierFactor struct {
	name   string
	factor Factor
}

// NewPriceTable makes a table of rows, which it copies. An error names the row
// that is wrong, from 1, and what to write instead. No two rows may have the
// same provider and model, as they are written.
func NewPriceTable(rows []PriceRow) (*PriceTable, error) {
	if len(rows) > maxPriceRows {
		return nil, fmt.Errorf("provider: price table: %d rows: at most %d are taken", len(rows), maxPriceRows)
	}
	t := &PriceTable{rows: make([]PriceRow, len(rows))}
	for i := range rows {
		t.rows[i] = rows[i].clone()
		if err := t.add(i); err != nil {
			return nil, rowError(i, &rows[i], err)
		}
	}
	return t, nil
}

// rowError says which row is wrong.
func rowError(i int, r *PriceRow, err error) error {
	name := ""
	if len(r.Models) > 0 {
		name = fmt.Sprintf(" (%.80q)", r.Models[0])
	}
	return fmt.Errorf("provider: price table: row %d%s: %w", i+1, name, err)
}

// clone is a row that shares nothing with r.
func (r *PriceRow) clone() PriceRow {
	c := *r
	c.Models, c.Long, c.Tiers = slices.Clone(r.Models), slices.Clone(r.Long), maps.Clone(r.Tiers)
	if c.Provider == "*" {
		c.Provider = ""
	}
	return c
}

// add makes row i ready to be found.
func (t *PriceTable) add(i int) error {
	r := &t.rows[i]
	if err := r.check(); err != nil {
		return err
	}
	p := &pricing{row: i, base: r.Price.resolved()}
	for _, l := range r.Long {
		l.Price = l.Price.resolved()
		l.Image = cmp.Or(l.Image, r.Image)
		l.AudioHour = cmp.Or(l.AudioHour, r.AudioHour)
		l.WebSearch = cmp.Or(l.WebSearch, r.WebSearch)
		p.long = append(p.long, l)
	}
	for name, f := range r.Tiers {
		p.tiers = append(p.tiers, tierFactor{name, f})
	}
	provider := cmp.Or(r.Provider, "*")
	models, ok := t.by.get(provider)
	if !ok {
		models = &patterns[*pricing]{}
		t.by.set(provider, models)
	}
	for _, m := range r.Models {
		if other, twice := models.get(m); twice {
			return fmt.Errorf("model %q at provider %q stands in row %d too: keep one of them", m, provider, other.row+1)
		}
		models.set(m, p)
	}
	return nil
}

// find returns what is known about a model at a provider; nil: nothing.
func (t *PriceTable) find(provider, model string) (found *pricing) {
	if t == nil || model == "" {
		return nil
	}
	accept := func(p *pricing) bool {
		found = p
		return true
	}
	inRows := func(models *patterns[*pricing]) bool { return models.find(model, accept) }
	if t.by.find(provider, inRows) {
		return found
	}
	if i := strings.LastIndexByte(model, '/'); i >= 0 && i+1 < len(model) {
		model = model[i+1:]
		t.by.find(provider, inRows)
	}
	return found
}

// Knows reports whether the table has a row for a model at a provider, without
// saying that it can price whatever the model is used for.
func (t *PriceTable) Knows(provider, model string) bool { return t.find(provider, model) != nil }

// Names reports whether a row is for that provider more than for any: it names it, or has
// a pattern other than * that matches it.
func (t *PriceTable) Names(provider string) bool {
	if t == nil {
		return false
	}
	all, _ := t.by.get("*")
	return t.by.find(provider, func(models *patterns[*pricing]) bool { return models != all })
}

// Lookup returns the row for a model at a provider.
func (t *PriceTable) Lookup(provider, model string) (row PriceRow, ok bool) {
	p := t.find(provider, model)
	if p == nil {
		return PriceRow{}, false
	}
	return t.rows[p.row].clone(), true
}

// Cost returns what the usage of a model at a provider costs, in nano-USD,
// rounded up once, at the end; it is never negative, and what is too large for
// an int64 is the largest int64. Of a usage that is not Complete it is what is
// known so far, and so the least it can be.
//
// It is not known, and ok is false, where no row has the model, where the answer
// was given in a service tier whose factor the row does not say, and where
// something was used that the row has no rate for: pictures, sound by the hour
// or searches, say, at a model whose row knows tokens alone. An unknown cost is
// not 0, though nano is 0 then.
func (t *PriceTable) Cost(provider, model string, u Usage) (nano int64, ok bool) {
	p := t.find(provider, model)
	if p == nil {
		return 0, false
	}
	factor, ok := p.factor(u.Tier)
	if !ok {
		return 0, false
	}
	price := &p.base
	for i := range p.long {
		if u.Input > p.long[i].Above {
			price = &p.long[i].Price
		}
	}
	return price.cost(&u, factor)
}

// factor is what a service tier multiplies the price by.
func (p *pricing) factor(tier string) (f Factor, ok bool) {
	for i := range p.tiers {
		if strings.EqualFold(p.tiers[i].name, tier) {
			return p.tiers[i].factor, true
		}
	}
	for _, name := range ordinaryTiers {
		if strings.EqualFold(name, tier) {
			return Times, true
		}
	}
	return 0, false
}

// Rows returns a copy of the table's rows, in their order.
func (t *PriceTable) Rows() []PriceRow {
	if t == nil {
		return nil
	}
	rows := make([]PriceRow, len(t.rows))
	for i := range rows {
		rows[i] = t.rows[i].clone()
	}
	return rows
}

// Over returns a table of the rows of t and those of base: where both have the
// same provider and model, as they are written, that of t. Everything else is
// looked up as in one table, so what is written more exactly wins over a
// pattern, in whichever of the two it stands. Either may be nil.
func (t *PriceTable) Over(base *PriceTable) (*PriceTable, error) {
	rows := t.Rows()
	for _, r := range base.Rows() {
		if t != nil {
			if own, ok := t.by.get(cmp.Or(r.Provider, "*")); ok {
				r.Models = slices.DeleteFunc(r.Models, func(m string) bool {
					_, replaced := own.get(m)
					return replaced
				})
			}
		}
		if len(r.Models) > 0 {
			rows = append(rows, r)
		}
	}
	return NewPriceTable(rows)
}
