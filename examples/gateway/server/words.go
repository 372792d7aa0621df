package server

import (
	"fmt"
	"slices"

	"github.com/aitransport/aitransport/balancer"
)

// worded is an error in operators' words, for the log.
type worded struct {
	text string
	err  error
}

func (e *worded) Error() string { return e.text }

// Unwrap is what it is about.
func (e *worded) Unwrap() error { return e.err }

// inWords is why no account could be asked, in the words of the configuration where the
// accounts say so: that none has the group or the model, or speaks the API.
func (x *exchange) inWords(err *balancer.Error) error {
	grouped, model := false, x.op.Model
	for _, e := range x.s.roster.Load().entries {
		if _, speaks := e.made.Provider.Match(x.route.URL); !speaks || x.group != "" && !slices.Contains(e.from.Groups, x.group) {
			continue
		}
		grouped = true
		if e.takes(model) {
			return err
		}
	}
	switch {
	case !grouped && x.group != "":
		return &worded{fmt.Sprintf("no account that can be used has the group %.100q: write it among an account's groups", x.group), err}
	case x.group != "":
		return &worded{fmt.Sprintf("no account of the group %.100q serves the model %.100q: see the accounts' models", x.group, model), err}
	case grouped:
		return &worded{fmt.Sprintf("no account serves the model %.100q: see the accounts' models", model), err}
	default:
		return &worded{fmt.Sprintf("no account that can be used speaks the API of %v: add one whose provider does, since nothing is translated", x.route.API), err}
	}
}
