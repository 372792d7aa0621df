package provider

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// A tokenAnswer is what a token endpoint gave.
type tokenAnswer struct {
	access   string
	refresh  string        // "": the old one goes on
	lifetime time.Duration // 0: not said
}

// What to do about the errors of token endpoints.
const (
	adviceLogin  = "log in again and give the account the new refresh token"
	adviceReused = "another program has used the refresh token, or its login was ended: " + adviceLogin + ", and use it in one place only"
	adviceClient = "check ClientID, ClientSecret and ClientAuth"
	adviceEgress = "the address that the request came from is refused: use another proxy"
	adviceURL    = "check that OAuthConfig.TokenURL is the token endpoint itself"
)

// tokenCodes are the words of token endpoints (provider-facts 12.6). What is not
// here is tried again.
var tokenCodes = map[string]struct {
	class     Class
	permanent bool
	advice    string
}{
	"invalid_grant":             {ClassAuthInvalid, true, adviceLogin},
	"refresh_token_reused":      {ClassAuthInvalid, true, adviceReused},
	"refresh_token_expired":     {ClassAuthInvalid, true, adviceLogin},
	"refresh_token_invalidated": {ClassAuthInvalid, true, adviceReused},
	"access_denied":             {ClassAuthInvalid, true, adviceLogin},

	"invalid_client":         {ClassAuthInvalid, true, adviceClient},
	"unauthorized_client":    {ClassAuthInvalid, true, "check that the client with this ClientID may use this grant"},
	"unsupported_grant_type": {ClassAuthInvalid, true, "check TokenURL, Encoding and the grant"},
	"invalid_scope":          {ClassAuthInvalid, true, "check Scope"},

	"unsupported_country_region_territory": {ClassEgressBlocked, false, adviceEgress},
}

// readTokenAnswer reads an answer of at most maxTokenAnswer bytes and one more. The
// failure has no Source yet.
func readTokenAnswer(resp *http.Response, body []byte, mask func(string) string) (tokenAnswer, *CredentialError) {
	if len(body) > maxTokenAnswer {
		return tokenAnswer{}, &CredentialError{
			Class: ClassTransient, Status: resp.StatusCode, Err: errors.New("the answer is longer than 1 MiB"), Advice: adviceURL,
		}
	}
	body = trimHead(body)
	isObject := len(body) > 0 && body[0] == '{' && ValidJSON(body)
	var root gjson.Result
	if isObject {
		root = gjson.ParseBytes(body)
	}
	good := resp.StatusCode >= 200 && resp.StatusCode <= 299
	if good && root.Get("access_token").Str != "" {
		return readTokens(resp, root)
	}
	e := &CredentialError{Class: ClassTransient, Status: resp.StatusCode}
	if isObject {
		e.readRefusal(root, mask)
	}
	e.judge(resp, isObject, string(body[:min(len(body), maxText)]))
	if good { // the refresh token was replaced all the same
		return tokenAnswer{refresh: root.Get("refresh_token").Str}, e
	}
	return tokenAnswer{}, e
}

// readTokens reads a good answer.
func readTokens(resp *http.Response, root gjson.Result) (tokenAnswer, *CredentialError) {
	a := tokenAnswer{access: root.Get("access_token").Str, refresh: root.Get("refresh_token").Str}
	if checkToken(a.access) != nil {
		return tokenAnswer{refresh: a.refresh}, &CredentialError{
			Class: ClassTransient, Status: resp.StatusCode, Err: errors.New("its access_token cannot stand in a header"),
		}
	}
	// A number, or a number in a string; anything else is 0.
	if s := root.Get("expires_in").Float(); s > 0 {
		a.lifetime = time.Duration(min(s, maxLifetime.Seconds()) * float64(time.Second))
	}
	return a, nil
}

// readRefusal reads what an endpoint says for itself: as RFC 6749 5.2 has it, or in
// an object of the API behind it.
func (e *CredentialError) readRefusal(root gjson.Result, mask func(string) string) {
	refusal := root.Get("error")
	words := []string{refusal.Str, refusal.Get("code").Str, refusal.Get("type").Str, root.Get("code").Str}
	known := func(word string) bool { _, ok := tokenCodes[word]; return ok }
	if i := slices.IndexFunc(words, known); i >= 0 {
		e.Code = words[i]
	} else {
		e.Code = redact(mask(cmp.Or(words...)), maxCode)
	}
	for _, text := range []gjson.Result{root.Get("error_description"), refusal.Get("message"), root.Get("message"), root.Get("detail")} {
		if text.Str != "" {
			e.Message = redact(mask(text.Str), maxMessage)
			return
		}
	}
}

// judge finds out what a refusal means, in the order of provider-facts 11.1: the
// machine's word, the headers, the status.
func (e *CredentialError) judge(resp *http.Response, isObject bool, text string) {
	status := resp.StatusCode
	transient := status == http.StatusTooManyRequests || status >= 500
	row, known := tokenCodes[e.Code]
	switch {
	case known && !transient:
		e.Class, e.Advice = row.class, row.advice
		// A firewall's 403 says access_denied too; provider-facts 12.6 has it with 400 and 401.
		e.Permanent = row.permanent && (status != http.StatusForbidden || e.Code != "access_denied")
	case !isObject && (status == http.StatusForbidden || isChallenge(resp.Header, strings.ToLower(text))):
		e.Class, e.Advice = ClassEgressBlocked, adviceEgress
	case status == http.StatusTooManyRequests:
		e.Class = ClassRateLimited
	case status >= 300 && status <= 399:
		e.Err, e.Advice = errors.New("it redirects, and redirects are not followed"), adviceURL
	case status >= 200 && status <= 299 && e.Code == "":
		e.Err, e.Advice = errors.New("the answer has no access_token"), adviceURL
	case status >= 400 && status <= 499:
		e.Advice = "check TokenURL, Encoding, Extra and Header"
	}
	if !e.Permanent {
		e.RetryAt = retryAfter(resp.Header, time.Now())
	}
}
