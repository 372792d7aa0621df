package provider

import (
	"strings"

	"github.com/tidwall/gjson"
)

// geminiUsage reads usageMetadata (provider-facts 5.3): cumulative, so the
// last one counts.
func (t *tally) geminiUsage(o gjson.Result) {
	if !counts(o, "totalTokenCount", "promptTokenCount", "candidatesTokenCount") {
		return
	}
	var u Usage
	var total int64
	o.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "promptTokenCount", "toolUsePromptTokenCount":
			u.Input = sum(u.Input, count(v))
		case "cachedContentTokenCount":
			u.CachedInput = count(v)
		case "candidatesTokenCount":
			u.Output = sum(u.Output, count(v))
		case "thoughtsTokenCount":
			u.Output = sum(u.Output, count(v))
			u.Reasoning = count(v)
		case "totalTokenCount":
			total = count(v)
		case "promptTokensDetails":
			u.AudioInput, u.ImageInput = modalities(v, "tokenCount")
		case "candidatesTokensDetails":
			u.AudioOutput, u.ImageOutput = modalities(v, "tokenCount")
		case "trafficType":
			t.setTier(v)
		}
		return true
	})
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.set(u)
}

// interactionUsage reads the usage of an interaction (provider-facts 5.3).
// Thoughts stand beside the output, and the use of tools beside the input, as
// the totals of answers seen say; the members by modality and the count of
// searches are seen only.
func (t *tally) interactionUsage(o gjson.Result) {
	if !counts(o, "total_tokens", "total_input_tokens", "total_output_tokens") {
		return
	}
	var u Usage
	var total, searches int64
	o.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "total_input_tokens", "total_tool_use_tokens":
			u.Input = sum(u.Input, count(v))
		case "total_cached_tokens":
			u.CachedInput = count(v)
		case "total_output_tokens":
			u.Output = sum(u.Output, count(v))
		case "total_thought_tokens":
			u.Output = sum(u.Output, count(v))
			u.Reasoning = count(v)
		case "total_tokens":
			total = count(v)
		case "input_tokens_by_modality":
			u.AudioInput, u.ImageInput = modalities(v, "tokens")
		case "output_tokens_by_modality":
			u.AudioOutput, u.ImageOutput = modalities(v, "tokens")
		case "grounding_tool_count":
			v.ForEach(func(_, tool gjson.Result) bool {
				searches = sum(searches, count(tool.Get("count")))
				return true
			})
		}
		return true
	})
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.usage.WebSearches = orElse(searches, t.usage.WebSearches)
	t.set(u)
}

// modalities returns how many of the tokens in a list by modality were sound
// and how many were pictures.
func modalities(list gjson.Result, tokens string) (audio, image int64) {
	list.ForEach(func(_, v gjson.Result) bool {
		switch modality := v.Get("modality").Str; {
		case strings.EqualFold(modality, "AUDIO"):
			audio = sum(audio, count(v.Get(tokens)))
		case strings.EqualFold(modality, "IMAGE"):
			image = sum(image, count(v.Get(tokens)))
		}
		return true
	})
	return audio, image
}
