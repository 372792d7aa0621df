package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxPriceJSON is how long the JSON of a table may be.
const maxPriceJSON = 8 << 20

// ParsePriceTable reads a table from JSON, in the form in which a PriceTable is
// marshalled:
//
//	{"prices": [
//	  {"provider": "openai", "models": ["gpt-5", "gpt-5-20*"],
//	   "input": 1.25, "cachedInput": 0.125, "output": 10,
//	   "tiers": {"flex": 0.5, "priority": 2}, "asOf": "2026-11-06", "source": "the price list"}
//	]}
//
// The members are those of PriceRow; amounts are dollars. It is strict: what it
// does not know is an error, so that a slip of the pen is not a price that is
// not said. An error names the row, from 1. At most 8 MiB are read.
func ParsePriceTable(r io.Reader) (*PriceTable, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPriceJSON+1))
	if err != nil {
		return nil, fmt.Errorf("provider: price table: %w", err)
	}
	if len(text) > maxPriceJSON {
		return nil, fmt.Errorf("provider: price table: it is longer than %d MiB, which is as much as is read", maxPriceJSON>>20)
	}
	var document struct {
		Prices []json.RawMessage `json:"prices"`
	}
	if err := strictly(text, &document); err != nil {
		return nil, fmt.Errorf(`provider: price table: it is not of the form {"prices": [{…}, …]}: %w`, err)
	}
	if document.Prices == nil {
		return nil, errors.New(`provider: price table: it has no "prices"`)
	}
	if len(document.Prices) > maxPriceRows {
		return nil, fmt.Errorf("provider: price table: %d rows: at most %d are taken", len(document.Prices), maxPriceRows)
	}
	rows := make([]PriceRow, len(document.Prices))
	for i, text := range document.Prices {
		if err := strictly(text, &rows[i]); err != nil {
			return nil, rowError(i, &rows[i], err)
		}
	}
	return NewPriceTable(rows)
}

// strictly decodes one JSON value, all of whose members v must know, and nothing
// after it.
func strictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

// MarshalJSON writes the table in the form that ParsePriceTable reads. The nil
// table has no rows.
func (t *PriceTable) MarshalJSON() ([]byte, error) {
	document := struct {
		Prices []PriceRow `json:"prices"`
	}{Prices: []PriceRow{}}
	if t != nil {
		document.Prices = t.rows
	}
	return json.Marshal(document)
}

// Decimals of the numbers in JSON.
const (
	rateDecimals   = 9
	factorDecimals = 6
)

// String is the rate in dollars, such as "$1.25"; "free", or "not said".
func (r Rate) String() string {
	switch r {
	case 0:
		return "not said"
	case Free:
		return "free"
	}
	return "$" + decimal(int64(r), rateDecimals)
}

// MarshalJSON is the rate as a number of dollars, 0 for Free, null for one that
// is not said.
func (r Rate) MarshalJSON() ([]byte, error) {
	switch {
	case r == 0:
		return []byte("null"), nil
	case r == Free:
		return []byte("0"), nil
	case r < 0:
		return nil, fmt.Errorf("provider: rate of %d nano-USD: it is negative", int64(r))
	}
	return []byte(decimal(int64(r), rateDecimals)), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Rate) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*r = 0
		return nil
	}
	n, err := parseDecimal(string(text), rateDecimals, int64(maxRate))
	if err != nil {
		return fmt.Errorf("rate %.40s: %w", text, err)
	}
	if *r = Rate(n); n == 0 {
		*r = Free
	}
	return nil
}

// String is the factor as a number, such as "0.5".
func (f Factor) String() string { return decimal(int64(f), factorDecimals) }

// MarshalJSON is the factor as a number.
func (f Factor) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Factor) UnmarshalJSON(text []byte) error {
	n, err := parseDecimal(string(text), factorDecimals, int64(maxFactor))
	if err != nil {
		return fmt.Errorf("factor %.40s: %w", text, err)
	}
	*f = Factor(n)
	return nil
}

// decimal is n with that many decimals, without the zeros at its end.
func decimal(n int64, decimals int) string {
	sign := ""
	digits := strconv.FormatInt(n, 10)
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, rest := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	if rest == "" {
		return sign + whole
	}
	return sign + whole + "." + rest
}

// parseDecimal reads a JSON number exactly, as a number of units of that many
// decimals.
func parseDecimal(text string, decimals int, largest int64) (int64, error) {
	whole, rest, _ := strings.Cut(text, ".")
	if strings.Trim(whole+rest, "0123456789") != "" || whole == "" {
		return 0, errors.New("write a number that is not negative, without an exponent, such as 0.125")
	}
	rest = strings.TrimRight(rest, "0")
	if len(rest) > decimals {
		return 0, fmt.Errorf("it has more than %d decimals", decimals)
	}
	n, err := strconv.ParseInt(whole+rest+strings.Repeat("0", decimals-len(rest)), 10, 64)
	if err != nil || n > largest {
		return 0, fmt.Errorf("it is larger than %s", decimal(largest, decimals))
	}
	return n, nil
}
