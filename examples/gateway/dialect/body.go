package dialect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

type openaiError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

type openaiBody struct {
	Error openaiError `json:"error"`
}

type anthropicBody struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Details struct {
			Code string `json:"error_code"`
		} `json:"details"`
	} `json:"error"`
	RequestID string `json:"request_id"`
}

type geminiBody struct {
	Error struct {
		Code    int              `json:"code"`
		Message string           `json:"message"`
		Status  string           `json:"status"`
		Details []map[string]any `json:"details"`
	} `json:"error"`
}

// body is the problem as the API's own error body.
func (p *Problem) body(api API, requestID string, after int64) []byte {
	row, code := p.row(), cmp.Or(p.Code, CodeInternal)
	switch api {
	case Anthropic:
		var b anthropicBody
		b.Type, b.RequestID = "error", requestID
		b.Error.Type, b.Error.Message, b.Error.Details.Code = row.anthropic, p.told(), code
		return marshal(b)
	case Gemini:
		var b geminiBody
		b.Error.Code, b.Error.Message, b.Error.Status = p.HTTPStatus(), p.told(), row.gemini
		b.Error.Details = geminiDetails(code, requestID, after)
		return marshal(b)
	}
	return marshal(openaiBody{p.openai()})
}

func (p *Problem) openai() openaiError {
	return openaiError{Message: p.told(), Type: p.row().openai, Param: p.param(), Code: cmp.Or(p.Code, CodeInternal)}
}

// param is the member of the request that the problem is about; nil: none.
func (p *Problem) param() *string {
	switch p.Code {
	case CodeModelNotAllowed, CodeModelNotFound:
		return new("model")
	}
	return nil
}

// geminiDetails are Google's own kinds of detail.
func geminiDetails(code, requestID string, after int64) []map[string]any {
	const kind = "type.googleapis.com/google.rpc."
	details := []map[string]any{
		{"@type": kind + "ErrorInfo", "reason": strings.ToUpper(code), "domain": "gateway"},
		{"@type": kind + "RequestInfo", "requestId": requestID},
	}
	if after > 0 {
		details = append(details, map[string]any{"@type": kind + "RetryInfo", "retryDelay": strconv.FormatInt(after, 10) + "s"})
	}
	return details
}

// marshal is JSON of what always can be marshalled; texts are not escaped for HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"error":{"message":"internal error","type":"server_error","code":"internal"}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Event is the problem as an event of a server-sent stream that has begun, in the way
// in which the API's own clients look for an error there. path is that of the request.
func Event(api API, path, requestID string, p *Problem) []byte {
	switch {
	case api == Anthropic:
		return event("error", p.body(api, requestID, 0))
	case api == Gemini:
		return event("", p.body(api, requestID, 0))
	case strings.Contains(path, "/responses"):
		e := p.openai()
		return event("error", marshal(struct {
			Type     string  `json:"type"`
			Code     string  `json:"code"`
			Message  string  `json:"message"`
			Param    *string `json:"param"`
			Sequence int     `json:"sequence_number"`
		}{"error", e.Code, e.Message, e.Param, 0}))
	default:
		return event("", p.body(OpenAI, requestID, 0))
	}
}

func event(name string, data []byte) []byte {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}
