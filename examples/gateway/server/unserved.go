package server

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// unserved is what the client is told of a request that no account was asked for: that
// there is no such model, where no account could ever serve it, and else that there is no
// account for now. Accounts that are disabled count, and those that are left out because
// they are wrong: they may come back.
func (x *exchange) unserved(err *balancer.Error) *dialect.Problem {
	p := &dialect.Problem{Code: dialect.CodeNoAvailableAccount, RetryAt: err.RetryAt, Err: x.inWords(err)}
	r := x.s.roster.Load()
	var grouped, speaks, serves bool
	for _, e := range slices.AppendSeq(slices.Clone(r.left), maps.Values(r.entries)) {
		if x.group != "" && !slices.Contains(e.made.Groups, x.group) {
			continue
		}
		grouped = true
		if e.made.Provider.API.Name == x.route.API.String() {
			speaks, serves = true, serves || e.takes(x.op.Model)
		}
	}
	switch {
	case len(r.entries) == 0 && len(r.broken) > 0:
		p.Message = "No account of this gateway is set up rightly: tell who runs it, whose log says why."
	case len(r.entries) == 0:
		p.Message = "There is no account yet."
	case !grouped:
		p.Message = "At this gateway the group of this API key has no account: tell who runs the gateway."
	case !speaks && x.group != "":
		p.Message = "No account of this API key's group speaks this API."
	case !speaks, errors.Is(err, balancer.ErrNoRoute) && len(r.left) == 0:
		p.Message = "No account speaks this API."
	case !serves:
		p.Code, p.RetryAt = dialect.CodeModelNotFound, time.Time{}
		p.Message = "No account that this API key may use serves the model " + shown(x.op.Model) + "."
	}
	return p
}

// takes tells whether the account serves a model that is asked for by that name, as the
// balancer does; "": none is named.
func (e *entry) takes(model string) bool {
	if model == "" || len(e.made.Models) == 0 {
		return true
	}
	for pattern := range e.made.Models {
		if matches(pattern, model) {
			return true
		}
	}
	return false
}
