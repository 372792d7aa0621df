// Package e2e drives the gateway from outside, as its users do: with the official
// clients for Go, Node and Python and with Claude Code, through real proxies; from a
// module of its own; and under load beside a bare reverse proxy. It has tests only.
//
// The clients are installed once, from the clone's root:
//
//	npm ci --prefix examples/gateway/e2e/clients/node
//	python3 -m venv examples/gateway/e2e/clients/python/.venv
//	examples/gateway/e2e/clients/python/.venv/bin/pip install -r examples/gateway/e2e/clients/python/requirements.txt
//
// Where they are missing the tests are skipped and say so; with CI=true they fail.
package e2e
