package provider

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// A rule is one row of a provider's table of errors. An empty field matches
// anything. The first row that matches counts, so the narrow ones stand first.
type rule struct {
	status int    // of the answer; 200: an error inside a good answer
	typ    string // error.type; Gemini: error.status
	code   string // error.code, details.error_code, details[].reason; a final * matches any ending
	text   string // a part of the message, in lower case; a leading ^ matches its start only
	quota  string // a part of what names the limit: Gemini's quotaId, OpenRouter's limit_source and reason
	header string // the answer has this header; after ": " the value it has
	json   bool   // the body is JSON: the API spoke, and not something before it

	class     Class
	scope     Scope // ScopeUnknown: the one that goes with the class
	permanent bool  // neither waiting nor asking again will mend it
}

func (r *rule) matches(p *problem) bool {
	return (r.status == 0 || r.status == p.status) &&
		(r.typ == "" || r.typ == p.typ) &&
		(r.code == "" || matchWord(r.code, p.code)) &&
		(r.text == "" || matchText(r.text, p.text) && (!p.echoes() || !marks(r.class, r.scope) || opens(r.text, p.text))) &&
		(r.quota == "" || strings.Contains(p.quota, r.quota)) &&
		(!r.json || p.form == formJSON) &&
		(r.header == "" || matchHeader(r.header, p.header))
}

func matchWord(pattern, word string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(word, prefix)
	}
	return pattern == word
}

func matchText(pattern, text string) bool {
	if prefix, ok := strings.CutPrefix(pattern, "^"); ok {
		return strings.HasPrefix(text, prefix)
	}
	return strings.Contains(text, pattern)
}

// echoes reports whether the message may repeat what the caller wrote, as those
// about a mistake in the request do: "Input tag '…' found", "Invalid value: …".
func (p *problem) echoes() bool {
	if p.typ == "FAILED_PRECONDITION" { // Google's, about the account's state
		return false
	}
	return p.status < 400 || p.status == http.StatusBadRequest || p.status == http.StatusUnprocessableEntity
}

// marks reports whether a verdict of that class and scope is held against an
// account, a model or a route.
func marks(c Class, s Scope) bool {
	if s == ScopeUnknown {
		s = classes[c].scope
	}
	return s != ScopeUnknown && s != ScopeNone
}

// maxOpening is how much may stand before the phrase that a message opens with.
const maxOpening = 32

// opens reports whether the phrase stands at the text's beginning, but for a few
// plain words: "You have reached your specified API usage limits". There a message
// speaks for itself, and not with the caller's words, of which nobody may be able to
// make a verdict that puts an account out of use.
func opens(phrase, text string) bool {
	phrase = strings.TrimPrefix(phrase, "^")
	i := strings.Index(text[:min(len(text), maxOpening+len(phrase))], phrase)
	if i < 0 {
		return false
	}
	for _, c := range []byte(text[:i]) {
		if c != ' ' && c != ',' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func matchHeader(pattern string, h http.Header) bool {
	name, want, exact := strings.Cut(pattern, ": ")
	got := h.Get(name)
	return got != "" && (!exact || got == want)
}

// A statusRule is one row of what a status means when nothing else is known.
type statusRule struct {
	from, to int
	json     bool // only with a JSON body
	class    Class
	scope    Scope // ScopeUnknown: the one that goes with the class
}

// statusRules follow provider-facts 11.1, step 5. An unlisted status counts
// as the first of its hundred, as RFC 9110, section 15, says.
var statusRules = []statusRule{
	{401, 401, false, ClassAuthInvalid, 0},
	{402, 402, false, ClassQuotaExhausted, 0},
	{403, 403, true, ClassPermission, 0},
	{403, 403, false, ClassEgressBlocked, 0}, // HTML or nothing: a firewall spoke, not the API
	{407, 407, false, ClassProxyFailed, 0},
	{408, 408, false, ClassTimeout, 0},
	{409, 409, false, ClassTransient, ScopeNone},
	{413, 413, false, ClassTooLarge, 0},
	{425, 425, false, ClassRateLimited, 0},
	{429, 429, false, ClassRateLimited, 0},
	{498, 498, false, ClassOverloaded, 0},
	{499, 499, false, ClassCanceled, 0},
	{503, 503, false, ClassOverloaded, 0},
	{529, 529, false, ClassOverloaded, 0},
	{400, 499, false, ClassInvalidRequest, 0},
	{500, 599, false, ClassTransient, 0},
	{200, 299, false, ClassTransient, 0}, // an error inside a good answer that no table knows
}

func classOfStatus(p *problem) (Class, Scope) {
	for _, r := range statusRules {
		if p.status >= r.from && p.status <= r.to && (!r.json || p.form == formJSON) {
			return r.class, r.scope
		}
	}
	return ClassUnknown, ScopeUnknown
}

// A textRule is one row of the last resort: a phrase in the message, looked
// for only where everything else gave the class from, one of those that say
// little.
type textRule struct {
	from  Class
	text  string // in lower case
	class Class
	scope Scope

	permanent bool // as in a rule
}

// commonTexts are phrases that mean the same at every provider (provider-facts
// 11.2). Those that mean one thing at one provider stand in its own list.
var commonTexts = []textRule{
	{ClassInvalidRequest, "prompt is too long", ClassContextTooLong, 0, false},                   // Anthropic
	{ClassInvalidRequest, "exceed context limit", ClassContextTooLong, 0, false},                 // Anthropic
	{ClassInvalidRequest, "maximum context length", ClassContextTooLong, 0, false},               // OpenAI, vLLM
	{ClassInvalidRequest, "context_length_exceeded", ClassContextTooLong, 0, false},              // OpenAI
	{ClassInvalidRequest, "exceeds the maximum number of tokens", ClassContextTooLong, 0, false}, // Gemini
	{ClassInvalidRequest, "maximum prompt length is", ClassContextTooLong, 0, false},             // xAI
	{ClassInvalidRequest, "input is too long for requested model", ClassContextTooLong, 0, false},
	{ClassInvalidRequest, "range of input length", ClassContextTooLong, 0, false},                  // DashScope
	{ClassInvalidRequest, "too many tokens", ClassContextTooLong, 0, false},                        // Cohere
	{ClassInvalidRequest, "inputs tokens + max_new_tokens must be", ClassContextTooLong, 0, false}, // TGI
	{ClassInvalidRequest, "is not found for api version", ClassModelNotFound, 0, false},            // Gemini
	{ClassInvalidRequest, "no longer available to new users", ClassModelNotFound, 0, false},        // Gemini
	{ClassInvalidRequest, "does not exist or you do not have access", ClassModelNotFound, 0, false},
	{ClassInvalidRequest, "model not exist", ClassModelNotFound, 0, false},                   // DeepSeek
	{ClassInvalidRequest, "not found the model", ClassModelNotFound, 0, false},               // Moonshot
	{ClassInvalidRequest, "unknown model", ClassModelNotFound, 0, false},                     // MiniMax, Zhipu
	{ClassInvalidRequest, "no endpoints found for", ClassModelNotFound, 0, false},            // OpenRouter
	{ClassInvalidRequest, "unable to access model", ClassModelNotFound, 0, false},            // Together
	{ClassInvalidRequest, "prompt exceeds max length", ClassContextTooLong, 0, false},        // Zhipu
	{ClassInvalidRequest, "request payload size exceeds the limit", ClassTooLarge, 0, false}, // Gemini
	{ClassInvalidRequest, "content exists risk", ClassContentPolicy, 0, false},               // DeepSeek

	{anyGeneric, "credit balance is too low", ClassQuotaExhausted, 0, false},                           // Anthropic
	{anyGeneric, "specified api usage limits", ClassQuotaExhausted, 0, false},                          // Anthropic
	{anyGeneric, "specified workspace api usage limits", ClassQuotaExhausted, 0, false},                // Anthropic
	{anyGeneric, "prepayment credits are depleted", ClassQuotaExhausted, 0, false},                     // Gemini
	{anyRefusal, "used all available credits", ClassQuotaExhausted, 0, false},                          // xAI
	{anyRefusal, "run out of credits", ClassQuotaExhausted, 0, false},                                  // xAI
	{anyRefusal, "insufficient balance", ClassQuotaExhausted, 0, false},                                // DeepSeek, Moonshot
	{anyRefusal, "monthly spending limit", ClassQuotaExhausted, 0, false},                              // xAI
	{anyRefusal, "usage limit for this billing cycle", ClassQuotaExhausted, 0, false},                  // Kimi Code
	{anyGeneric, "organization has been disabled", ClassAuthInvalid, 0, true},                          // Anthropic
	{anyGeneric, "reported as leaked", ClassAuthInvalid, 0, true},                                      // Gemini
	{anyRefusal, "account_deactivated", ClassAuthInvalid, 0, true},                                     // OpenAI
	{anyGeneric, "api key expired", ClassAuthInvalid, 0, true},                                         // Gemini
	{anyGeneric, "oauth authentication is currently not supported", ClassPermission, ScopeNone, false}, // a header is missing
	{anyGeneric, "didn't provide an api key", ClassPermission, ScopeNone, false},
	{anyGeneric, "missing bearer", ClassPermission, ScopeNone, false},
	{anyRefusal, "unsupported_country_region_territory", ClassEgressBlocked, 0, false}, // OpenAI
	{anyGeneric, "user location is not supported", ClassEgressBlocked, 0, false},       // Gemini
	{anyRefusal, "ip_not_authorized", ClassEgressBlocked, 0, false},                    // OpenAI

	{ClassRateLimited, "request too large for", ClassPermission, ScopeNone, false},  // never by waiting: OpenAI, Groq
	{ClassRateLimited, "limit: 0", ClassPermission, 0, false},                       // never by waiting: Gemini
	{ClassRateLimited, "overloaded", ClassOverloaded, 0, false},                     // Anthropic, Moonshot
	{ClassRateLimited, "no capacity available", ClassOverloaded, 0, false},          // Gemini
	{ClassRateLimited, "selected model is at capacity", ClassOverloaded, 0, false},  // Codex
	{ClassRateLimited, "service tier capacity exceeded", ClassOverloaded, 0, false}, // Mistral
	{ClassRateLimited, "high demand", ClassOverloaded, 0, false},                    // Azure
	{ClassRateLimited, "server is busy", ClassOverloaded, 0, false},                 // Ollama
}

// challenges are what a firewall's page holds (provider-facts 11.2).
var challenges = []string{"just a moment", "cf-chl"}

// What a textRule's from can say beside one class that is generic: each of them, or
// those that refuse somebody rather than something in the request.
const (
	anyGeneric = ClassUnknown
	anyRefusal = Class(255)
)

// isFrom reports whether a rule from that is about c.
func isFrom(from, c Class) bool {
	return from == c || from == anyGeneric || from == anyRefusal && c != ClassInvalidRequest
}

// generic reports whether a class says so little that the text may say more.
func generic(c Class) bool {
	return c == ClassInvalidRequest || c == ClassPermission || c == ClassRateLimited
}

// A textIndex finds the first of many textRules in one walk over the words of
// a text: for each class that is generic, the rules by the byte that their phrase
// starts with, which is the start of a word.
type textIndex struct {
	rules  []textRule
	starts [len(classes)]*[256][]int // nil: the class is not generic
}

func indexTexts(lists ...[]textRule) *textIndex {
	x := &textIndex{rules: slices.Concat(lists...)}
	for c := range x.starts {
		if !generic(Class(c)) {
			continue
		}
		x.starts[c] = new([256][]int)
		for i, r := range x.rules {
			if isFrom(r.from, Class(c)) {
				x.starts[c][r.text[0]] = append(x.starts[c][r.text[0]], i)
			}
		}
	}
	return x
}

// find returns the first rule that is about from and in the text, or nil. Where the
// text may repeat the caller's words, a phrase that marks somebody must open it.
func (x *textIndex) find(from Class, text string, echoes bool) *textRule {
	starts := x.starts[from]
	if starts == nil {
		return nil
	}
	first := len(x.rules)
	inWord := false
	for at := range len(text) {
		c := text[at]
		begins := !inWord || c >= utf8.RuneSelf
		inWord = wordByte[c]
		if !begins {
			continue
		}
		for _, i := range starts[c] {
			r := &x.rules[i]
			if i < first && strings.HasPrefix(text[at:], r.text) && (!echoes || !marks(r.class, r.scope) || opens(r.text, text)) {
				first = i
			}
		}
	}
	if first == len(x.rules) {
		return nil
	}
	return &x.rules[first]
}

// wordByte holds the bytes that words in lower case consist of.
var wordByte = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789") {
		t[c] = true
	}
	return t
}()
