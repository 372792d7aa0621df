package provider

import "github.com/tidwall/gjson"

// anthropicUsage reads a usage object of Anthropic (provider-facts 4.5). In a
// stream it comes again and again, cumulative and with gaps: null, a missing
// member or a 0 says nothing about the input.
func (t *tally) anthropicUsage(o gjson.Result) {
	t.anthropicCounts(o)
	if i := o.Get("iterations"); i.IsArray() {
		t.anthropicCompaction(i)
	}
}

// anthropicCounts reads the numbers of a usage object, or of an iteration in one.
func (t *tally) anthropicCounts(o gjson.Result) {
	if !counts(o, "output_tokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens") {
		return
	}
	u := t.usage
	plain := u.Input - u.CachedInput - u.CacheWrite
	o.ForEach(func(key, v gjson.Result) bool {
		if v.Type == gjson.Null {
			return true
		}
		switch key.Str {
		case "input_tokens":
			plain = orElse(count(v), plain)
		case "cache_read_input_tokens":
			u.CachedInput = orElse(count(v), u.CachedInput)
		case "cache_creation_input_tokens":
			u.CacheWrite = orElse(count(v), u.CacheWrite)
		case "cache_creation":
			u.CacheWrite1h = orElse(count(v.Get("ephemeral_1h_input_tokens")), u.CacheWrite1h)
			u.CacheWrite = max(u.CacheWrite, u.CacheWrite1h+count(v.Get("ephemeral_5m_input_tokens")))
		case "output_tokens":
			u.Output = count(v)
		case "output_tokens_details":
			u.Reasoning = orElse(count(v.Get("thinking_tokens")), u.Reasoning)
		case "server_tool_use":
			searches := count(v.Get("web_search_requests")) + count(v.Get("web_fetch_requests"))
			t.usage.WebSearches = orElse(searches, t.usage.WebSearches)
		case "service_tier":
			if t.usage.Tier != fastTier {
				t.setTier(v)
			}
		case "speed":
			if v.Str == fastTier {
				t.setTier(v)
			}
		}
		return true
	})
	u.Input = plain + u.CachedInput + u.CacheWrite
	t.set(u)
}

// fastTier is Anthropic's usage.speed where it is not the ordinary one: a tier of its
// own, with its own price.
const fastTier = "fast"

// anthropicCompaction adds up the iterations that shortened the conversation:
// they alone are not in the sums beside them (ant-ts).
func (t *tally) anthropicCompaction(iterations gjson.Result) {
	var all Usage
	iterations.ForEach(func(_, i gjson.Result) bool {
		if i.Get("type").Str == "compaction" {
			var one tally
			one.anthropicCounts(i)
			all.add(&one.usage)
		}
		return true
	})
	if all.Total() > 0 {
		t.compaction, t.compacted = all, true
	}
}
