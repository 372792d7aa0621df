package resource

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/aitransport/aitransport/provider"
)

// Warnings are what of an account is right and looks like a mistake all the same; nil:
// nothing.
func (a *Account) Warnings() []*FieldError {
	p, ok := provider.Lookup(a.Provider)
	own, err := url.Parse(a.BaseURL)
	if !ok || a.BaseURL == "" || err != nil {
		return nil
	}
	official, err := url.Parse(p.BaseURL)
	if err != nil { // the catalogue's own are URLs
		return nil
	}
	at := func(path string) string {
		return (&url.URL{Scheme: own.Scheme, Host: own.Host, Path: path}).String()
	}
	var message string
	switch usual, version := versionOf(official.Path), versionOf(own.Path); {
	case usual != "" && version == "":
		message = fmt.Sprintf("it has no version in its path, and %s's own ends with %s: if requests get 404, write %.200q", p.Name, official.Path, at(strings.TrimRight(own.Path, "/")+"/"+usual))
	case usual == "" && version != "" && strings.HasSuffix(strings.TrimRight(own.Path, "/"), "/"+version):
		message = fmt.Sprintf("it ends with /%s, which %s's requests bring themselves: if they get 404, write %.200q", version, p.Name, at(strings.TrimSuffix(strings.TrimRight(own.Path, "/"), "/"+version)))
	default:
		return nil
	}
	return []*FieldError{{Field: "base_url", Message: message}}
}

// versionOf is the segment of a path that names an API's version, such as v1 or v1beta; "":
// none does.
func versionOf(path string) string {
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) > 1 && segment[0] == 'v' && '0' <= segment[1] && segment[1] <= '9' {
			return segment
		}
	}
	return ""
}
