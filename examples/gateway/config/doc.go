// Package config reads the gateway's configuration: a YAML file, the environment and
// a .env file beside it.
//
//	gateway.yaml ─► nodes with lines ─► ${ENV}, file: ─► File ─► checks ─► File, or
//	     .env ─────────────────────────────┘                              every problem at once:
//	                                                                      gateway.yaml:12: accounts[0].proxy_url: …
//
// Load starts from Default, so a File that Load returned has every default in it. The
// commented example (Example) has every field with its default, and loads.
//
// # Values
//
// Every text may hold ${NAME}, or ${NAME:-text} with a text for when NAME is not set or
// empty; $${ is a ${ that stays. A text that begins with file: is what that file holds,
// without the line end at its end: at most 64 KiB, its path relative to the
// configuration's folder. What the environment or a file yields is never looked at
// again for either of the two. Durations are written with their unit (30s, 5m, 1h30m),
// sizes as a number of bytes or with KiB, MiB or GiB.
//
// # Secrets
//
// No error quotes a value: it says where that stands. Names of fields are quoted only
// where they are made of letters, - and _.
package config
