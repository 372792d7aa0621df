// Package store keeps the gateway's accounts, keys and records in a SQL database: SQLite
// (the default), PostgreSQL, MySQL or MariaDB.
//
//	db, err := store.Open(ctx, store.Config{URL: "data/gateway.db", Key: key})
//	defer db.Close(ctx)
//
// # Records
//
// Record takes the record of a request and returns at once. One goroutine writes:
//
//	Record ─► queue ─► batch: one transaction ─► request_logs   a row each
//	            │ full                        ├─► daily_usages   by day, user, key and model
//	            └─► sums of dropped rows ─────┤   account_usages by day and account
//	                                          ├─► key_usages     by key and quarter of an hour
//	                                          ├─► accounts.total_cost, api_keys.total_cost
//	                                          └─► dropped_logs   what has no row
//
// Rows may be dropped where the database cannot keep up or is away, and are counted; sums
// are not. A batch has a number, written with it: one whose COMMIT was not answered is
// written again without counting twice. What cannot be written at Close goes to a file
// that the next Open reads in. A program that is killed loses what it has not written yet,
// at most the last Config.Flush of it; what is in the database always agrees with itself,
// which Reconcile proves.
//
// # Secrets
//
// Credentials, tokens, headers and proxies that have a password are encrypted under
// Config.Key (AES-256-GCM, with the account and the column as additional data). Of API
// keys only the SHA-256 is kept.
//
// # More than one program
//
// Any number of programs may use one PostgreSQL or MySQL database, and several on one
// machine one SQLite file. Changes of accounts are noticed by AccountsVersion.
package store
