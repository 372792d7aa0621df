package provider

// Rules returns how many rows the table of errors has that Classify of that
// API uses, and which one it finds for an answer; -1: none.
func Rules(api string) (n int, find func(Answer) int) {
	pr := map[string]*protocol{"openai": openaiProtocol, "anthropic": anthropicProtocol, "gemini": geminiProtocol}[api]
	return len(pr.rules), func(a Answer) int {
		p := readProblem(a.Status, a.Body)
		return pr.find(&p)
	}
}

// Redact and ParseReset are what their names say.
var (
	Redact     = redact
	ParseReset = parseReset
)
