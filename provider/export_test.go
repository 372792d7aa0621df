package provider

// dialects are the tables of errors, by the name of the catalogue's first row
// that uses them.
var dialects = map[string]struct {
	protocol *protocol
	rules    []rule     // its own, which stand first
	texts    []textRule // likewise
}{
	"openai":      {openaiProtocol, openaiRules, openaiTexts},
	"anthropic":   {anthropicProtocol, anthropicRules, nil},
	"common":      {&protocol{texts: indexTexts(commonTexts)}, nil, commonTexts}, // by the status alone
	"gemini":      {geminiProtocol, geminiRules, nil},
	"deepseek":    {deepseekProtocol, deepseekRules, nil},
	"moonshot":    {moonshotProtocol, moonshotRules, nil},
	"dashscope":   {dashscopeProtocol, dashscopeRules, nil},
	"zhipu":       {zhipuProtocol, zhipuRules, zhipuTexts},
	"minimax":     {minimaxProtocol, minimaxRules, nil},
	"mistral":     {mistralProtocol, mistralRules, nil},
	"groq":        {groqProtocol, groqRules, nil},
	"xai":         {xaiProtocol, xaiRules, nil},
	"openrouter":  {openrouterProtocol, openrouterRules, nil},
	"together":    {togetherProtocol, togetherRules, nil},
	"cerebras":    {cerebrasProtocol, cerebrasRules, nil},
	"cohere":      {cohereProtocol, cohereRules, nil},
	"nvidia":      {nvidiaProtocol, nvidiaRules, nil},
	"siliconflow": {siliconflowProtocol, siliconflowRules, nil},
	"vllm":        {vllmProtocol, vllmRules, nil},
	"ollama":      {ollamaProtocol, ollamaRules, nil},
	"llamacpp":    {llamacppProtocol, llamacppRules, nil},
}

// Rules returns how many rows of its own the table of errors of that name has,
// and which one is found for an answer; -1: none.
func Rules(name string) (n int, find func(Answer) int) {
	d := dialects[name]
	return len(d.rules), func(a Answer) int {
		p := readProblem(a.Status, a.Body)
		p.header = a.Header
		return d.protocol.find(&p)
	}
}

// Texts is Rules for the rows of the last resort.
func Texts(name string) (n int, find func(Answer) int) {
	d := dialects[name]
	return len(d.texts), func(a Answer) int {
		p := readProblem(a.Status, a.Body)
		p.header = a.Header
		class, _ := classOfStatus(&p)
		if i := d.protocol.find(&p); i >= 0 {
			class = d.protocol.rules[i].class
		}
		found := d.protocol.texts.find(class, p.text, p.echoes())
		for i := range d.texts {
			if found == &d.protocol.texts.rules[i] && generic(class) {
				return i
			}
		}
		return -1
	}
}

// Dialects returns the names that Rules and Texts know.
func Dialects() []string {
	names := make([]string, 0, len(dialects))
	for name := range dialects {
		names = append(names, name)
	}
	return names
}

// Redact and ParseReset are what their names say.
var (
	Redact     = redact
	ParseReset = parseReset
)
