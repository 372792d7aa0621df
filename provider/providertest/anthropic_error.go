package providertest

import (
	"strings"
	"time"
)

// anthropicError is an error in Anthropic's words; {…} are filled in.
type anthropicError struct {
	status           int
	typ, code, words string
}

const anthropicInvalid = "invalid_request_error"

var anthropicErrors = map[kind]anthropicError{
	kindRateLimited:    {429, "rate_limit_error", "", "Number of request tokens has exceeded your per-minute rate limit"},
	kindQuota:          {400, anthropicInvalid, "", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."},
	kindSpendLimit:     {429, "rate_limit_error", "enforced_spend_limit_reached", "You have reached your API usage limits: your organization has crossed its monthly API usage threshold, set based on your organization's API tier. You will regain access on {month} at 00:00 UTC."},
	kindUnauthorized:   {401, "authentication_error", "", "{credential}"},
	kindNoCredential:   {401, "authentication_error", "", "x-api-key header is required"},
	kindOAuthBeta:      {401, "authentication_error", "", "OAuth authentication is currently not supported."},
	kindPermission:     {403, "permission_error", "", "Your API key does not have permission to use the specified resource."},
	kindModelNotFound:  {404, "not_found_error", "", "model: {model}"},
	kindContextTooLong: {400, anthropicInvalid, "", "prompt is too long: 215684 tokens > 200000 maximum"},
	kindInvalid:        {400, anthropicInvalid, "", "temperature: Extra inputs are not permitted"},
	kindContentPolicy:  {400, anthropicInvalid, "", "Output blocked by content filtering policy"},
	kindServerError:    {500, "api_error", "", "Internal server error"},
	kindOverloaded:     {529, "overloaded_error", "", "Overloaded"},
	kindCapacity:       {429, "rate_limit_error", "ramp_limit_exceeded", "Your usage grows too fast. Increase it gradually."},
	kindUnknownPath:    {404, "not_found_error", "", "The requested resource could not be found."},
	kindWrongMethod:    {405, anthropicInvalid, "", "Method Not Allowed"},
	kindTooLarge:       {413, "request_too_large", "", "Request exceeds the maximum size"},
	kindBrokenBody:     {400, anthropicInvalid, "", "The request body is not valid JSON"},
	kindNoModel:        {400, anthropicInvalid, "", "model: Field required"},
	kindNoVersion:      {400, anthropicInvalid, "", "anthropic-version: header is required"},
	kindBadVersion:     {400, anthropicInvalid, "", `anthropic-version: "{version}" is not a valid version`},
	kindBadForm:        {400, anthropicInvalid, "", "The request body is not valid multipart form data"},
	kindBadField:       {400, anthropicInvalid, "", "{param}: {complaint}"},
	kindNoObject:       {404, "not_found_error", "", "The requested resource could not be found."},
	kindNotEnded:       {400, anthropicInvalid, "", "Message batch {object} has not finished processing."},
}

// body is the error without the id of the request, as streams have it.
func (e anthropicError) body(c *call) object {
	year, month, _ := c.at.UTC().Date()
	next := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	credential := "invalid x-api-key"
	if c.header.Get("X-Api-Key") == "" {
		credential = "Invalid bearer token"
	}
	words := strings.NewReplacer("{model}", c.model, "{credential}", credential, "{month}", next,
		"{param}", c.param, "{complaint}", c.complaint, "{object}", c.object,
		"{version}", strings.Join(c.header.Values("Anthropic-Version"), ", ")).Replace(e.words)
	o := object{{"type", e.typ}, {"message", words}}
	if c.op == opChat { // the layer that is compatible with OpenAI
		return object{{"error", append(o, member{"param", nil}, member{"code", orNull(e.code)})}}
	}
	if e.code != "" {
		o = append(o, member{"details", object{{"error_code", e.code}}})
	}
	return object{{"type", "error"}, {"error", o}}
}

func (p anthropic) fail(c *call, f fault) reply {
	e := anthropicErrors[f.kind]
	h := p.header(c)
	h.Set("Content-Type", "application/json")
	switch f.kind {
	case kindRateLimited:
		p.limits(h, c.at, 0, f.reset)
		if f.reset > 0 {
			h.Set("Retry-After", wholeSeconds(f.reset))
		} else {
			h.Del("Anthropic-Ratelimit-Input-Tokens-Reset")
			h.Del("Anthropic-Ratelimit-Tokens-Reset")
		}
	case kindCapacity:
		h.Set("Retry-After", "1")
	case kindWrongMethod:
		h.Set("Allow", c.allow)
	}
	body := e.body(c)
	if c.op != opChat {
		body = append(body, member{"request_id", c.id("req_")})
	}
	return reply{status: e.status, header: h, body: encode(body)}
}

func (anthropic) failInside(c *call, s Step, _ int) event {
	e := event{data: encode(anthropicErrors[s.inside.kind].body(c))}
	if c.op != opChat {
		e.name = "error"
	}
	return e
}
