package providertest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// anthropic speaks as api.anthropic.com does.
type anthropic struct{}

// The versions of the API. The later one has null where the earlier has no
// member at all.
const (
	version2023 = "2023-06-01"
	version2026 = "2026-10-21"
)

func (anthropic) name() string { return "anthropic" }

func (anthropic) credential(h http.Header, _ url.Values) (string, kind) {
	if key := h.Get("X-Api-Key"); key != "" {
		return key, kindNone
	}
	key := bearer(h)
	if strings.HasPrefix(key, "sk-ant-oat") && !strings.Contains(strings.Join(h.Values("Anthropic-Beta"), ","), "oauth-2025-04-20") {
		return key, kindOAuthBeta
	}
	return key, kindNone
}

func (anthropic) route(c *call) (operation, string) {
	switch c.path {
	case "/v1/messages":
		return opMessages, http.MethodPost
	case "/v1/messages/count_tokens":
		return opCountTokens, http.MethodPost
	case "/v1/models":
		return opModels, http.MethodGet
	}
	if model, ok := strings.CutPrefix(c.path, "/v1/models/"); ok && model != "" {
		c.model = model
		return opModel, http.MethodGet
	}
	return opUnknown, ""
}

func (anthropic) inspect(c *call) {
	readable := true
	if c.op == opMessages || c.op == opCountTokens {
		readable = c.decode()
		c.stream = c.form.Stream && c.op == opMessages
	}
	version := c.header.Values("Anthropic-Version")
	switch {
	case len(version) == 0 || version[0] == "":
		c.problem = kindNoVersion
	case len(version) > 1 || version[0] != version2023 && version[0] != version2026:
		c.problem = kindBadVersion
	case !readable:
		c.problem = kindBrokenBody
	case c.op != opModels:
		c.checkModel()
	}
}

func (p anthropic) answer(c *call) answer {
	h := p.header(c)
	p.limits(h, c.at, 29000, time.Second)
	switch c.op {
	case opMessages:
		return messages(c, h)
	case opCountTokens:
		return answer{header: h, body: object{{"input_tokens", c.InputTokens}}}
	case opModel:
		return answer{header: h, body: anthropicModel(c, c.model)}
	default:
		ids, data := c.catalogue("claude-opus-5", "claude-sonnet-5"), list{}
		first, last := "", ""
		for _, id := range ids {
			data, last = append(data, anthropicModel(c, id)), id
			first = ids[0]
		}
		return answer{header: h, body: object{
			{"data", data}, {"has_more", false}, {"first_id", orNull(first)}, {"last_id", orNull(last)},
		}}
	}
}

func anthropicModel(c *call, id string) object {
	o := object{{"type", "model"}, {"id", id}, {"display_name", id}, {"created_at", "2026-02-24T00:00:00Z"}}
	if late(c) {
		o = append(o, member{"max_input_tokens", 200000}, member{"max_tokens", 64000}, member{"deprecated_at", nil}, member{"retires_at", nil})
	}
	return o
}

// late tells whether the call speaks the version that has every member.
func late(c *call) bool { return c.header.Get("Anthropic-Version") == version2026 }

// header has what every answer has.
func (anthropic) header(c *call) http.Header {
	h := make(http.Header)
	h.Set("Request-Id", c.id("req_"))
	h.Set("Anthropic-Organization-Id", "00000000-0000-0000-0000-000000000000")
	return h
}

// limits tells how many input tokens are left, and when all of them are back.
func (anthropic) limits(h http.Header, at time.Time, input int, reset time.Duration) {
	set := func(what string, limit, remaining int, in time.Duration) {
		back := at.Add(in + time.Second - 1).UTC().Format(time.RFC3339)
		h.Set("Anthropic-Ratelimit-"+what+"-Limit", strconv.Itoa(limit))
		h.Set("Anthropic-Ratelimit-"+what+"-Remaining", strconv.Itoa(remaining))
		h.Set("Anthropic-Ratelimit-"+what+"-Reset", back)
	}
	set("Requests", 50, 49, time.Second)
	set("Input-Tokens", 30000, input, reset)
	set("Output-Tokens", 8000, 8000, time.Second)
	set("Tokens", 38000, 8000+input, reset)
}
