package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// maxProblems is how many problems are told of one file; the rest are counted.
const maxProblems = 100

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File    string // as Load was given it, or the .env file's path
	Line    int    // from 1; 0: it is about the file as a whole, or about what is not in it
	Field   string // as in accounts[0].proxy_url, counted from 0; "": none
	Message string // what is wrong, and what to write instead; holds no value of the file
}

// String is file:line: field: message.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Error is everything that is wrong with a configuration, in the order of its lines.
type Error struct {
	Problems []Problem // at least one, at most 100
	More     int       // how many were left out
}

// Error is a line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems), len(e.Problems)+1)
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// Warnings are what of the file is right and looks like a mistake all the same, at most 100.
func (f *File) Warnings() []Problem { return slices.Clone(f.warnings) }

// AccountProblem is what was found to be wrong with a field of Accounts[i] after Load, such as
// proxy_url, at its line.
func (f *File) AccountProblem(i int, wrong *resource.FieldError) Problem {
	at := fmt.Sprintf("accounts[%d]", i)
	p := Problem{File: f.path, Line: f.lines[at], Field: at + "." + wrong.Field, Message: wrong.Message}
	if line, ok := f.lines[p.Field]; ok {
		p.Line = line
	}
	return p
}

// problems gathers what is wrong.
type problems struct {
	list []Problem
	more int
}

func (p *problems) add(problem Problem) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, problem)
}

// count is how many there are.
func (p *problems) count() int { return len(p.list) + p.more }

// err is nil where nothing is wrong.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return &Error{Problems: p.list, More: p.more}
}
