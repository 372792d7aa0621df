package provider

import "bytes"

// geminiUsage reads usageMetadata (provider-facts 5.3): cumulative, so the
// last one counts.
func (t *tally) geminiUsage(o node) {
	var u Usage
	var total int64
	var known bool
	var tier node
	for key, v := range o.members() {
		switch string(key) {
		case "promptTokenCount":
			known = known || v.kind() != 'n'
			u.Input = sum(u.Input, count(v))
		case "toolUsePromptTokenCount":
			u.Input = sum(u.Input, count(v))
		case "cachedContentTokenCount":
			u.CachedInput = count(v)
		case "candidatesTokenCount":
			known = known || v.kind() != 'n'
			u.Output = sum(u.Output, count(v))
		case "thoughtsTokenCount":
			u.Output = sum(u.Output, count(v))
			u.Reasoning = count(v)
		case "totalTokenCount":
			known = known || v.kind() != 'n'
			total = count(v)
		case "promptTokensDetails":
			u.AudioInput, u.ImageInput = modalities(v, "tokenCount")
		case "candidatesTokensDetails":
			u.AudioOutput, u.ImageOutput = modalities(v, "tokenCount")
		case "trafficType":
			tier = v
		}
	}
	if !known {
		return
	}
	t.setTier(tier)
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.set(u)
}

// interactionUsage reads the usage of an interaction (provider-facts 5.3).
// Thoughts stand beside the output, and the use of tools beside the input, as
// the totals of answers seen say; the members by modality and the count of
// searches are seen only.
func (t *tally) interactionUsage(o node) {
	var u Usage
	var total, searches int64
	var known bool
	for key, v := range o.members() {
		switch string(key) {
		case "total_input_tokens":
			known = known || v.kind() != 'n'
			u.Input = sum(u.Input, count(v))
		case "total_tool_use_tokens":
			u.Input = sum(u.Input, count(v))
		case "total_cached_tokens":
			u.CachedInput = count(v)
		case "total_output_tokens":
			known = known || v.kind() != 'n'
			u.Output = sum(u.Output, count(v))
		case "total_thought_tokens":
			u.Output = sum(u.Output, count(v))
			u.Reasoning = count(v)
		case "total_tokens":
			known = known || v.kind() != 'n'
			total = count(v)
		case "input_tokens_by_modality":
			u.AudioInput, u.ImageInput = modalities(v, "tokens")
		case "output_tokens_by_modality":
			u.AudioOutput, u.ImageOutput = modalities(v, "tokens")
		case "grounding_tool_count":
			for tool := range v.elements() {
				searches = sum(searches, count(tool.get("count")))
			}
		}
	}
	if !known {
		return
	}
	if total > u.Input+u.Output {
		u.Output = total - u.Input
	}
	t.usage.WebSearches = orElse(searches, t.usage.WebSearches)
	t.set(u)
}

// modalities returns how many of the tokens in a list by modality were sound
// and how many were pictures.
func modalities(list node, tokens string) (audio, image int64) {
	for v := range list.elements() {
		switch modality := v.get("modality").plain(); {
		case bytes.EqualFold(modality, []byte("AUDIO")):
			audio = sum(audio, count(v.get(tokens)))
		case bytes.EqualFold(modality, []byte("IMAGE")):
			image = sum(image, count(v.get(tokens)))
		}
	}
	return audio, image
}
