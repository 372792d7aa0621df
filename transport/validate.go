package transport

import (
	"errors"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"
)

// checkFields refuses a method and fields that HTTP cannot carry, before anybody is
// dialled for them. It tells no value, which may be a secret, and no name that is
// none, which may be a value in the wrong place.
func checkFields(req *http.Request) error {
	if req.Method != "" && !httpguts.ValidHeaderFieldName(req.Method) { // both are tokens
		return errors.New("transport: the request's method is no HTTP token")
	}
	for _, fields := range []http.Header{req.Header, req.Trailer} {
		for name, values := range fields {
			if !httpguts.ValidHeaderFieldName(name) {
				return errors.New("transport: the name of one of the request's header fields is no HTTP token")
			}
			for _, value := range values {
				if !httpguts.ValidHeaderFieldValue(value) {
					return errors.New("transport: the request's header field " + strconv.Quote(name) + " holds a character that HTTP cannot carry")
				}
			}
		}
	}
	return nil
}
