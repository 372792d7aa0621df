package admin_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
)

// The description is valid, and says what is routed: no more and no less.
func TestDescription(t *testing.T) {
	doc, _ := document()
	require.NoError(t, doc.Validate(t.Context()))
	described := make(map[string]string)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			described[method+" "+path] = op.OperationID
			assert.NotEmpty(t, op.Summary, path)
			assert.NotNil(t, op.Responses.Default(), "%s %s tells no errors", method, path)
			var names []string
			for _, p := range op.Parameters {
				if p.Value.In == "query" {
					names = append(names, p.Value.Name)
				}
			}
			assert.ElementsMatch(t, admin.Queries()[op.OperationID], names, "query parameters of %s", op.OperationID)
		}
	}
	assert.Equal(t, admin.Routes(), described)
	ids := slices.Sorted(maps.Values(described))
	assert.Len(t, slices.Compact(ids), len(described), "an operationId stands there twice")
}

func TestDescriptionIsServedWithTheToken(t *testing.T) {
	w := newWorld(t)
	got := w.ok(200, "GET", "/openapi.json", nil).object()
	assert.Equal(t, "3.0.3", got["openapi"])
	w.send("GET", "/openapi.json", nil, without("Authorization")).failed(401, "unauthorized", "")
}
