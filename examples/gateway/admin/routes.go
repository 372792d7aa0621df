package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// prefix is where the API is mounted.
const prefix = "/admin/v1"

// operation is something that can be asked for.
type operation struct {
	method, path string // below prefix
	name         string // as the description and the log call it
	query        []string
	probe        bool // it asks a provider, which takes longer
	do           func(*api, *call) (any, error)
}

// operations are all there are.
func operations() []operation {
	return slices.Concat(accountOperations, keyOperations, snapshotOperations, restOperations, sessionOperations, slotOperations, recordOperations, []operation{
		{method: "GET", path: "/openapi.json", name: "getDescription", do: (*api).describe},
	})
}

// routes is the mux of all operations.
func (a *api) routes() *http.ServeMux {
	paths := make(map[string]map[string]*operation)
	for _, op := range operations() {
		if paths[op.path] == nil {
			paths[op.path] = make(map[string]*operation)
		}
		paths[op.path][op.method] = &op
	}
	mux := http.NewServeMux()
	for path, methods := range paths {
		mux.Handle(prefix+path, a.methods(methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		notFound("path: see " + prefix + "/openapi.json").write(w)
	})
	return mux
}

// methods serves a path by the request's method.
func (a *api) methods(ops map[string]*operation) http.Handler {
	allowed := []string{"OPTIONS"}
	for method := range ops {
		if allowed = append(allowed, method); method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		op, ok := ops[method]
		switch {
		case ok:
			a.serve(w, r, op)
		case method == http.MethodOptions:
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", allow)
			(&problem{status: http.StatusMethodNotAllowed, Code: codeMethod, Message: "This path takes " + allow + "."}).write(w)
		}
	})
}

// describe tells the OpenAPI description.
func (a *api) describe(*call) (any, error) { return json.RawMessage(a.description), nil }
