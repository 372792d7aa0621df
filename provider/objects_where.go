package provider

import (
	"bytes"
	"net/http"
	"strings"
)

// answerIDs says where the answer to an operation has the ids of things that the account
// keeps.
type answerIDs struct {
	doc, event *pick // in a JSON object, in the events of a stream; nil: nowhere
	whole      bool  // things are made as the answer goes on, so that all of it matters
}

func (a answerIDs) none() bool { return a.doc == nil && a.event == nil }

// A shelf says where ids stand in answers of one family of paths: in one thing, in a
// list of them, in a stream.
type shelf struct{ one, list, event *pick }

// each is a shelf whose lists have under the member list things as they are alone.
func each(list string, paths ...string) shelf {
	in := make([]string, len(paths))
	for i, path := range paths {
		in[i] = list + ".#." + path
	}
	return shelf{one: picks(paths...), list: picks(in...)}
}

var (
	oneID = each("data", "id")

	// Tools of responses and messages run code in containers, where the models make files.
	responseIDs = shelf{
		one:   picks("id", "conversation.id", "output.#.container_id"),
		event: picks("response.id", "response.conversation.id", "response.output.#.container_id", "item.container_id"),
	}
	messageIDs = shelf{
		one:   picks("container.id", "content.#.content.content.#.file_id"),
		event: picks("message.container.id", "delta.container.id", "content_block.content.content.#.file_id"),
	}
	chatIDs        = shelf{one: picks("id"), list: picks("data.#.id"), event: picks("id")}
	interactionIDs = shelf{one: picks("id"), event: picks("interaction.id")}
	longIDs        = each("operations", "name", "response.generateVideoResponse.generatedSamples.#.video.uri")
	manyIDs        = each("operations", "name", "response.responsesFile", "metadata.output.responsesFile")
)

// shelves are the families of paths whose answers have ids, as the tables of operations
// write them.
var shelves = map[string]shelf{
	"/responses":           responseIDs,
	"/responses/**":        responseIDs,
	"/chat/completions":    chatIDs,
	"/chat/completions/**": chatIDs,
	"/messages":            messageIDs,
	"/interactions":        interactionIDs,
	"/interactions/**":     interactionIDs,
	"/fine_tuning/jobs/**": each("data", "id", "training_file", "validation_file", "result_files.#"),
	"/batches/**":          each("data", "id", "input_file_id", "output_file_id", "error_file_id"),
	"/uploads/**":          each("data", "id", "file.id"),
	"/files/**":            oneID,
	"/vector_stores/**":    oneID,
	"/conversations/**":    oneID,
	"/containers/**":       oneID,
	"/videos/**":           oneID,
	"/messages/batches/**": oneID,
	"/skills/**":           oneID,
	"/user_profiles/**":    oneID,
	"/agents/**":           oneID,
	"/sessions/**":         oneID,
}

// nameShelves are those of Gemini, where ids are names.
var nameShelves = map[string]shelf{
	"/files/**":          {one: picks("name", "file.name"), list: picks("files.#.name")},
	"/cachedContents/**": each("cachedContents", "name"),
	"/operations/**":     longIDs,
	"/batches/**":        manyIDs,
}

// verbs are the last segments of paths whose answers are the thing itself.
var verbs = map[string]bool{"cancel": true, "complete": true, "pause": true, "resume": true, "remix": true, "archive": true}

// answer returns where the answer to a request of this row has ids.
func (row route) answer(op *Operation, r *http.Request) (ids answerIDs) {
	if r.Method == http.MethodDelete {
		return ids
	}
	switch op.Kind {
	case OpChat:
		if op.store != storeYes {
			return ids
		}
	case OpMessages:
		if !op.runsCode {
			return ids
		}
	case OpResponses, OpInteractions:
		if op.store == storeNo && !op.runsCode {
			return ids
		}
	}
	s, ok := row.shelf(op.Kind)
	if !ok {
		return ids
	}
	ids = answerIDs{doc: s.one, event: s.event, whole: op.runsCode}
	family, many := strings.CutSuffix(row.path, "/**")
	if !many {
		return ids
	}
	switch rest := below(r.URL.EscapedPath(), family); {
	case len(rest) == 0 && isRead(r.Method):
		return answerIDs{doc: s.list}
	case len(rest) > 2,
		len(rest) == 2 && !verbs[rest[1]],
		len(rest) > 0 && row.read&pathName != 0 && strings.Contains(rest[len(rest)-1], ":"):
		return answerIDs{} // what is in the thing, such as the bytes of a file
	}
	return ids
}

// shelf returns where the answers of a row have ids.
func (row route) shelf(kind OperationKind) (s shelf, ok bool) {
	switch {
	case row.read&pathName != 0:
		s, ok = nameShelves[row.path]
	case row.path != "":
		s, ok = shelves[row.path]
	case kind == OpBatches: // a method of Gemini's
		return manyIDs, true
	case kind == OpVideos:
		return longIDs, true
	}
	return s, ok
}

// below returns the segments of an escaped path that follow the family's.
func below(path, family string) []string {
	path = strings.TrimRight(path, "/") + "/"
	i := strings.LastIndex(path, family+"/")
	if i < 0 {
		return nil
	}
	rest := strings.TrimRight(path[i+len(family)+1:], "/")
	if rest == "" {
		return nil
	}
	return strings.SplitN(rest, "/", 4)
}

func isRead(method string) bool {
	return method == "" || method == get || method == http.MethodHead
}

// A storing is what a request says about whether its answer is kept.
type storing uint8

const (
	storeUnsaid storing = iota
	storeYes
	storeNo
)

// setStore takes the member store.
func (op *Operation) setStore(raw []byte) {
	switch string(raw) {
	case "true":
		op.store = storeYes
	case "false":
		op.store = storeNo
	default:
		op.store = storeUnsaid
	}
}

// codeTools are in the tools that run code: OpenAI's and Anthropic's.
var codeTools = [...][]byte{[]byte(`"code_interpreter"`), []byte(`"code_execution_`)}

// setTools takes the member tools.
func (op *Operation) setTools(raw []byte) {
	op.runsCode = bytes.Contains(raw, codeTools[0]) || bytes.Contains(raw, codeTools[1])
}
