package provider

// An object has those members of a JSON object, an answer or an event of one, that
// the meters and the judges of good answers ask for. Of several of one name it has the
// first.
type object struct {
	whole node // that it was read from

	typ, eventType                     node
	model, modelVersion, tier          node
	usage, usageMetadata               node
	response, message, interaction     node // what an event has in its stead
	choices, data, output, toolUsage   node
	groq                               node
	done, promptEvalCount, evalCount   node // Ollama
	err, errorType, code, baseResponse node

	ending
	first choice // of choices
}

// An ending has the members that say why an answer ended, at those who may refuse one.
type ending struct {
	stopReason, stopDetails, delta node // Anthropic
	promptFeedback, candidates     node // Gemini
	finishReason                   node // of the first of candidates
}

// A choice has the members of one that say something.
type choice struct{ usage, err, finish node }

// read reads an object, in one walk over its members.
func (o *object) read(n node) {
	o.whole = n
	for key, value := range n.members() {
		if field := o.field(key); field != nil && *field == nil {
			*field = value
		}
	}
	o.first.read(o.choices.front())
	o.finishReason = o.candidates.front().get("finishReason")
}

// field returns where the member of that name is kept; nil: nowhere.
func (o *object) field(key []byte) *node {
	switch string(key) {
	case "type":
		return &o.typ
	case "event_type":
		return &o.eventType
	case "model":
		return &o.model
	case "modelVersion":
		return &o.modelVersion
	case "service_tier":
		return &o.tier
	case "usage":
		return &o.usage
	case "usageMetadata":
		return &o.usageMetadata
	case "response":
		return &o.response
	case "message":
		return &o.message
	case "interaction":
		return &o.interaction
	case "choices":
		return &o.choices
	case "data":
		return &o.data
	case "output":
		return &o.output
	case "tool_usage":
		return &o.toolUsage
	case "x_groq":
		return &o.groq
	case "done":
		return &o.done
	case "prompt_eval_count":
		return &o.promptEvalCount
	case "eval_count":
		return &o.evalCount
	}
	return o.lateField(key)
}

// lateField is field for what an answer may have come to.
func (o *object) lateField(key []byte) *node {
	switch string(key) {
	case "error":
		return &o.err
	case "error_type":
		return &o.errorType
	case "code":
		return &o.code
	case "base_resp":
		return &o.baseResponse
	case "stop_reason":
		return &o.stopReason
	case "stop_details":
		return &o.stopDetails
	case "delta":
		return &o.delta
	case "promptFeedback":
		return &o.promptFeedback
	case "candidates":
		return &o.candidates
	}
	return nil
}

// read reads a choice.
func (c *choice) read(n node) {
	for key, value := range n.members() {
		var field *node
		switch string(key) {
		case "usage":
			field = &c.usage
		case "error":
			field = &c.err
		case "finish_reason":
			field = &c.finish
		}
		if field != nil && *field == nil {
			*field = value
		}
	}
}
