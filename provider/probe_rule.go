package provider

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// A ProbeRule is one row of what the answers to a probe mean. An empty
// condition matches anything. A row that says ClassOK overrides what the
// provider's Classify found to be a failure only where From names that.
type ProbeRule struct {
	Status int       `json:"status,omitempty"` // of the answer
	From   Class     `json:"from,omitempty"`   // what Classify made of the answer
	JSON   string    `json:"json,omitempty"`   // a gjson path in the body, for Test
	Test   ProbeTest `json:"test,omitempty"`   // "": TestExists
	Value  string    `json:"value,omitempty"`  // what Test compares with

	Class     Class  `json:"class"`
	Scope     Scope  `json:"scope,omitempty"` // ScopeUnknown: the one that goes with the class
	Permanent bool   `json:"permanent,omitempty"`
	Until     string `json:"until,omitempty"` // a gjson path of when it ends, in any form that providers write
	Words     string `json:"words,omitempty"` // the verdict's Message; "": what the provider said
}

// A ProbeTest compares what a rule's JSON path finds with its Value.
type ProbeTest string

// The tests.
const (
	TestExists  ProbeTest = "exists"  // it is there; null counts
	TestEquals  ProbeTest = "equals"  // it reads the same: true, 1.5, text
	TestBelow   ProbeTest = "below"   // a number, also in a string, that is less
	TestAtLeast ProbeTest = "atLeast" // a number, also in a string, that is not less
)

func (r *ProbeRule) validate() error {
	switch r.Test {
	case "", TestExists, TestEquals:
	case TestBelow, TestAtLeast:
		if _, err := strconv.ParseFloat(r.Value, 64); err != nil {
			return wrongField("Value is not a number, as Test needs it")
		}
	default:
		return wrongField(`Test is not known: write "exists", "equals", "below" or "atLeast"`)
	}
	switch {
	case r.Test != "" && r.JSON == "":
		return wrongField("Test without JSON: say where in the body to look")
	case int(r.Class) >= len(classes) || int(r.From) >= len(classes) || int(r.Scope) >= len(scopeNames):
		return wrongField("Class, From or Scope is not known")
	case r.Status != 0 && (r.Status < 100 || r.Status > 599):
		return wrongField("Status is not from 100 to 599")
	case len(r.JSON)+len(r.Until) > maxMessage || len(r.Words) > maxMessage:
		return wrongField(fmt.Sprintf("JSON, Until or Words is longer than %d bytes", maxMessage))
	}
	return nil
}

func (r *ProbeRule) matches(status int, from Class, root gjson.Result) bool {
	switch {
	case r.Status != 0 && r.Status != status, r.From != ClassUnknown && r.From != from:
		return false
	case r.Class == ClassOK && r.From == ClassUnknown && from != ClassOK && from != ClassUnknown:
		return false
	case r.JSON == "":
		return true
	}
	return r.Test.holds(root.Get(r.JSON), r.Value)
}

func (t ProbeTest) holds(found gjson.Result, value string) bool {
	if !found.Exists() {
		return false
	}
	switch t {
	case "", TestExists:
		return true
	case TestEquals:
		return found.String() == value
	}
	if found.Type != gjson.Number && found.Type != gjson.String {
		return false
	}
	got, err := strconv.ParseFloat(found.String(), 64)
	limit, bad := strconv.ParseFloat(value, 64)
	if err != nil || bad != nil {
		return false
	}
	if t == TestBelow {
		return got < limit
	}
	return got >= limit
}

// Judge says what an answer to the probe means: the first rule that matches it,
// else what pr's Classify says. Where a rule says what a good answer looks
// like, another that comes with a good status is not one; nor is a redirect.
// The Message may be the rule's own words; it holds no more of the answer than
// a Verdict of Classify does. a.Op is set here.
func (p *Probe) Judge(pr *Provider, a Answer) Verdict {
	if a.At.IsZero() {
		a.At = time.Now()
	}
	a.Op = Operation{Model: p.Model}
	var v Verdict
	switch {
	case pr.Classify != nil:
		v = pr.Classify(a)
	case pr.API != nil && pr.API.Classify != nil:
		v = pr.API.Classify(a)
	}
	if a.Status == 0 {
		return v
	}
	body := trimHead(a.Body)
	var root gjson.Result
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		root = gjson.ParseBytes(body)
	}
	for i := range p.Rules {
		if r := &p.Rules[i]; r.matches(a.Status, v.Class, root) {
			return r.verdict(v, root, a.At)
		}
	}
	return p.unexpected(v, a, body)
}

// verdict is v as the rule corrects it.
func (r *ProbeRule) verdict(v Verdict, root gjson.Result, at time.Time) Verdict {
	if v.Class != r.Class || r.Scope != ScopeUnknown {
		v.Scope = r.Scope
	}
	v.Class, v.Permanent = r.Class, r.Permanent || v.Permanent && v.Class == r.Class
	if v.Scope == ScopeUnknown {
		v.Scope = classes[r.Class].scope
	}
	if r.Until != "" {
		if t := parseReset(root.Get(r.Until).String(), at); !t.IsZero() {
			v.Until = t
		}
	}
	if r.Words != "" {
		v.Message = r.Words
	}
	return v
}

// unexpected judges an answer that no rule is about.
func (p *Probe) unexpected(v Verdict, a Answer, body []byte) Verdict {
	switch {
	case a.Status >= 300 && a.Status < 400:
		where := "elsewhere"
		if u, err := url.Parse(a.Header.Get("Location")); err == nil && u.Hostname() != "" {
			where = "to " + u.Hostname()
		}
		return Verdict{Scope: ScopeNone, Message: redact("the server redirects "+where+", and redirects are not followed", maxMessage)}
	case v.Class != ClassOK || !slices.ContainsFunc(p.Rules, func(r ProbeRule) bool { return r.Class == ClassOK }):
		return v
	case len(body) > 0 && body[0] == '<':
		return Verdict{Class: ClassEgressBlocked, Scope: ScopeRoute, Message: "a web page came in place of the API's answer"}
	}
	return Verdict{Scope: ScopeNone, Message: "the answer is not what this place is known to say"}
}

// UnmarshalText reads what String writes.
func (c *Class) UnmarshalText(text []byte) error {
	for i := range classes {
		if classes[i].name == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("provider: no class is called %.32q", text)
}

// MarshalText is String, for logs and JSON.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
func (s *Scope) UnmarshalText(text []byte) error {
	i := slices.Index(scopeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("provider: no scope is called %.32q", text)
	}
	*s = Scope(i) // #nosec G115 -- an index of a short list
	return nil
}
