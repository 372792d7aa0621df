package provider

import (
	"fmt"
	"slices"
	"strings"
)

// patterns finds values by name: by the name itself, else by the pattern with
// the longest text before its *, and among those by the one with the longest
// text after it; the rule of an account's models in package balancer. A look-up
// takes a few map look-ups for each different length of text before a *, at
// most maxModel of them, however many patterns there are.
type patterns[V any] struct {
	exact    map[string]V
	lengths  []int // of the texts before the *, the longest first
	prefixes map[string]*suffixes[V]
}

// suffixes are the patterns that have the same text before the *.
type suffixes[V any] struct {
	lengths []int // of the texts after the *, the longest first
	after   map[string]V
}

// checkPattern says what is wrong with a name or pattern.
func checkPattern(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("a name is empty: write a name, or * for any")
	case len(s) > maxModel:
		return fmt.Errorf("a name has %d bytes: at most %d are looked up", len(s), maxModel)
	case strings.Count(s, "*") > 1:
		return fmt.Errorf("%q has more than one *: use one", s)
	}
	return nil
}

// get returns the value of exactly that pattern.
func (p *patterns[V]) get(pattern string) (v V, ok bool) {
	before, after, found := strings.Cut(pattern, "*")
	if !found {
		v, ok = p.exact[pattern]
		return v, ok
	}
	if s := p.prefixes[before]; s != nil {
		v, ok = s.after[after]
	}
	return v, ok
}

// set notes the value of a pattern, in place of one it had.
func (p *patterns[V]) set(pattern string, v V) {
	before, after, found := strings.Cut(pattern, "*")
	if !found {
		if p.exact == nil {
			p.exact = make(map[string]V)
		}
		p.exact[pattern] = v
		return
	}
	if p.prefixes == nil {
		p.prefixes = make(map[string]*suffixes[V])
	}
	s := p.prefixes[before]
	if s == nil {
		s = &suffixes[V]{after: make(map[string]V)}
		p.prefixes[before] = s
		p.lengths = addLength(p.lengths, len(before))
	}
	s.after[after] = v
	s.lengths = addLength(s.lengths, len(after))
}

// addLength keeps lengths sorted, the longest first, each once.
func addLength(lengths []int, n int) []int {
	i, found := slices.BinarySearchFunc(lengths, n, func(have, want int) int { return want - have })
	if found {
		return lengths
	}
	return slices.Insert(lengths, i, n)
}

// find offers the values of the name and of the patterns that match it, the best
// first, until one is accepted, and reports whether one was.
func (p *patterns[V]) find(name string, accept func(V) bool) bool {
	if v, ok := p.exact[name]; ok && accept(v) {
		return true
	}
	for _, n := range p.lengths {
		if n > len(name) {
			continue
		}
		if s := p.prefixes[name[:n]]; s != nil && s.find(name[n:], accept) {
			return true
		}
	}
	return false
}

// find is patterns.find for the rest of a name.
func (s *suffixes[V]) find(rest string, accept func(V) bool) bool {
	for _, n := range s.lengths {
		if n > len(rest) {
			continue
		}
		if v, ok := s.after[rest[len(rest)-n:]]; ok && accept(v) {
			return true
		}
	}
	return false
}
