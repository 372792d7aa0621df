package provider

// openaiUsage reads the usage object of OpenAI and those who copy it
// (provider-facts 3.4): chat and embeddings say prompt and completion, the
// others input and output. It may come more than once; the last one counts.
func (t *tally) openaiUsage(o node) {
	var u Usage
	var total int64
	var known bool
	var typ, length node
	for key, v := range o.members() {
		switch string(key) {
		case "type":
			typ = v
		case "seconds":
			length = v
		case "prompt_tokens", "input_tokens":
			u.Input = max(u.Input, count(v))
			known = known || v.kind() != 'n'
		case "completion_tokens", "output_tokens":
			u.Output = max(u.Output, count(v))
			known = known || v.kind() != 'n'
		case "total_tokens":
			total = count(v)
			known = known || v.kind() != 'n'
		case "cached_tokens", "prompt_cache_hit_tokens": // Moonshot, DeepSeek
			u.CachedInput = max(u.CachedInput, count(v))
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			u.openaiInput(v)
		case "completion_tokens_details", "output_tokens_details", "output_token_details":
			u.openaiOutput(v)
		case "cache_write_tokens_details":
			u.openaiWrites(v)
		}
	}
	switch {
	case typ.is("duration"): // transcription paid by the second
		t.usage.Audio = seconds(length)
		t.reported = true
		return
	case !known:
		return
	case t.op.Kind == OpEmbeddings:
		u.Input = max(u.Input, total)
	case total > u.Input+u.Output:
		u.Output = total - u.Input
	}
	t.set(u)
}

// openaiInput reads the parts of the input.
func (u *Usage) openaiInput(details node) {
	for key, v := range details.members() {
		switch string(key) {
		case "cached_tokens":
			u.CachedInput = max(u.CachedInput, count(v))
		case "cache_write_tokens":
			u.CacheWrite = max(u.CacheWrite, count(v))
		case "cache_write_tokens_details":
			u.openaiWrites(v)
		case "audio_tokens":
			u.AudioInput = count(v)
		case "image_tokens":
			u.ImageInput = count(v)
		}
	}
}

// openaiWrites splits what was written to the cache by the time it is kept
// (oai-go): 12 hours are an hour or longer, 30 minutes are not.
func (u *Usage) openaiWrites(details node) {
	u.CacheWrite1h = count(details.get("ttl_12h_tokens"))
	u.CacheWrite = max(u.CacheWrite, u.CacheWrite1h+count(details.get("ttl_30m_tokens")))
}

// openaiOutput reads the parts of the output.
func (u *Usage) openaiOutput(details node) {
	for key, v := range details.members() {
		switch string(key) {
		case "reasoning_tokens":
			u.Reasoning = max(u.Reasoning, count(v))
		case "audio_tokens":
			u.AudioOutput = count(v)
		case "image_tokens":
			u.ImageOutput = count(v)
		}
	}
}

// openaiPieces counts what a response did beside generating text: the pictures
// among its output, and the web searches it says it made (seen), which are
// fewer than the calls in its output, for opening a page is one, too.
func (t *tally) openaiPieces(response *object) {
	var images, searches int64
	for item := range response.output.elements() {
		switch string(item.get("type").plain()) {
		case "image_generation_call":
			if item.get("result").hasText() || item.get("status").is("completed") {
				images++
			}
		case "web_search_call":
			if typ := item.get("action").get("type"); !typ.hasText() || typ.is("search") {
				searches++
			}
		}
	}
	t.usage.Images = max(t.usage.Images, images)
	if n := response.toolUsage.get("web_search").get("num_requests"); n.isNumber() {
		searches = count(n)
	}
	t.usage.WebSearches = orElse(searches, t.usage.WebSearches)
}

// ollamaUsage reads the members that end a native answer of Ollama
// (provider-facts 10 and 11.4).
func (t *tally) ollamaUsage(o *object) {
	if o.promptEvalCount.exists() || o.evalCount.exists() {
		t.set(Usage{Input: count(o.promptEvalCount), Output: count(o.evalCount)})
	}
}
