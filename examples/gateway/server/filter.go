package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// ClientFilter lets certain programs in alone. It keeps honest clients apart; whoever wants
// to lie about what they are can.
type ClientFilter struct {
	Enabled bool         // false: everybody may come
	Types   []ClientType // that are let in; none: nobody
}

// ClientType is a kind of program, told by what it sends. Fields that are empty ask for
// nothing.
type ClientType struct {
	Name string // of a preset, if the other fields are empty; else for people

	// UserAgents are how the User-Agent begins, one of them: a product's name and a slash,
	// which a digit has to follow.
	UserAgents []string
	Headers    []string // that have to be there, not empty

	// System are how the system prompt of a conversation begins, one of them, in its first
	// or second block.
	System []string

	warmUp bool // the questions of warmUps need no system prompt
}

// presets are the client types that are known by name.
var presets = map[string]ClientType{
	// claude-code is Claude Code by its User-Agent: claude-cli/<version>.
	"claude-code": {UserAgents: []string{"claude-cli/"}},

	// claude-code-strict sends, besides, the headers of its SDK and of its own, and in
	// conversations a system prompt that begins as its own does (counting tokens, listing
	// models and what it asks before it begins have none).
	"claude-code-strict": {
		UserAgents: []string{"claude-cli/"},
		Headers:    []string{"Anthropic-Version", "Anthropic-Beta", "X-App"},
		System: []string{
			"You are Claude Code, Anthropic's official CLI for Claude",
			"You are a Claude agent, built on Anthropic's Claude Agent SDK",
		},
		warmUp: true,
	},
}

// ClientPresets are the names of the presets: claude-code, by the User-Agent alone, and
// claude-code-strict, by headers and the system prompt besides.
func ClientPresets() []string { return []string{"claude-code", "claude-code-strict"} }

// ready is the filter with its presets filled in.
func (f ClientFilter) ready() (ClientFilter, error) {
	f.Types = slices.Clone(f.Types)
	for i, t := range f.Types {
		if len(t.UserAgents)+len(t.Headers)+len(t.System) > 0 {
			f.Types[i].Headers = slices.Clone(t.Headers)
			for j, name := range t.Headers {
				f.Types[i].Headers[j] = http.CanonicalHeaderKey(name)
			}
			continue
		}
		preset, ok := presets[t.Name]
		if !ok {
			return f, fmt.Errorf("gateway: Clients.Types[%d]: %.60q is no preset: write one of %s, or what such a client sends", i, t.Name, strings.Join(ClientPresets(), ", "))
		}
		preset.Name = t.Name
		f.Types[i] = preset
	}
	return f, nil
}

// lets tells whether a request comes from a client that is let in. body is that of a
// conversation; nil: it is none.
func (f *ClientFilter) lets(h http.Header, body []byte) bool {
	if !f.Enabled {
		return true
	}
	return slices.ContainsFunc(f.Types, func(t ClientType) bool { return t.is(h, body) })
}

func (t *ClientType) is(h http.Header, body []byte) bool {
	if len(t.UserAgents) > 0 && !slices.ContainsFunc(t.UserAgents, func(begin string) bool { return isProduct(h.Get("User-Agent"), begin) }) {
		return false
	}
	for _, name := range t.Headers {
		if h.Get(name) == "" {
			return false
		}
	}
	return len(t.System) == 0 || body == nil || t.prompts(body) || t.warmUp && isWarmUp(body)
}

// isProduct tells whether a User-Agent begins with a product and a version.
func isProduct(agent, begin string) bool {
	rest, ok := strings.CutPrefix(agent, begin)
	return ok && (!strings.HasSuffix(begin, "/") || rest != "" && '0' <= rest[0] && rest[0] <= '9')
}

// prompts tells whether the system prompt begins as it should.
func (t *ClientType) prompts(body []byte) bool {
	raw := member(body, "system")
	var text string
	var blocks []struct{ Text string }
	switch {
	case len(raw) == 0:
		return false
	case json.Unmarshal(raw, &text) == nil:
		return t.begins(text)
	case json.Unmarshal(raw, &blocks) != nil:
		return false
	}
	for _, b := range blocks[:min(len(blocks), 2)] {
		if t.begins(b.Text) {
			return true
		}
	}
	return false
}

func (t *ClientType) begins(text string) bool {
	return slices.ContainsFunc(t.System, func(begin string) bool { return strings.HasPrefix(text, begin) })
}

// warmUps are all that Claude Code says when it looks whether its plan, its key or its model
// will do.
var warmUps = []string{"quota", "test", "."}

// isWarmUp tells whether a conversation is one of warmUps, of which one token is wanted.
func isWarmUp(body []byte) bool {
	var messages []struct{ Role, Content string }
	return string(member(body, "max_tokens")) == "1" && json.Unmarshal(member(body, "messages"), &messages) == nil &&
		len(messages) == 1 && messages[0].Role == "user" && slices.Contains(warmUps, messages[0].Content)
}

// filter refuses clients that are not let in.
func (x *exchange) filter(body []byte) *dialect.Problem {
	if x.s.clients.lets(x.r.Header, body) {
		return nil
	}
	return &dialect.Problem{Code: dialect.CodeClientNotAllowed}
}
