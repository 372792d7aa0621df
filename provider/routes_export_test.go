package provider

import (
	"maps"
	"net/http"
	"slices"
)

// tables are the routes of each API.
var tables = map[string][]route{"openai": openaiRoutes, "anthropic": anthropicRoutes, "gemini": geminiRoutes}

// Routes names the rows of an API's table of operations.
func Routes(api string) (names []string) {
	for _, row := range tables[api] {
		names = append(names, row.method+" "+row.path)
	}
	if api == "gemini" {
		for method := range maps.Keys(geminiMethods) {
			names = append(names, ":"+method)
		}
	}
	return names
}

// RouteOf names the row that a request meets; empty: none.
func RouteOf(api string, r *http.Request) string {
	if api == "gemini" {
		if geminiCompatible(r.URL.Path) {
			return ""
		}
		if seg, ok := modelSegment(r.URL, beforeColon); ok && r.Method == post {
			if _, known := geminiMethods[seg.method]; known {
				return ":" + seg.method
			}
			return ""
		}
	}
	row, ok := findRoute(tables[api], r.Method, r.URL.Path)
	if !ok {
		return ""
	}
	i := slices.Index(Routes(api), row.method+" "+row.path)
	return Routes(api)[i]
}
