package store

import (
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// where gathers conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// equal adds a condition unless the value is "".
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// String is the clause, or nothing.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// page is how many rows a page has.
func page(limit int) int {
	if limit <= 0 {
		return resource.DefaultPage
	}
	return min(limit, resource.MaxPage)
}
