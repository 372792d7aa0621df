package server

import (
	"context"
	"errors"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/transport"
)

// ProbeRoute takes the way of an account to its provider, saved or not, without its
// credential. The error says what is wrong with the account; all else is in the report.
func (s *Server) ProbeRoute(ctx context.Context, a resource.Account) (report transport.Report, err error) {
	made, closes, err := s.made(a)
	if err != nil {
		return report, err
	}
	cfg := s.balancerConfig()
	cfg.Accounts, cfg.HealthChecks, cfg.Health, cfg.Affinity = []balancer.Account{made}, balancer.HealthChecks{}, nil, nil
	b, err := balancer.New(cfg)
	if err != nil {
		return report, errors.Join(err, closes())
	}
	report = b.Probe(ctx)[0].Report
	return report, errors.Join(b.Close(), closes())
}
