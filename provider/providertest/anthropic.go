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

// anthropicEndpoints are what Anthropic serves (provider-facts 4.3).
var anthropicEndpoints = []endpoint{
	{post, "/v1/messages", opMessages},
	{post, "/v1/messages/count_tokens", opCountTokens},
	{post, "/v1/messages/batches", opBatchCreate},
	{get, "/v1/messages/batches", opBatches},
	{get, "/v1/messages/batches/{id}", opBatch},
	{remove, "/v1/messages/batches/{id}", opBatchDelete},
	{post, "/v1/messages/batches/{id}/cancel", opBatchCancel},
	{get, "/v1/messages/batches/{id}/results", opBatchResults},
	{post, "/v1/files", opFileCreate},
	{get, "/v1/files", opFiles},
	{get, "/v1/files/{id}", opFile},
	{get, "/v1/files/{id}/content", opFileContent},
	{remove, "/v1/files/{id}", opFileDelete},
	{get, "/v1/models", opModels},
	{get, "/v1/models/{rest}", opModel},
	{post, "/v1/chat/completions", opChat},
}

// anthropicNeeds are what its operations look for in a body.
var anthropicNeeds = map[operation]needs{
	opMessages:    takesJSON | namesModel | streams,
	opCountTokens: takesJSON | namesModel,
	opModel:       namesModel,
	opChat:        takesJSON | namesModel | streams,
	opBatchCreate: takesJSON,
	opFileCreate:  takesForm,
}

func (anthropic) route(c *call) (operation, string) {
	op, allow := c.find(anthropicEndpoints, c.path)
	if op == opModel {
		c.model = c.object
	}
	return op, allow
}

// inspect looks at the version first; the layer that is compatible with OpenAI
// has none.
func (anthropic) inspect(c *call) {
	n := anthropicNeeds[c.op]
	problem := c.read(n)
	c.stream = c.form.Stream && n&streams != 0
	version := c.header.Values("Anthropic-Version")
	switch {
	case c.op == opChat:
		c.problem = problem
	case len(version) == 0 || version[0] == "":
		c.problem = kindNoVersion
	case len(version) > 1 || version[0] != version2023 && version[0] != version2026:
		c.problem = kindBadVersion
	default:
		c.problem = problem
	}
	if n&namesModel != 0 {
		c.checkModel()
	}
}

func (p anthropic) answer(c *call) answer {
	h := p.header(c)
	p.limits(h, c.at, 29000, time.Second)
	switch family, _, _ := strings.Cut(string(c.op), "."); family {
	case "files":
		return anthropicFiles(c, h)
	case "batches":
		return anthropicBatches(c, h)
	}
	switch c.op {
	case opMessages:
		return messages(c, h)
	case opChat:
		return chat(c, h)
	case opCountTokens:
		return answer{header: h, body: object{{"input_tokens", c.InputTokens}}}
	case opModel:
		return answer{header: h, body: anthropicModel(c, c.model)}
	default:
		var all []row
		for _, id := range c.catalogue("claude-opus-5", "claude-sonnet-5") {
			all = append(all, row{id, anthropicModel(c, id)})
		}
		return anthropicList(c, h, all)
	}
}

// anthropicList is a page of a list, after one id or before it.
func anthropicList(c *call, h http.Header, all []row) answer {
	limit, ok := c.limit("limit", 20, 1000)
	after, before := c.query.Get("after_id"), c.query.Get("before_id")
	switch {
	case !ok:
		return c.refuse("limit", "Input should be a number from 1 to 1000")
	case after != "" && before != "":
		return c.refuse("after_id", "Only one of after_id and before_id can be given")
	}
	part, more, ok := pageOf(all, after, before, limit)
	if !ok {
		return c.refuse("after_id", "Invalid pagination cursor")
	}
	first, last := "", ""
	if len(part) > 0 {
		first, last = part[0].id, part[len(part)-1].id
	}
	return answer{header: h, body: object{
		{"data", bodies(part)}, {"has_more", more}, {"first_id", orNull(first)}, {"last_id", orNull(last)},
	}}
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
