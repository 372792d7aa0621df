package providertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// messageBatch is messages that are answered later.
type messageBatch struct {
	work
	results, canceled []byte // one line for each, of the two ways it can end
	total, errored    int
}

// anthropicBatches starts batches, shows them, stops them and forgets them.
func anthropicBatches(c *call, h http.Header) answer {
	show := func(it *item) object { return messageBatchObject(c, it, "") }
	switch c.op {
	case opBatchCreate:
		return messageBatchCreate(c, h)
	case opBatches:
		return anthropicList(c, h, rows(c.shelf.all(inBatches, c.key, c.at), show))
	}
	b, it, ok := kept[messageBatch](c, inBatches, c.object)
	switch {
	case !ok:
		return c.lack(inBatches, c.object)
	case c.op == opBatchCancel && !b.ended(c.at):
		b.work = b.stop(c.at)
		it = it.with(b)
		return answer{header: h, body: messageBatchObject(c, it, "canceling"), keep: []*item{it}}
	case c.op == opBatchResults && b.ended(c.at):
		h.Set("Content-Type", "application/x-jsonl")
		return answer{header: h, raw: b.lines()}
	case c.op == opBatchDelete && b.ended(c.at):
		return answer{header: h, body: object{{"id", it.id}, {"type", "message_batch_deleted"}}, drop: it}
	case c.op == opBatchResults, c.op == opBatchDelete:
		return answer{problem: kindNotEnded}
	}
	return answer{header: h, body: show(it)}
}

func (b messageBatch) lines() []byte {
	if b.stopped.IsZero() {
		return b.results
	}
	return b.canceled
}

func messageBatchCreate(c *call, h http.Header) answer {
	var requests []struct {
		ID     string `json:"custom_id"`
		Params json.RawMessage
	}
	if json.Unmarshal(c.member("requests"), &requests) != nil || len(requests) == 0 {
		return c.refuse("requests", "Field required")
	}
	if len(requests) > maxBatch {
		return c.refuse("requests", "Too many requests")
	}
	b := messageBatch{work: c.work(), total: len(requests)}
	var results, canceled bytes.Buffer
	for i, r := range requests {
		made := c.inside(anthropic{}, "/v1/messages", r.Params, i+1)
		result := object{{"type", "succeeded"}, {"message", json.RawMessage(made.body)}}
		if made.status != http.StatusOK {
			result = object{{"type", "errored"}, {"error", json.RawMessage(made.body)}}
			b.errored++
		}
		id := member{"custom_id", r.ID}
		results.Write(append(encode(object{id, {"result", result}}), '\n'))
		canceled.Write(append(encode(object{id, {"result", object{{"type", "canceled"}}}}), '\n'))
	}
	b.results, b.canceled = results.Bytes(), canceled.Bytes()
	it := c.item(inBatches, c.id("msgbatch_"), len(b.results)+len(b.canceled), b)
	return answer{header: h, body: messageBatchObject(c, it, "in_progress"), keep: []*item{it}}
}

// messageBatchObject is a batch in the state that it has by now, or is said to
// have.
func messageBatchObject(c *call, it *item, status string) object {
	b, _ := it.value.(messageBatch)
	var ended, canceling, results any
	processing, succeeded, errored, canceled := b.total, 0, 0, 0
	if !b.stopped.IsZero() {
		canceling = b.stopped.UTC().Format(time.RFC3339)
	}
	switch {
	case status != "":
	case !b.ended(c.at):
		status = "in_progress"
	case !b.stopped.IsZero():
		processing, canceled = 0, b.total
		ended = canceling
	default:
		processing, succeeded, errored = 0, b.total-b.errored, b.errored
		ended = b.ends.UTC().Format(time.RFC3339)
	}
	if ended != nil {
		status, results = "ended", c.base+"/v1/messages/batches/"+it.id+"/results"
	}
	return object{
		{"id", it.id}, {"type", "message_batch"}, {"processing_status", status},
		{"request_counts", object{
			{"processing", processing}, {"succeeded", succeeded}, {"errored", errored}, {"canceled", canceled}, {"expired", 0},
		}},
		{"ended_at", ended}, {"created_at", b.started.UTC().Format(time.RFC3339)},
		{"expires_at", b.started.Add(24 * time.Hour).UTC().Format(time.RFC3339)}, {"archived_at", nil},
		{"cancel_initiated_at", canceling}, {"results_url", results},
	}
}
