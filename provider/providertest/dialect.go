package providertest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// dialect is one provider's way of speaking OpenAI's chat, as data. It never
// changes.
type dialect struct {
	id     string
	models []string // that are listed if the Config names none

	// errors are told in the envelope, calls of a native API in the native one.
	envelope, native string
	errors           map[kind]failure

	// good and refused write the rate limit's headers on answers and on errors
	// that are rate limits; nil: there are none.
	good, refused limitForm

	usage   func(*call) object // nil: as OpenAI's
	place   place
	thinks  bool                                                 // reasoning_content is shown
	extra   object                                               // at the end of a good answer in one piece, and of a stream's last chunk
	inside  func(words string, e failure) (stream, whole object) // an error once a 200 has begun; nil: as ever
	done    bool                                                 // [DONE] comes after an error inside a stream, too
	alive   signs
	balance *balance
	lists   bool // models are listed to an account without money, too

	also     []operation // what is served besides chat, embeddings and models
	local    bool        // no credential is needed unless the Config names some
	public   []string    // paths that never need one: an empty 200
	greeting string      // what GET / says; "": nothing is there
	twin     bool        // Anthropic's messages are spoken as well
	ollama   bool        // the native API is served
	google   bool        // errors are Gemini's, in an array; models may begin with models/
}

// Operations that only some dialects have.
const (
	opBalance        operation = "balance"
	opHealth         operation = "health"
	opNativeChat     operation = "ollama.chat"
	opNativeGenerate operation = "ollama.generate"
	opNativeEmbed    operation = "ollama.embed"
	opNativeTags     operation = "ollama.tags"
	opNativeVersion  operation = "ollama.version"
)

func (d *dialect) name() string { return d.id }

func (d *dialect) credential(h http.Header, _ url.Values) (string, kind) {
	return bearer(h), kindNone
}

// endings are what paths end in, below whatever prefix.
var endings = []struct {
	path, method string
	op           operation
}{
	{"/chat/completions", http.MethodPost, opChat}, // before /completions
	{"/completions", http.MethodPost, opCompletions},
	{"/embeddings", http.MethodPost, opEmbeddings},
	{"/responses", http.MethodPost, opResponses},
	{"/models", http.MethodGet, opModels},
}

func (d *dialect) route(c *call) (operation, string) {
	c.open = d.local && c.Keys == nil
	if op, method, ok := d.routeOwn(c); ok {
		return op, method
	}
	for _, e := range endings {
		if strings.HasSuffix(c.path, e.path) && d.has(e.op) {
			return e.op, e.method
		}
	}
	if _, model, ok := strings.Cut(c.path, "/models/"); ok && model != "" {
		c.model = model
		return opModel, http.MethodGet
	}
	return opUnknown, ""
}

func (d *dialect) has(op operation) bool {
	return op == opChat || op == opEmbeddings || op == opModels || slices.Contains(d.also, op)
}

// routeOwn finds what only this provider has.
func (d *dialect) routeOwn(c *call) (operation, string, bool) {
	for _, path := range d.public {
		if strings.HasSuffix(c.path, path) {
			c.open = true
			return opHealth, http.MethodGet, true
		}
	}
	if d.greeting != "" && c.path == "/" {
		c.open = true
		return opHealth, http.MethodGet, true
	}
	if d.balance != nil && strings.HasSuffix(c.path, d.balance.path) {
		return opBalance, http.MethodGet, true
	}
	if d.ollama {
		return routeOllama(c)
	}
	return opUnknown, "", false
}

func (d *dialect) inspect(c *call) {
	switch c.op {
	case opModels, opBalance, opHealth, opNativeTags, opNativeVersion:
		return
	case opModel:
		c.checkModel()
		return
	}
	if !c.decode() {
		c.problem = kindBrokenBody
		return
	}
	c.stream = c.form.Stream && c.op != opEmbeddings && c.op != opNativeEmbed
	if c.op == opNativeChat || c.op == opNativeGenerate {
		c.stream = streamsNatively(c.body)
	}
	if d.google {
		c.model = strings.TrimPrefix(c.model, "models/")
	}
	c.checkModel()
}

func (d *dialect) answer(c *call) answer {
	h := make(http.Header)
	if d.good != nil {
		d.good(h, c, usualLeft)
	}
	switch c.op {
	case opChat:
		return d.chat(c, h)
	case opResponses:
		return responses(c, h)
	case opCompletions:
		return completions(c, h)
	case opEmbeddings:
		return embeddings(c, h)
	case opBalance:
		return answer{header: h, body: d.balance.tell(c.broke)}
	case opHealth:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		return answer{header: h, raw: []byte(d.greeting)}
	case opNativeChat, opNativeGenerate, opNativeEmbed, opNativeTags, opNativeVersion:
		return d.answerNatively(c, h)
	case opModel:
		return answer{header: h, body: d.modelEntry(c.model)}
	default:
		data := list{}
		for _, m := range c.catalogue(d.models...) {
			data = append(data, d.modelEntry(m))
		}
		return answer{header: h, body: object{{"object", "list"}, {"data", data}}}
	}
}

func (d *dialect) modelEntry(id string) object {
	return object{{"id", id}, {"object", "model"}, {"created", 1721172741}, {"owned_by", d.id}}
}

func (d *dialect) signs() signs {
	if d.alive.stream == "" {
		return usualSigns
	}
	return d.alive
}

func (d *dialect) remain(h http.Header, c *call, l left) {
	if d.good != nil {
		d.good(h, c, l)
	}
}

// serves tells whether a fault is no error to this call: an account without
// money can read its balance, and Moonshot's its models.
func (d *dialect) serves(c *call, k kind) bool {
	return k == kindQuota && (c.op == opBalance || c.op == opModels && d.lists)
}

// balance is where an account's money is told, and how.
type balance struct {
	path string
	tell func(broke bool) object
}
