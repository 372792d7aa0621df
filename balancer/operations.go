package balancer

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// checkOperations refuses a list of operations that says something else than was
// meant.
func (a *Account) checkOperations(index int) error {
	if a.Operations != nil && len(a.Operations) == 0 {
		return accountError(a, index, "Operations", "it is empty, which is none: write nil for all of the provider's, or set Disabled")
	}
	for _, k := range a.Operations {
		if k.String() == provider.OpUnknown.String() {
			return accountError(a, index, "Operations", "one of them is unknown: name those that the account serves; requests that are not recognised are always passed on")
		}
		if !a.Provider.Serves(k) {
			return accountError(a, index, "Operations", "provider %q does not serve %s: leave it out; it serves %s", a.Provider.Name, k, listed(a.Provider.Operations))
		}
	}
	return nil
}

// serves tells whether the account takes operations of a kind. One that was not
// recognised is passed on: the provider knows better.
func (m *member) serves(k provider.OperationKind) bool {
	return m.Provider.Serves(k) && (m.Operations == nil || k == provider.OpUnknown || slices.Contains(m.Operations, k))
}

// refuses says that the account does not serve a kind, and what it serves.
func (m *member) refuses(k provider.OperationKind) string {
	served := m.Operations
	if served == nil {
		served = m.Provider.Operations
	}
	return fmt.Sprintf("does not serve %s (it serves %s)", k, listed(served))
}

// listed names operations for people.
func listed(kinds []provider.OperationKind) string {
	if len(kinds) == 0 {
		return "none"
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}

// isWebSocket tells whether a request asks to leave HTTP for a WebSocket.
func isWebSocket(h http.Header) bool { return strings.EqualFold(header(h, "Upgrade"), "websocket") }

// unsupported is the refusal of a conversation over a WebSocket.
func unsupported(in *http.Request) error {
	return &Error{Err: fmt.Errorf("%w: %s is a conversation over a WebSocket, which is not built yet; nothing was sent: use an operation that is answered over HTTP, or reach it with a client of its own",
		ErrUnsupported, shown(in.URL))}
}

// maxPlain bounds how much of a coded body is decoded to recognise it.
const maxPlain = 8 << 20

// codings are the decoders of answers, for requests.
func codings(decoders map[string]transport.Decoder) provider.Codings {
	c := make(provider.Codings, len(decoders))
	for name, d := range decoders {
		c[strings.ToLower(name)] = d
	}
	return c
}

// rename writes the account's name of the model into a request that goes out, and
// returns its body. A coded body in which the model stands goes out decoded: the
// library puts on no coding.
func (at *attempt) rename(out *http.Request) ([]byte, error) {
	r, limit := at.r, at.t.cfg.MaxReplay
	plain, text, whole := at.t.codings.Plain(out, r.body, limit)
	if plain == out || !whole || !r.whole {
		body, err := r.Operation.Rename(out, r.body, at.model)
		if err != nil && len(out.Header["Content-Encoding"]) > 0 {
			err = fmt.Errorf("model %q is called %q at this account, but it stands in a compressed body that is not whole within Config.MaxReplay (%d bytes, compressed or not): send the body uncompressed, raise MaxReplay, or leave the model its name in Account.Models: %w",
				r.Operation.Model, at.model, limit, err)
		}
		return body, err
	}
	body, err := r.Operation.Rename(plain, text, at.model)
	if err != nil {
		return nil, err
	}
	out.URL = plain.URL
	if bytes.Equal(body, text) { // the model stands in the path
		return r.body, nil
	}
	out.Header.Del("Content-Encoding")
	out.Header.Del("Content-Length")
	return body, nil
}
