package providertest

import (
	"html"
	"net/http"
	"strconv"
	"strings"
)

// geminiError is an error in Google's words; {…} are filled in.
type geminiError struct {
	code          int
	status, words string
}

const (
	geminiInvalid   = "INVALID_ARGUMENT"
	geminiExhausted = "RESOURCE_EXHAUSTED"
	geminiQuota     = "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
	geminiPrefix    = "generativelanguage.googleapis.com/"
	googleType      = "type.googleapis.com/google.rpc."
)

var geminiErrors = map[kind]geminiError{
	kindRateLimited:    {429, geminiExhausted, geminiQuota + "\n* Quota exceeded for metric: " + geminiPrefix + "generate_content_paid_tier_input_token_count, limit: 1000000, model: {model}{wait}"},
	kindQuota:          {402, geminiExhausted, "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing."},
	kindSpendLimit:     {429, geminiExhausted, geminiQuota},
	kindUnauthorized:   {400, geminiInvalid, "API key not valid. Please pass a valid API key."},
	kindNoCredential:   {403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."},
	kindBadToken:       {401, "UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."},
	kindPermission:     {403, "PERMISSION_DENIED", "The caller does not have permission"},
	kindModelNotFound:  {404, "NOT_FOUND", "models/{model} is not found for API version {version}, or is not supported for this method. Call ListModels to see the list of available models and their supported methods."},
	kindContextTooLong: {400, geminiInvalid, "The input token count (1300000) exceeds the maximum number of tokens allowed (1048575)."},
	kindInvalid:        {400, geminiInvalid, "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n"},
	kindContentPolicy:  {400, geminiInvalid, "The request was blocked by content policy."},
	kindServerError:    {500, "INTERNAL", "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"},
	kindOverloaded:     {503, "UNAVAILABLE", "The model is overloaded. Please try again later."},
	kindCapacity:       {429, geminiExhausted, "No capacity available for model {model} on the server"},
	kindTooLarge:       {400, geminiInvalid, "Request payload size exceeds the limit: 67108864 bytes."},
	kindBrokenBody:     {400, geminiInvalid, "Invalid JSON payload received. Unexpected token."},
	kindBadField:       {400, geminiInvalid, "{complaint}"},
	kindNoModel:        {400, geminiInvalid, "model is not specified"},
	kindExists:         {409, "ALREADY_EXISTS", "Requested entity already exists"},
}

// geminiMissing are the words for something that is not there, or not for this
// credential: Google does not tell which.
var geminiMissing = map[string]geminiError{
	inFiles:   {403, "PERMISSION_DENIED", "You do not have permission to access the File {object} or it may not exist."},
	inUploads: {404, "NOT_FOUND", "Upload {object} was not found."},
	inCaches:  {403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)"},
}

// geminiErrorFor is the error for a fault of this call.
func geminiErrorFor(c *call, f fault) geminiError {
	if f.kind == kindNoObject {
		return geminiMissing[c.lacks]
	}
	return geminiErrors[f.kind]
}

func (p gemini) fail(c *call, f fault) reply {
	if f.kind == kindUnauthorized && strings.HasPrefix(c.key, googleToken) {
		f.kind = kindBadToken
	}
	switch f.kind {
	case kindUnknownPath:
		return page(http.StatusNotFound, "The requested URL <code>"+html.EscapeString(c.path)+"</code> was not found on this server.")
	case kindWrongMethod:
		r := page(http.StatusMethodNotAllowed, "The request method <code>"+html.EscapeString(c.method)+"</code> is inappropriate for the URL <code>"+html.EscapeString(c.path)+"</code>.")
		r.header.Set("Allow", c.allow)
		return r
	}
	var body any = geminiBody(c, f)
	if inArray(c) || compatible(c) {
		body = list{body}
	}
	h := http.Header{"Content-Type": {jsonUTF8}, "Vary": {"Origin", "X-Origin", "Referer"}}
	return reply{status: geminiErrorFor(c, f).code, header: h, body: encode(body)}
}

func (gemini) failInside(c *call, s Step, _ int) event {
	return event{data: encode(geminiBody(c, s.inside))}
}

func geminiBody(c *call, f fault) object {
	e := geminiErrorFor(c, f)
	wait := ""
	if f.reset > 0 {
		wait = "\nPlease retry in " + seconds(f.reset) + "."
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	words := strings.NewReplacer("{model}", c.model, "{version}", version, "{wait}", wait,
		"{object}", c.object, "{complaint}", c.complaint).Replace(e.words)
	o := object{{"code", e.code}, {"message", words}, {"status", e.status}}
	if d := geminiDetails(c, f); len(d) > 0 {
		o = append(o, member{"details", d})
	}
	return object{{"error", o}}
}

// geminiDetails are what machines read: whose fault, which quota, how long.
func geminiDetails(c *call, f fault) list {
	switch f.kind {
	case kindUnauthorized:
		words := geminiErrors[f.kind].words
		return list{errorInfo("API_KEY_INVALID"), object{{"@type", googleType + "LocalizedMessage"}, {"locale", "en-US"}, {"message", words}}}
	case kindCapacity:
		return list{errorInfo("MODEL_CAPACITY_EXHAUSTED")}
	case kindBadToken:
		return list{errorInfo("ACCESS_TOKEN_TYPE_UNSUPPORTED")}
	case kindSpendLimit:
		return list{
			quotaFailure(c, "generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20"),
			retryInfo("38s"),
		}
	case kindRateLimited:
		d := list{
			object{{"@type", googleType + "Help"}, {"links", list{object{
				{"description", "Learn more about Gemini API quotas"}, {"url", "https://ai.google.dev/gemini-api/docs/rate-limits"},
			}}}},
			quotaFailure(c, "generate_content_paid_tier_input_token_count", "GenerateContentPaidTierInputTokensPerModelPerMinute", "1000000"),
		}
		if f.reset > 0 {
			d = append(d, retryInfo(seconds(f.reset)))
		}
		return d
	}
	return nil
}

func errorInfo(reason string) object {
	return object{
		{"@type", googleType + "ErrorInfo"}, {"reason", reason}, {"domain", "googleapis.com"},
		{"metadata", object{{"service", strings.TrimSuffix(geminiPrefix, "/")}}},
	}
}

func quotaFailure(c *call, metric, id, value string) object {
	return object{{"@type", googleType + "QuotaFailure"}, {"violations", list{object{
		{"quotaMetric", geminiPrefix + metric}, {"quotaId", id},
		{"quotaDimensions", object{{"location", "global"}, {"model", c.model}}}, {"quotaValue", value},
	}}}}
}

func retryInfo(delay string) object {
	return object{{"@type", googleType + "RetryInfo"}, {"retryDelay", delay}}
}

// page is how Google's front end speaks of what never reached the API.
func page(code int, words string) reply {
	title := "Error " + strconv.Itoa(code) + " (" + http.StatusText(code) + ")!!1"
	body := "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>" + title + "</title>\n" +
		"  <p><b>" + strconv.Itoa(code) + ".</b> <ins>That’s an error.</ins>\n  <p>" + words + "  <ins>That’s all we know.</ins>\n"
	return reply{status: code, header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}}, body: []byte(body)}
}
