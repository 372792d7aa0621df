package balancer

import "net/http"

// askUsage asks for the usage of a stream that tells it only then, and returns the
// body to send. A body of which the end is not known may ask already; one that is
// compressed goes out decoded if it has to be changed.
func (at *attempt) askUsage(out *http.Request, body []byte) []byte {
	r := at.r
	if !at.Provider.StreamUsage || at.t.cfg.NoStreamUsage || !r.whole {
		return body
	}
	asking, asked := r.Operation.AskUsage(out, body)
	if !asked && r.Operation.Stream && len(out.Header["Content-Encoding"]) > 0 {
		plain, text, whole := at.t.codings.Plain(out, body, at.t.cfg.MaxReplay)
		if plain == out || !whole {
			return body
		}
		if asking, asked = r.Operation.AskUsage(plain, text); asked {
			out.Header.Del("Content-Encoding")
			out.Header.Del("Content-Length")
		}
	}
	at.askedUsage = asked
	if !asked {
		return body
	}
	return asking
}
