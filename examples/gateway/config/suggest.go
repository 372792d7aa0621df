package config

import (
	"maps"
	"slices"
	"strings"
)

// isWord tells whether a text may be quoted: secrets have digits, and are longer.
func isWord(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && c != '-' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// suggestion says which of the names was meant, or what they all are.
func suggestion(written string, names []string) string {
	flat := flatten(written)
	best, least := "", 3 // letters that may be wrong
	for _, name := range names {
		if n := distance(flat, flatten(name)); n < least && n < len(name)/2 {
			best, least = name, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "write one of " + strings.Join(names, ", ")
}

// flatten is a name without what distinguishes ways of writing it.
func flatten(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s[:min(len(s), 64)]))
}

// distance is how many letters have to be changed to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
