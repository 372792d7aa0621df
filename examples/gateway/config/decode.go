package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/aitransport/aitransport/provider"
)

const (
	maxDepth = 32      // of nodes in nodes, aliases followed
	maxNodes = 200_000 // visited, aliases followed: a few lines of them can stand for billions
)

// spellings are other names that fields are known by.
var spellings = map[string]string{"proxyUrl": "proxy_url", "proxyFallbackToDirect": "proxy_fallback_to_direct"}

// decoder puts nodes into Go values and gathers what is wrong with them.
type decoder struct {
	file, dir string
	env       lookup
	wrong     *problems
	lines     map[string]int  // of each field that stands in the file
	refused   map[string]bool // fields whose values could not be read, so that nothing more is said of them
	nodes     int
}

// failAt says what is wrong at a node.
func (d *decoder) failAt(n *yaml.Node, field, format string, args ...any) {
	d.wrong.add(Problem{File: d.file, Line: n.Line, Field: field, Message: fmt.Sprintf(format, args...)})
}

// refuse says why a value cannot be read.
func (d *decoder) refuse(n *yaml.Node, field, format string, args ...any) {
	d.refused[field] = true
	d.failAt(n, field, format, args...)
}

// fail says what is wrong with a field, at its line or that of what it is part of. Of
// what could not be read that has been said.
func (d *decoder) fail(field, format string, args ...any) {
	line := 0
	for at := field; ; {
		if d.refused[at] {
			return
		}
		if n, ok := d.lines[at]; ok && line == 0 {
			line = n
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			break
		}
		at = at[:i]
	}
	d.wrong.add(Problem{File: d.file, Line: line, Field: field, Message: fmt.Sprintf(format, args...)})
}

// value puts a node into a Go value. A null leaves that as it is.
func (d *decoder) value(n *yaml.Node, to reflect.Value, field string, depth int) {
	for ; n.Kind == yaml.AliasNode && n.Alias != nil && depth <= maxDepth; depth++ {
		n = n.Alias
	}
	d.nodes++
	if depth > maxDepth || d.nodes > maxNodes {
		if d.nodes <= maxNodes+1 { // said once, however many there are
			d.nodes = max(d.nodes, maxNodes+1)
			d.refuse(n, field, "too much stands in each other, or in aliases: write it flatter")
		}
		return
	}
	if field != "" {
		d.lines[field] = n.Line
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		if complaint := emptyByMistake(field, "", ""); complaint != "" {
			d.refuse(n, field, "%s", complaint)
		}
		return
	}
	if rows, ok := to.Addr().Interface().(*[]provider.PriceRow); ok {
		d.prices(n, rows, field)
		return
	}
	if isScalar(to.Type()) {
		d.scalar(n, to, field)
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(to.Type().Elem())
		d.value(n, fresh.Elem(), field, depth+1)
		to.Set(fresh)
	case reflect.Struct:
		d.structure(n, to, field, depth)
	case reflect.Map:
		d.mapping(n, to, field, depth)
	case reflect.Slice:
		d.sequence(n, to, field, depth)
	}
}

// structure reads the members of a struct.
func (d *decoder) structure(n *yaml.Node, to reflect.Value, field string, depth int) {
	if !d.isMapping(n, field) {
		return
	}
	fields := fieldsOf(to)
	seen := make(map[string]int)
	for key, value := range pairs(n) {
		name := key.Value
		if other, ok := spellings[name]; ok {
			name = other
		}
		target, ok := fields[name]
		if !ok {
			d.failAt(key, field, "%s", unknownField(key, fields))
			continue
		}
		if first, twice := seen[name]; twice {
			d.failAt(key, join(field, name), "it stands on line %d too%s: keep one of them", first, d.alsoSpelled(name))
			continue
		}
		seen[name] = key.Line
		d.value(value, target, join(field, name), depth+1)
		d.lines[join(field, name)] = key.Line
	}
}

// alsoSpelled reminds of a field's other name.
func (d *decoder) alsoSpelled(name string) string {
	for other, snake := range spellings {
		if snake == name {
			return fmt.Sprintf(" (%s is another name for it)", other)
		}
	}
	return ""
}

func (d *decoder) mapping(n *yaml.Node, to reflect.Value, field string, depth int) {
	if !d.isMapping(n, field) {
		return
	}
	out := reflect.MakeMap(to.Type())
	for key, value := range pairs(n) {
		at := join(field, "["+fmt.Sprint(out.Len())+"]")
		var name string
		d.value(key, reflect.ValueOf(&name).Elem(), at, depth+1)
		if out.MapIndex(reflect.ValueOf(name)).IsValid() {
			d.failAt(key, field, "a key stands here twice: keep one of them")
			continue
		}
		if isWord(name) {
			at = join(field, name)
		}
		item := reflect.New(to.Type().Elem()).Elem()
		d.value(value, item, at, depth+1)
		out.SetMapIndex(reflect.ValueOf(name), item)
	}
	to.Set(out)
}

func (d *decoder) sequence(n *yaml.Node, to reflect.Value, field string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.refuse(n, field, "a list is wanted: write its items on lines of their own, each after \"- \"")
		return
	}
	out := reflect.MakeSlice(to.Type(), 0, min(len(n.Content), 1024))
	for i, item := range n.Content {
		v := reflect.New(to.Type().Elem()).Elem()
		d.value(item, v, fmt.Sprintf("%s[%d]", field, i), depth+1)
		out = reflect.Append(out, v)
	}
	to.Set(out)
}

func (d *decoder) isMapping(n *yaml.Node, field string) bool {
	if n.Kind != yaml.MappingNode {
		d.refuse(n, field, "fields are wanted: write them on lines of their own, as \"name: value\"")
		return false
	}
	return true
}

// pairs are the keys of a mapping with their values. The keys are scalars or stand for
// something that no field is called.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// fieldsOf are the fields of a struct by their names in the file.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	out := make(map[string]reflect.Value)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			for name, inner := range fieldsOf(v.Field(i)) {
				out[name] = inner
			}
		case name != "" && name != "-":
			out[name] = v.Field(i)
		}
	}
	return out
}

// unknownField says what a field may have been meant to be.
func unknownField(key *yaml.Node, fields map[string]reflect.Value) string {
	what := "there is no such field"
	if isWord(key.Value) {
		what = fmt.Sprintf("there is no field %s", key.Value)
	}
	if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
		return "<< is not read: write the fields, or use an alias for a whole value"
	}
	return what + ": " + suggestion(key.Value, keysOf(fields))
}

func join(field, name string) string {
	if field == "" || strings.HasPrefix(name, "[") {
		return field + name
	}
	return field + "." + name
}
