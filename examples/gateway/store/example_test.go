package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	db, err := store.Open(ctx, store.Config{
		URL: filepath.Join(folder, "gateway.db"), // or postgres://…, mysql://…
		Key: bytes.Repeat([]byte{1}, 32),         // from the environment, in earnest
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close(ctx) }()

	account, err := db.CreateAccount(ctx, resource.Account{Name: "main", Provider: "openai", Secret: resource.NewSecret("sk-…")})
	if err != nil {
		log.Fatal(err)
	}
	db.Record(resource.Request{ID: "req_1", Account: account.Name, Model: "gpt-5", Status: 200, Cost: 2_500_000, Charged: 3_000_000, Start: time.Now()})
	report, err := db.Reconcile(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)
	// Output: 1 requests (1 in the log, 0 dropped, 0 purged) that cost $0.002500000, charged $0.003000000: all sums agree
}
