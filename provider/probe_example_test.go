package provider_test

import (
	"encoding/json"
	"fmt"

	"github.com/aitransport/aitransport/provider"
)

// A probe is data: one for a gateway of one's own is read from a file, say.
func ExampleProbe() {
	var p provider.Probe
	err := json.Unmarshal([]byte(`{
		"name": "gateway budget", "path": "/budget", "auth": "account", "proves": ["money"],
		"rules": [
			{"status": 200, "json": "left_usd", "test": "below", "value": "1", "class": "quota exhausted", "until": "renewed_at"},
			{"status": 200, "json": "left_usd", "class": "ok"}
		]
	}`), &p)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Validate())

	gateway := provider.OpenAI.At("gateway", "https://gateway.example.com/v1")
	v := p.Judge(gateway, provider.Answer{Status: 200, At: noon, Body: []byte(`{"left_usd": 0.2, "renewed_at": "2026-09-01T00:00:00Z"}`)})
	fmt.Println(v.Class, "-", v.Advice())
	// Output:
	// <nil>
	// quota exhausted - wait until 2026-09-01T00:00:00Z, or pay: top up, raise the limit or change the plan
}
