// Package demo has what a newcomer tries the gateway with: providers that are faked and
// proxies that fail, all on this machine.
//
//	                     ┌─► openai-1     through a proxy that is dead     ✗
//	gpt-…    ─► gateway ─┼─► openai-2     whose provider says 429          ✗
//	                     └─► openai-3     through SOCKS5 with a password   ✓
//
//	claude-… ─► gateway ─┬─► anthropic-1  whose provider is overloaded     ✗
//	                     └─► anthropic-2  through SOCKS5 with a password   ✓
//
//	gemini-… ─► gateway ───► gemini-1     its proxy is dead: goes direct   ✓
//
// Nothing of it leaves the machine: proxies reach loopback addresses alone.
package demo
