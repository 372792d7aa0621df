package admin

import (
	"github.com/aitransport/aitransport/balancer"
)

var snapshotOperations = []operation{
	{method: "GET", path: "/snapshot", name: "getSnapshot", query: []string{"limits"}, do: (*api).getSnapshot},
}

// snapshotAnswer is the balancer's picture.
type snapshotAnswer struct {
	balancer.Snapshot
	LimitsMissing string `json:"limits_missing,omitempty"`
}

func (a *api) getSnapshot(c *call) (any, error) {
	limits, err := c.flag("limits", false)
	if err != nil {
		return nil, err
	}
	s, missing, err := a.snapshot(c.r.Context(), c, limits)
	if err != nil {
		return nil, err
	}
	return snapshotAnswer{s, missing}, nil
}
