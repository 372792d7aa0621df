package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"github.com/aitransport/aitransport/provider"
)

const maxPriceFile = 8 << 20

// prices reads rows as the library reads its JSON: exactly, and nothing it does not know.
func (d *decoder) prices(n *yaml.Node, to *[]provider.PriceRow, field string) {
	if n.Kind != yaml.SequenceNode {
		d.refuse(n, field, "a list is wanted: write its items on lines of their own, each after \"- \"")
		return
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", field, i)
		d.lines[at] = item.Line
		plain, err := d.plain(item, 0)
		if err != nil {
			d.refuse(item, at, "%v", err)
			continue
		}
		var row provider.PriceRow
		decoder := json.NewDecoder(bytes.NewReader(plain))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&row); err != nil {
			d.refuse(item, at, "it is no row of prices: write it as in {provider: openai, models: [gpt-5], input: 1.25, output: 10}, amounts in dollars for a million tokens")
			continue
		}
		*to = append(*to, row)
	}
}

// plain is a node as JSON. Numbers stay as they are written.
func (d *decoder) plain(n *yaml.Node, depth int) (json.RawMessage, error) {
	if d.nodes++; depth > maxDepth || d.nodes > maxNodes {
		return nil, errors.New("too much stands in each other: write it flatter")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.plain(n.Alias, depth+1)
	case yaml.MappingNode:
		out := make(map[string]json.RawMessage)
		for key, value := range pairs(n) {
			v, err := d.plain(value, depth+1)
			if err != nil {
				return nil, err
			}
			out[key.Value] = v
		}
		return json.Marshal(out)
	case yaml.SequenceNode:
		out := make([]json.RawMessage, 0, min(len(n.Content), 1024))
		for _, item := range n.Content {
			v, err := d.plain(item, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return json.Marshal(out)
	}
	return plainScalar(n)
}

func plainScalar(n *yaml.Node) (json.RawMessage, error) {
	switch n.ShortTag() {
	case "!!null":
		return json.RawMessage("null"), nil
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.RawMessage(n.Value), nil
		}
	}
	return json.Marshal(n.Value)
}

// priceTable puts the table together: rows, over the file, over the library's own.
func (d *decoder) priceTable(f *File) {
	var base *provider.PriceTable
	if f.Prices.Starter {
		base = provider.StarterPrices()
	}
	if path := f.Prices.File; path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(d.dir, path)
		}
		text, err := readBounded(path, maxPriceFile)
		if err != nil {
			d.fail("prices.file", "it cannot be read (%v): write the path of a JSON file, relative to the configuration's folder", cause(err))
			return
		}
		own, err := provider.ParsePriceTable(bytes.NewReader(text))
		if err != nil {
			d.fail("prices.file", "%v", err)
			return
		}
		if base, err = own.Over(base); err != nil {
			d.fail("prices.file", "%v", err)
			return
		}
	}
	for i, row := range f.Prices.Rows {
		if row.Price == (provider.Price{}) {
			d.fail(fmt.Sprintf("prices.rows[%d]", i), "it has no price: write input, output or another rate, and 0 for what costs nothing")
			return
		}
		if _, err := provider.NewPriceTable([]provider.PriceRow{row}); err != nil {
			d.fail(fmt.Sprintf("prices.rows[%d]", i), "%v", err)
			return
		}
	}
	own, err := provider.NewPriceTable(f.Prices.Rows)
	if err == nil {
		f.table, err = own.Over(base)
	}
	if err != nil {
		d.fail("prices.rows", "%v", err)
	}
}

// PriceTable is what Prices say. It is never nil where Load returned the File.
func (f *File) PriceTable() *provider.PriceTable { return f.table }
