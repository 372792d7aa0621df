package providertest

import (
	"bytes"
	"encoding/json"
	"slices"
)

// untold is an answer without any usage in it. A chunk that was there for the
// usage alone is not.
func (a answer) untold() answer {
	if body, ok := withoutUsage(a.body).(object); ok {
		a.body = body
	}
	var events []event
	for _, e := range a.events {
		o, ok := parsed(e.data)
		if !ok {
			events = append(events, e)
			continue
		}
		choices, _ := o.get("choices").(list)
		if isUsage := o.get("usage") != nil; isUsage && choices != nil && len(choices) == 0 {
			continue
		}
		events = append(events, event{name: e.name, data: encode(withoutUsage(o)), then: e.then})
	}
	a.events = events
	return a
}

// usageMembers are the names under which the providers tell it.
var usageMembers = []string{"usage", "usageMetadata", "prompt_eval_count", "eval_count"}

// modelMembers are what the model says in JSON, in which every name is its own.
var modelMembers = []string{"args", "arguments", "input"}

// withoutUsage is a value with no member of these names, however deep, except in
// what the model says.
func withoutUsage(v any) any {
	switch v := v.(type) {
	case object:
		o := object{}
		for _, m := range v {
			switch {
			case slices.Contains(modelMembers, m.name):
				o = append(o, m)
			case !slices.Contains(usageMembers, m.name):
				o = append(o, member{m.name, withoutUsage(m.value)})
			}
		}
		return o
	case list:
		l := list{}
		for _, e := range v {
			l = append(l, withoutUsage(e))
		}
		return l
	default:
		return v
	}
}

// toldOnEach is a chat whose chunks tell the usage so far, which grows to that
// of the answer in one piece.
func (a answer) toldOnEach() answer {
	usage, ok := a.body.get("usage").(object)
	if !ok || usage.get("completion_tokens") == nil {
		return a
	}
	events := slices.Clone(a.events)
	chunks := 0
	for i := range events {
		o, ok := parsed(events[i].data)
		if !ok || o.get("choices") == nil {
			continue
		}
		chunks++
		events[i].data = encode(o.with("usage", sofar(usage, chunks, len(events)-2)))
	}
	a.events = events
	return a
}

// sofar is the usage after so many chunks of all.
func sofar(usage object, chunks, all int) object {
	prompt, _ := usage.get("prompt_tokens").(int64)
	whole, _ := usage.get("completion_tokens").(int64)
	said := min(whole, whole*int64(chunks)/int64(max(all, 1)))
	return usage.with("completion_tokens", said).with("total_tokens", prompt+said)
}

// get is the value of a member; nil: there is none, or it is null.
func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// with is the object with a member set, in its place if it has one.
func (o object) with(name string, value any) object {
	o = slices.Clone(o)
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, member{name, value})
}

// parsed is a JSON object with its members in their order.
func parsed(data []byte) (object, bool) {
	v, _ := parsedAny(data)
	o, ok := v.(object)
	return o, ok
}

// parsedAny is any JSON value, its objects with their members in their order.
func parsedAny(data []byte) (v any, ok bool) {
	if !json.Valid(data) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return next(d), true
}

// next is the next value of valid JSON; a closing bracket is a json.Delim.
func next(d *json.Decoder) any {
	t, err := d.Token()
	if err != nil {
		return nil
	}
	switch t {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, _ := next(d).(string)
			o = append(o, member{name, next(d)})
		}
		next(d)
		return o
	case json.Delim('['):
		l := list{}
		for d.More() {
			l = append(l, next(d))
		}
		next(d)
		return l
	default:
		return t
	}
}
