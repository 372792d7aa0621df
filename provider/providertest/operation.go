package providertest

import (
	"net/http"
	"strings"
)

// operation is what a call asks for, in the words of [Hit].Operation.
type operation string

const (
	opUnknown    operation = ""
	opChat       operation = "chat"
	opEmbeddings operation = "embeddings"
	opModels     operation = "models.list"
	opModel      operation = "models.get"
	opMessages   operation = "messages"
	opGenerate   operation = "generate"

	opResponses      operation = "responses"
	opResponse       operation = "responses.get"
	opResponseDelete operation = "responses.delete"
	opResponseCancel operation = "responses.cancel"
	opCompact        operation = "responses.compact"
	opCompletions    operation = "completions"
	opCountTokens    operation = "count_tokens"

	opImages         operation = "images.generations"
	opImageEdits     operation = "images.edits"
	opImageVariation operation = "images.variations"
	opSpeech         operation = "audio.speech"
	opTranscription  operation = "audio.transcriptions"
	opTranslation    operation = "audio.translations"
	opModerations    operation = "moderations"
	opRealtime       operation = "realtime"

	opFileCreate  operation = "files.create"
	opFileChunk   operation = "files.upload" // Gemini: the bytes of a file that was announced
	opFiles       operation = "files.list"
	opFile        operation = "files.get"
	opFileContent operation = "files.content"
	opFileDelete  operation = "files.delete"

	opBatchCreate  operation = "batches.create"
	opBatches      operation = "batches.list"
	opBatch        operation = "batches.get"
	opBatchCancel  operation = "batches.cancel"
	opBatchResults operation = "batches.results"
	opBatchDelete  operation = "batches.delete"

	opTuningCreate operation = "fine_tuning.create"
	opTunings      operation = "fine_tuning.list"
	opTuning       operation = "fine_tuning.get"
	opTuningCancel operation = "fine_tuning.cancel"

	opEmbedMany   operation = "embeddings.batch"
	opCacheCreate operation = "caches.create"
	opCaches      operation = "caches.list"
	opCache       operation = "caches.get"
	opCacheDelete operation = "caches.delete"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	remove = http.MethodDelete
)

// endpoint is one row of a provider's table of operations. A path has at most
// one name in it: {id} is one segment, {rest} is everything up to the end.
type endpoint struct {
	method, path string
	op           operation
}

// find looks for what a call of this path asks for and notes the name in it.
// If only the method is wrong, allow says which ones would do.
func (c *call) find(table []endpoint, path string) (op operation, allow string) {
	var methods []string
	for _, e := range table {
		name, ok := e.match(path)
		if !ok {
			continue
		}
		c.object = name
		if e.method == c.method {
			return e.op, e.method
		}
		if op == opUnknown {
			op = e.op
		}
		methods = append(methods, e.method)
	}
	return op, strings.Join(methods, ", ")
}

func (e endpoint) match(path string) (name string, ok bool) {
	if before, isRest := strings.CutSuffix(e.path, "{rest}"); isRest {
		name, ok = strings.CutPrefix(path, before)
		return name, ok && name != ""
	}
	before, after, named := strings.Cut(e.path, "{id}")
	if !named {
		return "", path == e.path
	}
	name, ok = strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, after)
	return name, ok && name != "" && !strings.Contains(name, "/")
}

// needs says what an operation looks for in a call's body.
type needs uint8

const (
	takesJSON  needs = 1 << iota
	takesForm        // multipart/form-data
	namesModel       // and fails without one that is served
	omitsModel       // there is one that is taken if none is named
	streams
)
