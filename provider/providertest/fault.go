package providertest

import "time"

// kind is what an answer is about. The first ones come from steps, the rest
// from the fake's own judgement of a call.
type kind uint8

const (
	kindNone kind = iota // nothing was said
	kindOK               // a normal answer, perhaps with a fault in its stream
	kindRaw
	kindHang

	kindRateLimited
	kindQuota
	kindSpendLimit
	kindUnauthorized
	kindPermission
	kindModelNotFound
	kindContextTooLong
	kindInvalid
	kindContentPolicy
	kindServerError
	kindOverloaded
	kindCapacity

	kindNoCredential
	kindOAuthBeta // Anthropic: an OAuth token without its beta header
	kindBadToken  // Gemini: a bearer token that is no OAuth token, or not a known one
	kindUnknownPath
	kindWrongMethod
	kindTooLarge
	kindBrokenBody
	kindNoModel
	kindNoVersion  // Anthropic: no anthropic-version
	kindBadVersion // Anthropic: one that does not exist
	kindStreamOptions
)

// isError tells whether the answer is an error of the provider.
func (k kind) isError() bool { return k >= kindRateLimited }

// fault is an error to be told in a provider's own format.
type fault struct {
	kind  kind
	reset time.Duration // rate limits: how long; 0: the answer does not say
}
