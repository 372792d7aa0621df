package admin_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A key is made; its secret is told this once.
func Example() {
	api, err := admin.New(admin.Config{
		Gateway:   &gateway{},  // what server.New returns
		Store:     newMemory(), // what store.Open returns
		TokenHash: hashOf("the-admin-token"),
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/v1/", api)

	r := httptest.NewRequest(http.MethodPost, "/admin/v1/keys", strings.NewReader(`{"name": "ci", "requests_per_minute": 60}`))
	r.Header.Set("Authorization", "Bearer the-admin-token")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)

	var made struct {
		Key    resource.Key
		Secret string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Code, made.Key.Name, made.Key.RequestsPerMinute, made.Secret[:3])
	// Output: 201 ci 60 gw-
}
