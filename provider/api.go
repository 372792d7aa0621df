package provider

import (
	"net/http"
	"net/url"
)

// An API is a wire protocol: how its requests are recognised, its errors read
// and its tokens counted. [OpenAI], [Anthropic] and [Gemini] bring theirs in
// their API field; a user may write another one. All funcs may be called by
// many goroutines at the same time, and none may keep what it is given.
type API struct {
	// Name is the word for the protocol in hooks and errors: "openai".
	Name string

	// Match says whether u is below the API's official base, and returns the
	// escaped path below it: "" or a path that starts with "/". Nil: the API
	// has no official base.
	Match func(u *url.URL) (rest string, ok bool)

	// Describe tells what a request asks for. The path may stand below any
	// base, so only its end counts. body holds as many bytes as were buffered:
	// all, some or none; Describe does not change it. What cannot be read is
	// left at its zero value; Describe never fails. A body that the header says
	// has a content coding is not looked into: Codings.Plain takes it off.
	Describe func(r *http.Request, body []byte) Operation

	// Classify judges an answer, good ones included.
	Classify func(Answer) Verdict

	// NewMeter returns a Meter for the body of an answer of 200 to 299 with
	// this header. The bytes given to it are those after content decoding: a
	// header that still names a Content-Encoding gives a meter that reads
	// nothing.
	NewMeter func(Operation, http.Header) Meter

	// Authorize sets the credential of a request of which Address has made
	// the URL and StripCredentials has removed every other credential. It
	// refuses a token that cannot stand in a header, without quoting it.
	Authorize func(r *http.Request, token string) error
}
