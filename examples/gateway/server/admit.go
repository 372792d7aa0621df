package server

import (
	"bytes"
	"context"
	"strconv"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// admit says, when it is known what a request is, whether its key may do that, and whom it
// is charged to.
func (s *Server) admit(ctx context.Context, r *balancer.Request) ([]quota.Charge, error) {
	x := exchangeOf(ctx)
	if x == nil {
		return nil, &dialect.Problem{Code: dialect.CodeInternal, Message: "A request came to the balancer on another way than by the gateway."}
	}
	x.op = r.Operation
	if p := x.key.allows(r.Operation, x.r.Method); p != nil {
		return nil, p
	}
	s.seeds.sow(ctx, s.quota, x.key)
	return x.key.charges, nil
}

const (
	bytesPerToken  = 4
	maxPiece       = 8 << 10 // a text without a space that is longer is no text, but a picture or a sound
	tokensPerPiece = 1_600   // what a picture takes, as a rule
	maxInput       = 2_000_000
	defaultOutput  = 1_024
	maxOutput      = 128_000
)

// estimate is what a request is thought to use, where that matters.
func (s *Server) estimate(ctx context.Context, r *balancer.Request) quota.Amount {
	amount := quota.Amount{Requests: 1}
	x := exchangeOf(ctx)
	if x == nil || !x.key.estimates && !s.roster.Load().limited || r.Operation.Kind.Free() {
		return amount
	}
	amount.InputTokens = inputTokens(x.body)
	switch r.Operation.Kind {
	case provider.OpChat, provider.OpResponses, provider.OpCompletions, provider.OpMessages, provider.OpGenerate, provider.OpInteractions:
		amount.OutputTokens = outputTokens(x.body)
	}
	name := x.route.API.String()
	amount.Cost, _ = s.cfg.Prices.Cost(name, r.Operation.Model, provider.Usage{
		Input: amount.InputTokens, Output: amount.OutputTokens, Complete: true,
	}) // 0 where it is not known
	return amount
}

// inputTokens guesses how many tokens JSON has: by its length, but for strings that must be
// pictures, sounds or files.
func inputTokens(body []byte) int64 {
	var tokens int64
	for len(body) > 0 {
		i := bytes.IndexByte(body, '"')
		if i < 0 {
			i = len(body)
		}
		tokens += int64(i)
		body = body[i:]
		if len(body) == 0 {
			break
		}
		n := text(body)
		if n > maxPiece && bytes.IndexByte(body[:maxPiece], ' ') < 0 {
			tokens += tokensPerPiece * bytesPerToken
		} else {
			tokens += int64(n)
		}
		body = body[n:]
	}
	return min(tokens/bytesPerToken, maxInput)
}

// outputTokens is how many the request allows, the most where it says several, or a guess.
func outputTokens(body []byte) int64 {
	tokens, said := int64(defaultOutput), int64(-1)
	read := func(key, value []byte) bool {
		switch string(key) {
		case "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "max_tokens_to_sample":
			if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n >= 0 {
				said = max(said, min(n, maxOutput))
				tokens = said
			}
		}
		return true
	}
	members(body, func(key, value []byte) bool {
		if name := string(key); name == "generationConfig" || name == "generation_config" {
			members(value, read)
			return true
		}
		return read(key, value)
	})
	return tokens
}
