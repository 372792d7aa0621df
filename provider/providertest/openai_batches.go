package providertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

const maxBatch = 1000 // calls in a batch: a bound of the fake's

// openAIBatch is calls that are answered later, and the file with the answers.
type openAIBatch struct {
	work
	endpoint, window, input, output, model string
	metadata                               json.RawMessage
	total, failed                          int64
}

// openAIBatches starts batches, shows them and stops them.
func openAIBatches(c *call, h http.Header) answer {
	show := func(it *item) object { return openAIBatchObject(c, it, "") }
	switch c.op {
	case opBatchCreate:
		return openAIBatchCreate(c, h)
	case opBatches:
		return openAIList(c, h, 20, 100, rows(c.shelf.all(inBatches, c.key, c.at), show))
	}
	b, it, ok := kept[openAIBatch](c, inBatches, c.object)
	switch {
	case !ok:
		return c.lack(inBatches, c.object)
	case c.op == opBatchCancel && !b.ended(c.at):
		_, output, _ := kept[storedFile](c.as(b.ends), inFiles, b.output)
		b.work = b.stop(c.at)
		it = it.with(b)
		return answer{header: h, body: openAIBatchObject(c, it, "cancelling"), keep: []*item{it}, drop: output}
	}
	return answer{header: h, body: show(it)}
}

// as is the same call at another time.
func (c *call) as(at time.Time) *call {
	later := *c
	later.at = at
	return &later
}

func openAIBatchCreate(c *call, h http.Header) answer {
	b := openAIBatch{
		work: c.work(), endpoint: c.text("endpoint"), window: c.text("completion_window"),
		input: c.text("input_file_id"), metadata: c.member("metadata"), output: c.id("file-output-"),
	}
	file, _, ok := kept[storedFile](c, inFiles, b.input)
	lines := bytes.Split(bytes.TrimSpace(file.content), []byte("\n"))
	switch {
	case b.endpoint == "":
		return c.refuse("endpoint", "Missing required parameter: 'endpoint'.")
	case b.window != "24h":
		return c.refuse("completion_window", "Invalid value for 'completion_window'. Supported values are: '24h'.")
	case !ok:
		return c.refuse("input_file_id", "Invalid 'input_file_id': no file with this id was found.")
	case len(lines) > maxBatch:
		return c.refuse("input_file_id", "The batch has too many requests.")
	}
	content := b.run(c, lines)
	out := c.item(inFiles, b.output, len(content), storedFile{upload{b.output + ".jsonl", "application/jsonl", content}, "batch_output", b.ends})
	out.at = b.ends
	it := c.item(inBatches, c.id("batch_"), len(b.metadata), b)
	return answer{header: h, body: openAIBatchObject(c, it, "validating"), keep: []*item{out, it}}
}

// run answers each line, as if each were a call of its own.
func (b *openAIBatch) run(c *call, lines [][]byte) []byte {
	var out bytes.Buffer
	for i, line := range lines {
		var in struct {
			ID   string `json:"custom_id"`
			URL  string `json:"url"`
			Body json.RawMessage
		}
		var r reply
		if json.Unmarshal(line, &in) != nil || in.URL != b.endpoint {
			r = openAI{}.fail(c, fault{kind: kindBrokenBody})
		} else {
			r = c.inside(openAI{}, in.URL, in.Body, i+1)
		}
		if b.total++; r.status != http.StatusOK {
			b.failed++
		}
		if b.model == "" {
			var body form
			_ = json.Unmarshal(in.Body, &body) // a line that names no model has none to tell
			b.model = body.Model
		}
		id := c.as(c.at)
		id.line = i + 1
		out.Write(encode(object{
			{"id", id.id("batch_req_")}, {"custom_id", in.ID},
			{"response", object{{"status_code", r.status}, {"request_id", id.id("req_")}, {"body", json.RawMessage(r.body)}}}, {"error", nil},
		}))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// openAIBatchObject is a batch in the state that it has by now, or is said to
// have.
func openAIBatchObject(c *call, it *item, status string) object {
	b, _ := it.value.(openAIBatch)
	var output, completed, cancelling, cancelled, usage any
	var done int64
	switch {
	case !b.stopped.IsZero():
		cancelling = b.stopped.Unix()
		if status == "" {
			status, cancelled = "cancelled", b.stopped.Unix()
		}
	case status != "":
	case b.ended(c.at):
		status, output, completed, done = "completed", b.output, b.ends.Unix(), b.total-b.failed
		usage = responseUsage(c.times(done))
	default:
		status = "in_progress"
	}
	var failed int64
	if completed != nil {
		failed = b.failed
	}
	return object{
		{"id", it.id}, {"object", "batch"}, {"endpoint", b.endpoint}, {"model", orNull(b.model)}, {"errors", nil},
		{"input_file_id", b.input}, {"completion_window", b.window}, {"status", status},
		{"output_file_id", output}, {"error_file_id", nil}, {"created_at", b.started.Unix()},
		{"in_progress_at", b.started.Unix()}, {"expires_at", b.started.Add(24 * time.Hour).Unix()}, {"finalizing_at", completed},
		{"completed_at", completed}, {"failed_at", nil}, {"expired_at", nil}, {"cancelling_at", cancelling}, {"cancelled_at", cancelled},
		{"request_counts", object{{"total", b.total}, {"completed", done}, {"failed", failed}}},
		{"usage", usage}, {"metadata", orNullRaw(b.metadata)},
	}
}

// times is the same call with the usage of that many.
func (c *call) times(n int64) *call {
	many, config := *c, *c.Config
	config.InputTokens *= n
	config.OutputTokens *= n
	config.CachedTokens *= n
	config.CacheWriteTokens *= n
	config.ReasoningTokens *= n
	many.Config = &config
	return &many
}

// orNullRaw is JSON, or null where there is none.
func orNullRaw(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return raw
}
