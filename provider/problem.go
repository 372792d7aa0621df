package provider

import (
	"bytes"
	"net/http"
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
		root := gjson.ParseBytes(body)
		if root.IsArray() { // Gemini, on streams and on its compatible part
			root = root.Get("0")
		}
		if !p.readEnvelope(root) {
			p.readObject(root) // flat: Mistral, DashScope, Bedrock
		}
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

// findProblem looks for an error in JSON that came with a good status. Its
// status is the one the error names, else 200.
func findProblem(root gjson.Result) (problem, bool) {
	p := problem{status: 200, form: formJSON}
	if root.IsArray() {
		root = root.Get("0")
	}
	if !p.readEnvelope(root) {
		return problem{}, false
	}
	p.text = strings.ToLower(head(p.message, maxText))
	return p, true
}

// findFlat looks for an error without an envelope in JSON that came with a good
// status: a code and a message, and nothing that an answer has.
func findFlat(root gjson.Result) (problem, bool) {
	if root.Get("code").Str == "" || root.Get("message").Str == "" || root.Get("choices").Exists() || root.Get("data").Exists() {
		return problem{}, false
	}
	p := problem{status: 200, form: formJSON}
	p.readObject(root)
	p.text = strings.ToLower(head(p.message, maxText))
	return p, true
}

// readEnvelope reads root if it is one of the known envelopes of an error. An
// error that says nothing at all is none.
func (p *problem) readEnvelope(root gjson.Result) bool {
	for _, path := range [...]string{"error", "response.error", "choices.0.error"} {
		switch e := root.Get(path); {
		case e.IsObject():
			if p.readObject(e); p.message != "" || p.code != "" || p.typ != "" {
				if p.code == "" {
					p.code = root.Get("error_type").Str // Together
				}
				return true
			}
		case e.Type == gjson.String && e.Str != "": // vLLM, Ollama, xAI
			p.message, p.code = e.Str, root.Get("code").String()
			return true
		}
	}
	if r := root.Get("base_resp"); r.Get("status_code").Int() != 0 { // MiniMax
		p.code, p.message = r.Get("status_code").String(), r.Get("status_msg").String()
		return true
	}
	if root.Get("type").Str == "error" { // the error event of OpenAI's responses
		p.readObject(root)
		p.typ = ""
		return true
	}
	return false
}

// readObject reads the object that has the message.
func (p *problem) readObject(e gjson.Result) {
	e.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "type":
			p.typ = v.String()
		case "code":
			p.code = v.String()
			p.setStatus(v)
		case "status":
			if v.Type == gjson.String && p.typ == "" {
				p.typ = v.Str
			}
			p.setStatus(v)
		case "message":
			if v.IsObject() { // Mistral
				p.readDetail(v.Get("detail"))
			} else {
				p.message = v.String()
			}
		case "detail":
			p.readDetail(v)
		case "title": // NVIDIA: the status in words, good for want of better
			if p.message == "" {
				p.message, p.title = v.String(), true
			}
		case "details":
			p.readDetails(v)
		case "error_type": // Together
			p.reason = orWord(p.reason, v.Str)
		case "metadata":
			p.readMetadata(v)
		case "resets_at", "retry_after":
			p.resetsAt = v.String()
		case "resets_in_seconds":
			p.resetsIn = v.Float()
		}
		return true
	})
	if p.reason != "" {
		p.code = p.reason
	}
}

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

// setStatus takes an HTTP status out of a number, where the answer's own says
// that all is well.
func (p *problem) setStatus(v gjson.Result) {
	if n := v.Int(); p.status < 400 && n >= 400 && n <= 599 {
		p.status = int(n)
	}
}

// readDetails reads Anthropic's object with an error_code, or Google's list of
// google.rpc messages.
func (p *problem) readDetails(details gjson.Result) {
	if details.IsObject() {
		p.reason = details.Get("error_code").Str
		return
	}
	details.ForEach(func(_, d gjson.Result) bool {
		d.ForEach(func(key, v gjson.Result) bool {
			switch key.Str {
			case "reason":
				p.reason = orWord(p.reason, v.Str)
			case "violations":
				v.ForEach(func(_, violation gjson.Result) bool {
					p.quota = head(p.quota+violation.Get("quotaId").Str+" ", maxText)
					return true
				})
			case "retryDelay":
				p.retry = v.Str
			case "metadata":
				p.retry = orWord(p.retry, v.Get("quotaResetDelay").Str)
			}
			return true
		})
		return true
	})
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
