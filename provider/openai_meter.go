package provider

import "bytes"

// doneMark ends the streams of chat and completions; the official SDKs test
// for it as a prefix (oai-go, oai-ts).
var doneMark = []byte("[DONE]")

// openaiEvent reads one event of a stream: of chat and completions, which have
// no names, or of responses, images and audio, which do (provider-facts 3.3);
// or one line of Ollama's.
func openaiEvent(t *tally, name, data []byte, cut bool) {
	if bytes.HasPrefix(data, doneMark) {
		t.end()
		return
	}
	typ := eventType(name, data)
	switch {
	case cut:
		openaiCut(t, typ, data)
	case openaiMatters(t, typ, data) && ValidJSON(data):
		openaiRead(t, typ, data)
	}
	if !t.content && !t.failed {
		t.content = openaiContent(typ, data, cut)
	}
}

// eventType returns the type of an event of those that have one: its name, or
// the first member where a relay dropped the name; nil: it has none.
func eventType(name, data []byte) []byte {
	if bytes.IndexByte(name, '.') >= 0 && !bytes.HasPrefix(name, chatPrefix) {
		return name
	}
	if typ, ok := bytes.CutPrefix(data, typeField); ok {
		typ = bytes.TrimPrefix(typ, space)
		if len(typ) > 0 && typ[0] == '"' {
			if end := bytes.IndexByte(typ[1:], '"'); end >= 0 {
				return typ[1 : 1+end]
			}
		}
	}
	return nil
}

var (
	typeField  = []byte(`{"type":`)
	chatPrefix = []byte("chat.") // a relay's: chunks of a chat have no name
)

var (
	openaiKeys = []memberKey{usageKey, errorKey, baseRespKey}
	lineKeys   = []memberKey{usageKey, errorKey, baseRespKey, doneKey}

	finishReasonKeys = []memberKey{usageKey, errorKey, baseRespKey, {key: `"finish_reason"`, rare: 7}}
	flatKeys         = []memberKey{usageKey, errorKey, baseRespKey, {key: `"code"`, rare: 1}}
)

// eventKeys are those that stand in the events of a chat that say something.
func (pr *protocol) eventKeys() []memberKey {
	switch {
	case pr.finish != nil:
		return finishReasonKeys
	case pr.flat:
		return flatKeys
	}
	return openaiKeys
}

// openaiMatters tells cheaply the few events that say something from the many
// that do not.
func openaiMatters(t *tally, typ, data []byte) bool {
	switch {
	case typ != nil:
		return openaiFinal(typ) || string(typ) == "response.failed" || string(typ) == "error" || openaiPiece(t, typ)
	case t.lines:
		return t.plain.has(data, lineKeys)
	}
	return t.plain.has(data, t.protocol.eventKeys())
}

// openaiFinal reports whether an event of that type is the last of its stream:
// of responses, images, transcription or speech.
func openaiFinal(typ []byte) bool {
	switch string(typ) {
	case "response.completed", "response.incomplete":
		return true
	}
	if bytes.HasPrefix(typ, responsePrefix) {
		return false
	}
	return bytes.HasSuffix(typ, completedSuffix) || bytes.HasSuffix(typ, doneSuffix)
}

var (
	responsePrefix  = []byte("response.")
	completedSuffix = []byte(".completed")
	doneSuffix      = []byte(".done")
)

// openaiPiece counts an event that says that a tool of a response is done. The
// last event repeats the tools with what they made, unless that is too long to
// keep. It is never one of those to be read.
func openaiPiece(t *tally, typ []byte) bool {
	switch string(typ) {
	case "response.image_generation_call.completed":
		t.usage.Images++
	case "response.web_search_call.completed":
		t.usage.WebSearches++
	}
	return false
}

// openaiDocument reads a whole body.
func openaiDocument(t *tally, doc []byte, cut bool) {
	if cut {
		openaiTail(t, doc)
		t.end()
		return
	}
	if !t.checked && !ValidJSON(doc) {
		return
	}
	if done := openaiRead(t, nil, doc); done.kind() != 'f' { // or the first of Ollama's lines
		t.end()
	} else if !t.failed {
		t.content = t.content || openaiContent(nil, doc, false)
	}
}

// openaiRead reads an event or a body, and returns what it says about being done.
func openaiRead(t *tally, typ []byte, v node) (done node) {
	var o object
	o.read(v)
	if typ == nil {
		typ = o.typ.plain()
	}
	final := openaiFinal(typ)
	whole := len(typ) == 0
	failed := whole || final || string(typ) == "error" || string(typ) == "response.failed"
	if o.response.isObject() {
		var response object
		response.read(o.response)
		t.openaiBody(&response)
		if failed {
			t.openaiFail(v, &o, &response)
		}
	} else {
		t.openaiBody(&o)
		if failed {
			t.openaiFail(v, &o, &o)
		}
	}
	if whole {
		t.ollamaUsage(&o)
	}
	if final {
		t.openaiEnd(typ)
	} else if o.done.kind() == 't' { // Ollama
		t.end()
	}
	return o.done
}

// openaiBody reads who answered, and what it used.
func (t *tally) openaiBody(body *object) {
	t.setModel(body.model)
	t.setTier(body.tier)
	for _, u := range [...]node{body.usage, body.first.usage, body.groq.get("usage")} { // Moonshot, Groq
		if u.isObject() {
			t.openaiUsage(u)
			break
		}
	}
}

// openaiFail notes what has gone wrong, and what was done all the same.
func (t *tally) openaiFail(v node, o, body *object) {
	t.fail(v, o)
	if o.groq.exists() {
		var groq object
		groq.read(o.groq)
		t.fail(o.groq, &groq)
	}
	t.openaiPieces(body)
}

// openaiEnd notes the last event of a stream, which may stand for a picture.
func (t *tally) openaiEnd(typ []byte) {
	if bytes.HasPrefix(typ, imagePrefix) {
		t.usage.Images++
	}
	t.end()
}

var imagePrefix = []byte("image_")

// openaiCut reads what is left of an event too long to keep.
func openaiCut(t *tally, typ, data []byte) {
	if typ == nil || openaiFinal(typ) {
		openaiTail(t, data)
	}
	if openaiFinal(typ) {
		t.openaiEnd(typ)
	}
}

// openaiTail reads the usage from the end of something too long to keep.
func openaiTail(t *tally, data []byte) {
	if u, ok := lastObject(data, `"usage"`); ok {
		t.openaiUsage(u)
	}
}

// lastObject returns the last member of that key, given in its quotation
// marks, whose value is an object about tokens that lies in data as a whole. What
// callers put into metadata may have a member of that name, too.
func lastObject(data []byte, key string) (node, bool) {
	for end := len(data); ; {
		i := bytes.LastIndex(data[:end], []byte(key))
		if i < 0 {
			return nil, false
		}
		if o := objectAfter(data, i+len(key)); o != nil && bytes.Contains(o, tokenWord) {
			return o, true
		}
		end = i
	}
}

// tokenWord stands in the names of all numbers of tokens: prompt_tokens,
// promptTokenCount.
var tokenWord = []byte("oken")

// objectAfter returns the object that is the value of the member whose key ends
// before data[at]; nil: it is none, or is not there as a whole.
func objectAfter(data []byte, at int) []byte {
	at = skipSpace(data, at)
	if at >= len(data) || data[at] != ':' {
		return nil
	}
	at = skipSpace(data, at+1)
	if at >= len(data) || data[at] != '{' {
		return nil
	}
	end := skipNested(data, at)
	if end < 0 || !ValidJSON(data[at:end]) {
		return nil
	}
	return data[at:end]
}
