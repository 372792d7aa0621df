package dialect

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Local is what the gateway answers by itself.
type Local uint8

// What is answered here.
const (
	LocalNone    Local = iota // nothing: it goes to a provider
	LocalModels               // the list of models
	LocalModel                // one model, Route.Model
	LocalHello                // the warm-up that Claude Code sends
	LocalRoot                 // /, by which clients look whether anybody is there
	LocalOptions              // OPTIONS: the methods are in Route.Allow
)

// Route is what a request asks for, and of whom.
type Route struct {
	API   API
	Group string   // of accounts, that the path names; "": none
	URL   *url.URL // at the API's official base, for the balancer; nil: it is answered here
	Local Local
	Model string // of LocalModel
	Allow string // the methods that the path takes, as the header Allow says them
	Body  Body   // what the request's body has to be
}

const (
	openaiHost    = "api.openai.com"
	anthropicHost = "api.anthropic.com"
	geminiHost    = "generativelanguage.googleapis.com"
)

// way is a path after its prefixes have been taken off.
type way struct {
	parts   []string
	version string // v1, v1beta; "": none
	upload  bool
	api     API // that a prefix names
}

// Match says what a request asks for. The Route's API is set also where the Problem is
// not nil: it is the one to tell the Problem in.
func Match(r *http.Request) (Route, *Problem) {
	if busy, ok := busiest[r.URL.Path]; ok && r.Method == http.MethodPost && r.URL.RawPath == "" {
		u := *busy.URL
		u.RawQuery = r.URL.RawQuery
		busy.URL = &u
		return busy, nil
	}
	route := Route{API: Guess(r)}
	if r.Method == http.MethodOptions && (r.URL.Path == "*" || r.RequestURI == "*") {
		route.Local, route.Allow = LocalOptions, "GET, HEAD, POST, OPTIONS"
		return route, nil
	}
	if r.Method == http.MethodConnect {
		return route, notAllowed("GET, HEAD, POST, OPTIONS")
	}
	var few [8]string
	parts, ok := segments(r.URL, few[:0])
	if !ok {
		return route, &Problem{Code: CodeInvalidRequest, Message: "The path holds a dot segment, an encoded slash, or characters that no path of this API has."}
	}
	if len(parts) == 0 {
		route.Local, route.Allow = LocalRoot, "GET, HEAD, OPTIONS"
		return route, method(r, &route)
	}
	if found, problem := route.find(r, parts); found {
		return route, problem
	}
	if len(parts) > 1 && isGroup(parts[0]) {
		route.Group = parts[0]
		if found, problem := route.find(r, parts[1:]); found {
			return route, problem
		}
		route.Group = ""
	}
	return route, &Problem{Code: CodeNotFound, Message: "No such endpoint: " + clip(r.Method, 16) + " " + clip(escaped(parts), 200)}
}

// busiest are the routes of POST for the paths that nearly all requests have, which no header
// changes.
var busiest = func() map[string]Route {
	routes := map[string]Route{}
	for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages"} {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}}
		route := Route{}
		if found, problem := route.find(r, strings.Split(path[1:], "/")); found && problem == nil {
			routes[path] = route
		}
	}
	return routes
}()

// find looks the path up. found is false where no table has it.
func (route *Route) find(r *http.Request, parts []string) (found bool, p *Problem) {
	w := way{parts: parts}
	if len(parts) > 1 {
		if w.api = named(parts[0]); w.api != Unknown {
			w.parts = parts[1:]
		}
	}
	if len(w.parts) == 2 && w.parts[0] == "api" && w.parts[1] == "hello" {
		route.API, route.Local, route.Allow = Anthropic, LocalHello, "GET, HEAD, OPTIONS"
		return true, method(r, route)
	}
	if len(w.parts) > 2 && w.parts[0] == "upload" {
		w.upload, w.parts = true, w.parts[1:]
	}
	switch w.parts[0] {
	case "v1", "v1beta", "v1alpha":
		w.version, w.parts = w.parts[0], w.parts[1:]
	}
	if len(w.parts) == 0 {
		return false, nil
	}
	switch w.whose(r) {
	case OpenAI:
		return route.openai(r, w)
	case Anthropic:
		return route.anthropic(r, w)
	case Gemini:
		return route.gemini(r, w)
	}
	return false, nil
}

// whose is the API that a path belongs to; Unknown: none.
func (w way) whose(r *http.Request) API {
	switch {
	case w.api == Gemini || w.version == "v1beta" || w.version == "v1alpha" || w.upload:
		if w.api != Unknown && w.api != Gemini || w.version == "" {
			return Unknown
		}
		return Gemini
	case w.api != Unknown:
		if w.version == "" && w.api == Anthropic {
			return Unknown
		}
		return w.api
	case w.version == "":
		if bareOpenAI[w.parts[0]] {
			return OpenAI
		}
		return Unknown
	case geminiMethod(w.parts) != "":
		return Gemini
	case onlyAnthropic[w.parts[0]]:
		return Anthropic
	}
	switch w.parts[0] {
	case "models", "files", "skills":
		switch {
		case saysAnthropic(r.Header):
			return Anthropic
		case w.parts[0] == "models" && saysGemini(r.Header):
			return Gemini
		}
	}
	return OpenAI
}

func (route *Route) openai(r *http.Request, w way) (bool, *Problem) {
	return route.enter(r, OpenAI, openaiEndpoints, openaiHost, []string{"v1"}, w.parts)
}

func (route *Route) anthropic(r *http.Request, w way) (bool, *Problem) {
	return route.enter(r, Anthropic, anthropicEndpoints, anthropicHost, []string{"v1"}, w.parts)
}

// gemini is for Gemini's own paths, and for those that are compatible with OpenAI.
func (route *Route) gemini(r *http.Request, w way) (bool, *Problem) {
	before := []string{w.version}
	switch {
	case w.parts[0] == "openai" && !w.upload && len(w.parts) > 1:
		return route.enter(r, OpenAI, openaiEndpoints, geminiHost, append(before, "openai"), w.parts[1:])
	case w.upload:
		if w.parts[0] != "files" {
			return false, nil
		}
		before = []string{"upload", w.version}
	case geminiMethod(w.parts) != "":
		if slices.ContainsFunc(w.parts, holdsSlash) {
			return false, nil
		}
		route.API, route.Allow, route.Body = Gemini, "POST, OPTIONS", BodyJSON
		route.at(r, geminiHost, before, w.parts)
		return true, method(r, route)
	}
	return route.enter(r, Gemini, geminiEndpoints, geminiHost, before, w.parts)
}

// enter looks the rest of a path up in an API's table.
func (route *Route) enter(r *http.Request, api API, rows []endpoint, host string, before, parts []string) (bool, *Problem) {
	if slices.ContainsFunc(parts[:len(parts)-1], holdsSlash) {
		return false, nil
	}
	path := strings.Join(parts, "/")
	row, ok := find(rows, path)
	last := parts[len(parts)-1]
	if !ok || holdsSlash(last) && (parts[0] != "models" || row.local != LocalModel) {
		return false, nil
	}
	route.API, route.Allow, route.Body = api, row.methods, row.body
	if route.Local = row.local; row.local == LocalModel {
		route.Model = strings.TrimPrefix(path, "models/")
	}
	if row.local == LocalNone {
		route.at(r, host, before, parts)
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete:
		route.Body = BodyNone
	case row.body == BodyJSON && strings.HasSuffix(row.path, "**"): // to cancel something needs no words
		route.Body = BodyOptional
	}
	return true, method(r, route)
}

// holdsSlash tells whether a segment had an encoded slash, which only the name of a model
// may have.
func holdsSlash(segment string) bool { return strings.Contains(segment, "/") }

// at makes the URL at the API's official base.
func (route *Route) at(r *http.Request, host string, before, parts []string) {
	u := &url.URL{Scheme: "https", Host: host, RawQuery: r.URL.RawQuery}
	u.Path = "/" + strings.Join(before, "/") + "/" + strings.Join(parts, "/") // no part holds a slash
	route.URL = u
}

// method checks the request's method against those of its route.
func method(r *http.Request, route *Route) *Problem {
	if r.Method == http.MethodOptions {
		route.Local, route.URL, route.Body = LocalOptions, nil, BodyNone
		return nil
	}
	for m := range strings.SplitSeq(route.Allow, ", ") {
		if m == r.Method {
			return nil
		}
	}
	route.URL = nil
	return notAllowed(route.Allow)
}

func notAllowed(allow string) *Problem {
	return &Problem{Code: CodeMethodNotAllowed, Message: "This endpoint takes " + allow + ".", Allow: allow}
}

// clip is the beginning of a text, fit for a message.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
