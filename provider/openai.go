package provider

import "net/http"

const openaiBase = "https://api.openai.com/v1"

// OpenAI is the OpenAI API at its official base, https://api.openai.com/v1,
// with the key as a bearer token (oai-spec). With At it is any server that
// speaks the same protocol.
var OpenAI = &Provider{
	Name:        "openai",
	BaseURL:     openaiBase,
	parsed:      officialBase(openaiBase),
	StreamUsage: true,
	Source:      "oai-spec, oai-docs; provider-facts 3",
	API: &API{
		Name:  "openai",
		Match: matchBelow(openaiBase),
		Describe: func(r *http.Request, body []byte) Operation {
			return describe("openai", openaiRoutes, r, body)
		},
		Classify:  openaiProtocol.classify,
		NewMeter:  openaiProtocol.newMeter,
		Authorize: bearer,
	},
}

// bearer sets the token as RFC 6750 says.
func bearer(r *http.Request, token string) error {
	return setCredential(r, "Authorization", "Bearer ", token)
}

// setCredential sets the header name to prefix and token.
func setCredential(r *http.Request, name, prefix, token string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, prefix+token)
	return nil
}
