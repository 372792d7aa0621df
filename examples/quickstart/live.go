package main

import (
	"context"
	"errors"
	"os"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider"
)

// runLive makes the calls at the real services, for which the environment has keys.
func runLive(ctx context.Context, proxy string, models sdks.Models) ([]row, error) {
	var accounts []balancer.Account
	for _, a := range []struct {
		provider *provider.Provider
		variable string
	}{
		{provider.OpenAI, "OPENAI_API_KEY"},
		{provider.Anthropic, "ANTHROPIC_API_KEY"},
		{provider.Gemini, "GEMINI_API_KEY"},
	} {
		if key := os.Getenv(a.variable); key != "" {
			accounts = append(accounts, balancer.Account{
				Name: a.provider.Name + "-live", Provider: a.provider, Secret: key, Proxy: proxy,
				Groups: []string{a.provider.Name},
			})
		}
	}
	if len(accounts) == 0 {
		return nil, errors.New("-live needs a key in OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY")
	}
	return tour(ctx, balancer.Config{Accounts: accounts}, models, func(c sdks.Call) string {
		for _, a := range accounts {
			if a.Provider.Name == c.Provider {
				return c.Provider
			}
		}
		return ""
	})
}
