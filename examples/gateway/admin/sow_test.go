package admin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// What a key used before a restart is told and forgotten before its first request, too: that
// would bring it back.
func TestWhatAKeyUsedBeforeIsToldAndForgotten(t *testing.T) {
	w := newReal(t)
	w.account("a", nil)
	id, secret := w.key(object{"name": "ci", "quotas": []object{{"window": "day", "tokens": 5000}}})
	path := "/keys/" + id
	w.db.Record(resource.Request{KeyID: id, Account: "a", InputTokens: 4990, Start: time.Now()})
	require.NoError(t, w.db.Flush(t.Context()))

	used := func(method, path string) any {
		return w.ok(200, method, path, nil).object()["levels"].([]any)[0].(object)["used"]
	}
	assert.EqualValues(t, 4990, used("GET", path+"/usage"))
	assert.EqualValues(t, 0, used("POST", path+"/usage/reset"))
	assert.Equal(t, 200, w.ask(secret))
}
