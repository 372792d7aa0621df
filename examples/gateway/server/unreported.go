package server

import (
	"context"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// How much of an answer is a token, at least as a rule: a stream has its frame around each.
const (
	streamBytesPerToken = 200
	answerBytesPerToken = 10
)

// unreported is the least that an answer must have used which ended before it said what:
// its client had gone, or it broke off. Otherwise who leaves early would pay nothing.
func (x *exchange) unreported(a *balancer.Attempt) provider.Usage {
	if a.Usage.Complete || !a.Answered || a.AnswerBytes == 0 || a.Status >= 300 {
		return provider.Usage{}
	}
	switch x.op.Kind {
	case provider.OpChat, provider.OpResponses, provider.OpCompletions, provider.OpMessages, provider.OpGenerate, provider.OpInteractions:
	default:
		return provider.Usage{}
	}
	per := int64(answerBytesPerToken)
	if x.op.Stream {
		per = streamBytesPerToken
	}
	u := provider.Usage{Output: max(a.AnswerBytes/per-a.Usage.Output, 0), Complete: true}
	if a.Usage.Input == 0 {
		u.Input = inputTokens(x.body)
	}
	return u
}

// price is what a usage costs at the account of an attempt; 0: not known.
func (s *Server) price(a *balancer.Attempt, u provider.Usage) int64 {
	name, factor := a.Provider, 1.0
	if e := s.roster.Load().entries[a.Account]; e != nil {
		name = e.made.Provider.Vendor
		if e.from.PriceRate > 0 {
			factor = e.from.PriceRate
		}
	}
	nano, _ := s.cfg.Prices.Cost(name, a.Model, u)
	return charged(nano, factor)
}

// book charges the key for what was not reported. It is debt: it was used.
func (x *exchange) book(u provider.Usage, cost int64) {
	if x.key == nil || !x.key.estimates {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), keyTimeout)
	defer cancel()
	used := quota.Amount{InputTokens: u.Input, OutputTokens: u.Output, Cost: cost}
	for _, charge := range x.key.charges {
		for _, l := range charge.Limits {
			if err := spend(ctx, x.s.quota, charge.Key, l, only(l.Unit, used)); err != nil {
				x.s.log.ErrorContext(ctx, "What a client left unread was not charged", "request_id", x.id, "error", err)
			}
		}
	}
}
