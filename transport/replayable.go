package transport

import (
	"bytes"
	"io"
	"net/http"
)

// Replayable lets a request be sent again: it gives those without GetBody one, by
// reading bodies of up to limit bytes into memory. A longer one goes out as it came,
// and once, and so does one with trailers, which need the length to be unknown.
func Replayable(limit int64) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if req.Body == nil || req.Body == http.NoBody || req.GetBody != nil || req.ContentLength > limit || len(req.Trailer) > 0 {
				return next.RoundTrip(req)
			}
			kept, err := io.ReadAll(io.LimitReader(req.Body, limit+1))
			if err != nil {
				closeBody(req)
				return nil, err
			}
			out := *req
			if int64(len(kept)) > limit {
				out.Body = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(bytes.NewReader(kept), req.Body), req.Body}
				return restoreRequest(req)(next.RoundTrip(&out))
			}
			closeBody(req)
			out.ContentLength = int64(len(kept))
			out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
			out.Body, _ = out.GetBody() // cannot fail
			return restoreRequest(req)(next.RoundTrip(&out))
		})
	}
}

// restoreRequest makes an answer's request the one that the caller sent.
func restoreRequest(req *http.Request) func(*http.Response, error) (*http.Response, error) {
	return func(resp *http.Response, err error) (*http.Response, error) {
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}
