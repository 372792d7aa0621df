package providertest

// What a fake finds fault with in calls that it knows more closely. They are
// kinds as those of fault.go are, counted from further up.
const (
	kindNoObject      kind = iota + 128 // an object that is not kept, or that another credential made
	kindNoPrevious                      // OpenAI: the previous response is such an object
	kindBadField                        // call.param and call.complaint say which and why
	kindBadForm                         // not multipart/form-data
	kindNotBackground                   // OpenAI: only responses in the background can be cancelled
	kindUpgrade                         // a WebSocket is wanted
	kindExists                          // Gemini: a file with the name that a new one is given
	kindNotEnded                        // Anthropic: results of a batch that is still going on
)

// lack is the answer to a call for an object that is not there for it.
func (c *call) lack(collection, id string) answer {
	c.lacks, c.object = collection, id
	return answer{problem: kindNoObject}
}

// refuse is the answer to a call with a bad or missing parameter.
func (c *call) refuse(param, complaint string) answer {
	c.param, c.complaint = param, complaint
	return answer{problem: kindBadField}
}
