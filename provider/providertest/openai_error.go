package providertest

import (
	"strconv"
	"strings"
)

// openAIError is an error in OpenAI's words; {…} are filled in.
type openAIError struct {
	status                  int
	typ, param, code, words string
}

const openAIInvalid = "invalid_request_error"

var openAIErrors = map[kind]openAIError{
	kindRateLimited:    {429, "requests", "", "rate_limit_exceeded", "Rate limit reached for {model} in organization org-fake on requests per min (RPM): Limit 500, Used 500, Requested 1.{wait} Visit https://platform.openai.com/account/rate-limits to learn more."},
	kindQuota:          {429, "insufficient_quota", "", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."},
	kindSpendLimit:     {429, "insufficient_quota", "", "project_spend_limit_exceeded", "This project has reached its spend limit."},
	kindUnauthorized:   {401, openAIInvalid, "", "invalid_api_key", "Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys."},
	kindNoCredential:   {401, openAIInvalid, "", "", "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."},
	kindPermission:     {403, openAIInvalid, "", "model_not_found", "Project `proj_fake` does not have access to model `{model}`"},
	kindModelNotFound:  {404, openAIInvalid, "", "model_not_found", "The model `{model}` does not exist or you do not have access to it."},
	kindContextTooLong: {400, openAIInvalid, "messages", "context_length_exceeded", "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. Please reduce the length of the messages."},
	kindInvalid:        {400, openAIInvalid, "temperature", "decimal_above_max_value", "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 9 instead."},
	kindContentPolicy:  {400, openAIInvalid, "", "content_policy_violation", "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed by our safety system."},
	kindServerError:    {500, "server_error", "", "", "The server had an error while processing your request. Sorry about that!"},
	kindOverloaded:     {503, "service_unavailable_error", "", "server_is_overloaded", "The server is currently overloaded. Please try again later."},
	kindCapacity:       {429, "rate_limit_error", "", "slow_down", "Slow down. Reduce your request rate and increase it gradually."},
	kindUnknownPath:    {404, openAIInvalid, "", "", "Invalid URL ({method} {path})"},
	kindWrongMethod:    {405, openAIInvalid, "", "method_not_supported", "Only {allow} requests are accepted."},
	kindTooLarge:       {413, openAIInvalid, "", "", "Maximum content size limit exceeded."},
	kindBrokenBody:     {400, openAIInvalid, "", "", "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"},
	kindNoModel:        {400, openAIInvalid, "", "", "you must provide a model parameter"},
	kindStreamOptions:  {400, openAIInvalid, "stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled."},
	kindBadForm:        {400, openAIInvalid, "", "", "Could not parse multipart form"},
	kindBadField:       {400, openAIInvalid, "", "", "{complaint}"},
	kindNoPrevious:     {400, openAIInvalid, "previous_response_id", "previous_response_not_found", "Previous response with id '{object}' not found."},
	kindNotBackground:  {400, openAIInvalid, "", "", "Cannot cancel a synchronous response."},
	kindUpgrade:        {426, openAIInvalid, "", "", "This endpoint speaks the WebSocket protocol only."},
}

// openAIMissing are the words for something that is not there, or not for this
// credential, by collection.
var openAIMissing = map[string]openAIError{
	inFiles:     {404, openAIInvalid, "id", "", "No such File object: {object}"},
	inBatches:   {404, openAIInvalid, "", "", "No batch found with id '{object}'."},
	inResponses: {404, openAIInvalid, "", "", "Response with id '{object}' not found."},
	inTunings:   {404, openAIInvalid, "fine_tune_id", "fine_tune_not_found", "Could not find fine tune: {object}"},
}

// openAIErrorFor is the error for a fault of this call.
func openAIErrorFor(c *call, f fault) openAIError {
	e := openAIErrors[f.kind]
	switch f.kind {
	case kindNoObject:
		e = openAIMissing[c.lacks]
	case kindBadField:
		e.param = c.param
	}
	return e
}

func (e openAIError) message(c *call, f fault) string {
	wait := ""
	if f.reset > 0 {
		wait = " Please try again in " + seconds(f.reset) + "."
	}
	return strings.NewReplacer("{model}", c.model, "{key}", masked(c.key), "{wait}", wait,
		"{method}", c.method, "{path}", c.path, "{allow}", c.allow,
		"{object}", c.object, "{complaint}", c.complaint).Replace(e.words)
}

// body is the error as a response and as a chat's stream have it.
func (e openAIError) body(c *call, f fault) []byte {
	return encode(object{{"error", object{
		{"message", e.message(c, f)}, {"type", e.typ}, {"param", orNull(e.param)}, {"code", orNull(e.code)},
	}}})
}

func (p openAI) fail(c *call, f fault) reply {
	e := openAIErrorFor(c, f)
	h := p.header(c)
	h.Set("Content-Type", "application/json")
	switch f.kind {
	case kindRateLimited:
		p.limits(h, 0, f.reset)
		if f.reset > 0 {
			h.Set("Retry-After", wholeSeconds(f.reset))
			h.Set("Retry-After-Ms", strconv.FormatFloat(f.reset.Seconds()*1000, 'f', -1, 64))
		} else {
			h.Del("X-Ratelimit-Reset-Requests")
		}
	case kindWrongMethod:
		h.Set("Allow", c.allow)
	case kindUpgrade:
		h.Set("Upgrade", "websocket")
	}
	return reply{status: e.status, header: h, body: e.body(c, f)}
}

// failInside has four forms: a chat's error without a name, the same with the
// name error where the events have names, the Responses API's flat error, and
// its response.failed.
func (openAI) failInside(c *call, s Step, sent int) event {
	e := openAIErrors[s.inside.kind]
	switch c.op {
	case opResponses, opResponse:
	case opImages, opImageEdits, opSpeech, opTranscription:
		return event{name: "error", data: e.body(c, s.inside)}
	default:
		return event{data: e.body(c, s.inside)}
	}
	code := e.code
	if code == "" {
		code = "server_error"
	}
	if s.failed {
		failure := object{{"code", code}, {"message", e.message(c, s.inside)}}
		return event{name: "response.failed", data: encode(object{
			{"type", "response.failed"}, {"sequence_number", sent}, {"response", response(c, "failed", failure)},
		})}
	}
	return event{name: "error", data: encode(object{
		{"type", "error"}, {"code", code}, {"message", e.message(c, s.inside)},
		{"param", orNull(e.param)}, {"sequence_number", sent},
	})}
}
