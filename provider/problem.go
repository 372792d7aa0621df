package provider

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// A form is what kind of thing an error body is.
type form uint8

const (
	formEmpty form = iota
	formJSON
	formHTML
	formText
)

// A problem is what an error says of itself, whatever its envelope.
type problem struct {
	form    form
	status  int    // that of the answer, or the one an error inside a 200 names
	typ     string // error.type; Gemini: error.status
	code    string // error.details.error_code, error.code; Gemini: details[].reason
	message string
	title   bool   // message is but a title
	text    string // message in lower case, at most 4 KiB

	reason   string  // Anthropic: details.error_code; Gemini: details[].reason; error_type; becomes the code
	quota    string  // Gemini: the quotaIds; OpenRouter: limit_source and reason; each with a space after it
	retry    string  // Gemini: RetryInfo.retryDelay, else ErrorInfo.metadata.quotaResetDelay
	resetsAt string  // resets_at or retry_after beside the message
	resetsIn float64 // resets_in_seconds, likewise; 0: not there

	header http.Header // of the answer; nil: not known
}

// readProblem reads the body of an answer of 400 or above.
func readProblem(status int, body []byte) problem {
	p := problem{status: status}
	body = trimHead(body)
	if len(body) == 0 {
		return p
	}
	switch body[0] {
	case '{', '[':
		p.form = formJSON
		p.readJSON(body)
	case '<':
		p.form = formHTML
		p.message = string(body[:min(len(body), maxText)])
	default:
		p.form = formText
		p.message = string(body[:min(len(body), maxText)])
	}
	p.text = strings.ToLower(head(p.message, maxText))
	return p
}

// readJSON reads the body of an error that is JSON.
func (p *problem) readJSON(body []byte) {
	if p.readCommon(body) {
		return
	}
	root := node(body)
	if root.isArray() { // Gemini, on streams and on its compatible part
		root = root.first()
	}
	var o object
	o.read(root)
	if !p.readEnvelope(&o) {
		p.readObject(root) // flat: Mistral, DashScope, Bedrock
	}
}

// readCommon reads the envelope that nearly all have, an object error that stands
// first and has a code, in one pass.
func (p *problem) readCommon(body []byte) bool {
	if body[0] == '[' {
		body = trimHead(body[1:])
	}
	m, ok := walk(body)
	if !ok {
		return false
	}
	raw, ok := bytes.CutPrefix(body[skipSpace(body, m.at):], []byte(`"error":`))
	if !ok {
		return false
	}
	if raw = trimHead(raw); len(raw) == 0 || raw[0] != '{' {
		return false
	}
	q := *p
	if q.readObject(raw); q.code == "" {
		return false
	}
	*p = q
	return true
}

// suspect reports whether an answer of good status has anything that findProblem may
// find to be an error. Nearly none has, and those are told so at little cost.
func (o *object) suspect() bool {
	for _, e := range [...]node{o.err, o.first.err} {
		if e.isObject() || e.hasText() {
			return true
		}
	}
	return o.response.isObject() || o.baseResponse.isObject() || o.typ.is("error")
}

// findProblem looks for an error in JSON that came with a good status. Its
// status is the one the error names, else 200.
func findProblem(o *object) (problem, bool) {
	p := problem{status: 200, form: formJSON}
	if !p.readEnvelope(o) {
		return problem{}, false
	}
	p.text = strings.ToLower(head(p.message, maxText))
	return p, true
}

// findFlat looks for an error without an envelope in JSON that came with a good
// status: a code and a message, and nothing that an answer has.
func findFlat(o *object) (problem, bool) {
	if !o.code.hasText() || !o.message.hasText() || o.choices.exists() || o.data.exists() {
		return problem{}, false
	}
	p := problem{status: 200, form: formJSON}
	p.readObject(o.whole)
	p.text = strings.ToLower(head(p.message, maxText))
	return p, true
}

// readEnvelope reads o if it is one of the known envelopes of an error. An
// error that says nothing at all is none.
func (p *problem) readEnvelope(o *object) bool {
	for _, e := range [...]node{o.err, o.response.get("error"), o.first.err} {
		switch {
		case e.isObject():
			if p.readObject(e); p.message != "" || p.code != "" || p.typ != "" {
				if p.code == "" {
					p.code = o.errorType.text() // Together
				}
				return true
			}
		case e.hasText(): // vLLM, Ollama, xAI
			p.message, p.code = e.text(), gjson.ParseBytes(o.code).String()
			return true
		}
	}
	if r := gjson.ParseBytes(o.baseResponse); r.Get("status_code").Int() != 0 { // MiniMax
		p.code, p.message = r.Get("status_code").String(), r.Get("status_msg").String()
		return true
	}
	if o.typ.is("error") { // the error event of OpenAI's responses
		p.readObject(o.whole)
		p.typ = ""
		return true
	}
	return false
}

// readObject reads the object that has the message, which may be cut off.
func (p *problem) readObject(raw []byte) {
	m, ok := walk(raw)
	for ok {
		var key []byte
		var start, end int
		if key, start, end, ok = m.next(); ok {
			p.readMember(key, raw[start:end])
		}
	}
	if p.reason != "" {
		p.code = p.reason
	}
}

// readMember reads a member of that object.
func (p *problem) readMember(key, raw []byte) {
	switch string(key) {
	case "type":
		p.typ = textOf(raw)
	case "code":
		p.code = textOf(raw)
		p.setStatus(raw)
	case "status":
		if raw[0] == '"' && p.typ == "" {
			p.typ = textOf(raw)
		}
		p.setStatus(raw)
	case "message":
		if raw[0] == '{' { // Mistral
			p.readDetail(gjson.GetBytes(raw, "detail"))
		} else {
			p.message, p.title = textOf(raw), false
		}
	case "detail":
		p.readDetail(gjson.ParseBytes(raw))
	case "title": // NVIDIA: the status in words, good for want of better
		if p.message == "" {
			p.message, p.title = textOf(raw), true
		}
	case "details":
		p.readDetails(raw)
	case "error_type": // Together
		p.reason = orWord(p.reason, stringOf(raw))
	case "metadata":
		p.readMetadata(gjson.ParseBytes(raw))
	case "resets_at", "retry_after":
		p.resetsAt = textOf(raw)
	case "resets_in_seconds":
		p.resetsIn = gjson.ParseBytes(raw).Float()
	}
}

// textOf is a JSON value as text: a string's, a number as it is written, nothing
// for null.
func textOf(raw []byte) string {
	switch raw[0] {
	case '"':
		return stringOf(raw)
	case 'n':
		return ""
	}
	return string(raw)
}

// stringOf is the text of a JSON string, and nothing for another value.
func stringOf(raw []byte) string {
	if raw[0] != '"' {
		return ""
	}
	plain := raw[1 : len(raw)-1]
	i := bytes.IndexByte(plain, '\\')
	if i < 0 {
		return string(plain)
	}
	out := make([]byte, 0, len(plain))
	for ; i >= 0 && i+1 < len(plain); i = bytes.IndexByte(plain, '\\') {
		c := escapes[plain[i+1]]
		if c == 0 { // \u, or a mistake
			return gjson.ParseBytes(raw).String()
		}
		out = append(append(out, plain[:i]...), c)
		plain = plain[i+2:]
	}
	return string(append(out, plain...))
}

// escapes has what follows a backslash in a JSON string and stands for one byte.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// readDetail reads what stands in a message's place: a text, or Pydantic's list
// of mistakes, of which the first counts.
func (p *problem) readDetail(v gjson.Result) {
	if v.IsArray() {
		v = v.Get("0")
		p.typ = orWord(p.typ, v.Get("type").Str)
		v = v.Get("msg")
	}
	if p.message == "" || p.title {
		p.message, p.title = v.String(), false
	}
}

// readMetadata reads what OpenRouter says beside the message.
func (p *problem) readMetadata(v gjson.Result) {
	v.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "error_type":
			p.reason = orWord(p.reason, v.Str)
		case "limit_source", "reason":
			p.quota = head(p.quota+v.Str+" ", maxText)
		case "resets_at":
			p.resetsAt = v.String()
		}
		return true
	})
}

// setStatus takes an HTTP status out of a number, or a text that is one, where the
// answer's own says that all is well.
func (p *problem) setStatus(raw []byte) {
	if p.status >= 400 {
		return
	}
	if n, err := strconv.Atoi(string(bytes.Trim(raw, `"`))); err == nil && n >= 400 && n <= 599 {
		p.status = n
	}
}

// Keys of google.rpc messages, wherever they stand in a list of them.
var (
	reasonKey     = memberKey{key: `"reason"`, rare: 3}
	quotaKey      = memberKey{key: `"quotaId"`, rare: 1}
	retryDelayKey = memberKey{key: `"retryDelay"`, rare: 6}
	resetDelayKey = memberKey{key: `"quotaResetDelay"`, rare: 1}
)

// readDetails reads Anthropic's object with an error_code, or Google's list of
// google.rpc messages.
func (p *problem) readDetails(raw []byte) {
	if raw[0] == '{' {
		p.reason = gjson.GetBytes(raw, "error_code").Str
		return
	}
	p.reason = orWord(p.reason, reasonKey.text(raw))
	for rest := raw; ; {
		at := quotaKey.value(rest, 0, len(rest))
		if at < 0 {
			break
		}
		rest = rest[at:]
		if end := skipValue(rest, 0); end > 0 {
			p.quota = head(p.quota+stringOf(rest[:end])+" ", maxText)
		}
	}
	p.retry = orWord(retryDelayKey.text(raw), resetDelayKey.text(raw))
}

// text returns the first string that is a value of k in data, or "".
func (k *memberKey) text(data []byte) string {
	at := k.value(data, 0, len(data))
	if at < 0 {
		return ""
	}
	end := skipValue(data, at)
	if end < 0 {
		return ""
	}
	return stringOf(data[at:end])
}

func orWord(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// word is the machine's word for the problem, for people to see: the code,
// unless that only repeats a status.
func (p *problem) word() string {
	if p.typ != "" && strings.Trim(p.code, "0123456789") == "" {
		return p.typ
	}
	return p.code
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// trimHead drops a byte order mark and white space: some servers send blank
// lines while they think.
func trimHead(b []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(b, byteOrderMark), " \t\r\n")
}
