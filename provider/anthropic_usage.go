package provider

// anthropicUsage reads a usage object of Anthropic (provider-facts 4.5). In a
// stream it comes again and again, cumulative and with gaps: null, a missing
// member or a 0 says nothing about the input.
func (t *tally) anthropicUsage(o node) {
	if iterations := t.anthropicCounts(o); iterations.isArray() {
		t.anthropicCompaction(iterations)
	}
}

// anthropicCounts reads the numbers of a usage object, or of an iteration in one, and
// returns its iterations.
func (t *tally) anthropicCounts(o node) (iterations node) {
	u := t.usage
	plain, searches := u.Input-u.CachedInput-u.CacheWrite, u.WebSearches
	var known bool
	var tier, speed node
	for key, v := range o.members() {
		if v.kind() == 'n' {
			continue
		}
		switch string(key) {
		case "input_tokens":
			plain, known = orElse(count(v), plain), true
		case "cache_read_input_tokens":
			u.CachedInput, known = orElse(count(v), u.CachedInput), true
		case "cache_creation_input_tokens":
			u.CacheWrite, known = orElse(count(v), u.CacheWrite), true
		case "cache_creation":
			u.CacheWrite1h = orElse(count(v.get("ephemeral_1h_input_tokens")), u.CacheWrite1h)
			u.CacheWrite = max(u.CacheWrite, u.CacheWrite1h+count(v.get("ephemeral_5m_input_tokens")))
		case "output_tokens":
			u.Output, known = count(v), true
		case "output_tokens_details":
			u.Reasoning = orElse(count(v.get("thinking_tokens")), u.Reasoning)
		case "server_tool_use":
			searches = orElse(count(v.get("web_search_requests"))+count(v.get("web_fetch_requests")), searches)
		case "service_tier":
			tier = v
		case "speed":
			speed = v
		case "iterations":
			iterations = v
		}
	}
	if !known {
		return iterations
	}
	t.usage.WebSearches = searches
	if speed.is(fastTier) {
		t.setTier(speed)
	} else if t.usage.Tier != fastTier {
		t.setTier(tier)
	}
	u.Input = plain + u.CachedInput + u.CacheWrite
	t.set(u)
	return iterations
}

// fastTier is Anthropic's usage.speed where it is not the ordinary one: a tier of its
// own, with its own price.
const fastTier = "fast"

// anthropicCompaction adds up the iterations that shortened the conversation:
// they alone are not in the sums beside them (ant-ts).
func (t *tally) anthropicCompaction(iterations node) {
	var all Usage
	for i := range iterations.elements() {
		if i.get("type").is("compaction") {
			var one tally
			one.anthropicCounts(i)
			all.add(&one.usage)
		}
	}
	if all.Total() > 0 {
		t.compaction, t.compacted = all, true
	}
}
