package balancer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/aitransport/aitransport/provider"
)

// sessionHeader is what Claude Code calls its conversation in.
const sessionHeader = "X-Claude-Code-Session-Id"

// maxSessionName is how long a name may be that is kept as it is.
const maxSessionName = 512

// sessionOf finds which conversation a request is part of, and whose it is: what the hint
// says, else the header, else what the operation tells. If openings is set, a request that
// says nothing is known by how its conversation begins in body, the plain bytes of its
// body or their head. id "": none. Names longer than 512 bytes become their hashes.
func sessionOf(h Hint, op *provider.Operation, header http.Header, body []byte, openings bool) (tenant, id string) {
	tenant = cmp.Or(h.Tenant, op.Tenant)
	id = cmp.Or(h.Session, header.Get(sessionHeader), op.Session)
	if id == "" && openings {
		id = op.Opening(body)
	}
	return bounded(tenant), bounded(id)
}

// bounded keeps a name from taking more memory than a name may.
func bounded(name string) string {
	if len(name) <= maxSessionName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "sha256-" + hex.EncodeToString(sum[:])
}
