package provider

import "github.com/tidwall/gjson"

// openaiUsage reads the usage object of OpenAI and those who copy it
// (provider-facts 3.4): chat and embeddings say prompt and completion, the
// others input and output. It may come more than once; the last one counts.
func (t *tally) openaiUsage(o gjson.Result) {
	if o.Get("type").Str == "duration" { // transcription paid by the second
		t.usage.Audio = seconds(o.Get("seconds"))
		t.reported = true
		return
	}
	if !counts(o, "total_tokens", "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens") {
		return
	}
	var u Usage
	var total int64
	o.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "prompt_tokens", "input_tokens":
			u.Input = max(u.Input, count(v))
		case "completion_tokens", "output_tokens":
			u.Output = max(u.Output, count(v))
		case "total_tokens":
			total = count(v)
		case "cached_tokens", "prompt_cache_hit_tokens": // Moonshot, DeepSeek
			u.CachedInput = max(u.CachedInput, count(v))
		case "prompt_tokens_details", "input_tokens_details", "input_token_details":
			u.openaiInput(v)
		case "completion_tokens_details", "output_tokens_details", "output_token_details":
			u.openaiOutput(v)
		case "cache_write_tokens_details":
			u.openaiWrites(v)
		}
		return true
	})
	switch {
	case t.op.Kind == OpEmbeddings:
		u.Input = max(u.Input, total)
	case total > u.Input+u.Output:
		u.Output = total - u.Input
	}
	t.set(u)
}

// openaiInput reads the parts of the input.
func (u *Usage) openaiInput(details gjson.Result) {
	details.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
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
		return true
	})
}

// openaiWrites splits what was written to the cache by the time it is kept
// (oai-go): 12 hours are an hour or longer, 30 minutes are not.
func (u *Usage) openaiWrites(details gjson.Result) {
	u.CacheWrite1h = count(details.Get("ttl_12h_tokens"))
	u.CacheWrite = max(u.CacheWrite, u.CacheWrite1h+count(details.Get("ttl_30m_tokens")))
}

// openaiOutput reads the parts of the output.
func (u *Usage) openaiOutput(details gjson.Result) {
	details.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "reasoning_tokens":
			u.Reasoning = max(u.Reasoning, count(v))
		case "audio_tokens":
			u.AudioOutput = count(v)
		case "image_tokens":
			u.ImageOutput = count(v)
		}
		return true
	})
}

// openaiPieces counts what a response did beside generating text: the pictures
// among its output, and the web searches it says it made (seen), which are
// fewer than the calls in its output, for opening a page is one, too.
func (t *tally) openaiPieces(response gjson.Result) {
	var images, searches int64
	response.Get("output").ForEach(func(_, item gjson.Result) bool {
		switch item.Get("type").Str {
		case "image_generation_call":
			if item.Get("result").Str != "" || item.Get("status").Str == "completed" {
				images++
			}
		case "web_search_call":
			if typ := item.Get("action.type").Str; typ == "" || typ == "search" {
				searches++
			}
		}
		return true
	})
	t.usage.Images = max(t.usage.Images, images)
	if n := response.Get("tool_usage.web_search.num_requests"); n.Type == gjson.Number {
		searches = count(n)
	}
	t.usage.WebSearches = orElse(searches, t.usage.WebSearches)
}

// ollamaUsage reads the members that end a native answer of Ollama
// (provider-facts 10 and 11.4).
func (t *tally) ollamaUsage(v gjson.Result) {
	in, out := v.Get("prompt_eval_count"), v.Get("eval_count")
	if in.Exists() || out.Exists() {
		t.set(Usage{Input: count(in), Output: count(out)})
	}
}
