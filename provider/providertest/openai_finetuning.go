package providertest

import (
	"encoding/json"
	"net/http"
)

// tuning is a fine-tuning job.
type tuning struct {
	work
	model, training, validation, suffix string
	metadata                            json.RawMessage
	seed                                int
}

// openAITunings starts jobs, shows them and stops them.
func openAITunings(c *call, h http.Header) answer {
	show := func(it *item) object { return tuningObject(c, it, "") }
	switch c.op {
	case opTuningCreate:
		return openAITuningCreate(c, h)
	case opTunings:
		return openAIList(c, h, 20, 100, rows(c.shelf.all(inTunings, c.key, c.at), show))
	}
	j, it, ok := kept[tuning](c, inTunings, c.object)
	if !ok {
		return c.lack(inTunings, c.object)
	}
	if c.op == opTuningCancel && !j.ended(c.at) {
		j.work = j.stop(c.at)
		it = it.with(j)
		return answer{header: h, body: show(it), keep: []*item{it}}
	}
	return answer{header: h, body: show(it)}
}

func openAITuningCreate(c *call, h http.Header) answer {
	j := tuning{
		work: c.work(), model: c.model, training: c.text("training_file"), validation: c.text("validation_file"),
		suffix: c.text("suffix"), metadata: c.member("metadata"), seed: c.count("seed", 42, 0, 1<<31-1),
	}
	if _, _, ok := kept[storedFile](c, inFiles, j.training); !ok {
		return c.refuse("training_file", "invalid training_file: "+j.training)
	}
	if _, _, ok := kept[storedFile](c, inFiles, j.validation); !ok && j.validation != "" {
		return c.refuse("validation_file", "invalid validation_file: "+j.validation)
	}
	it := c.item(inTunings, c.id("ftjob-"), len(j.metadata), j)
	return answer{header: h, body: tuningObject(c, it, "validating_files"), keep: []*item{it}}
}

// tuningObject is a job in the state that it has by now, or is said to have.
func tuningObject(c *call, it *item, status string) object {
	j, _ := it.value.(tuning)
	var tuned, finished, tokens any
	switch {
	case status != "":
	case !j.stopped.IsZero():
		status, finished = "cancelled", j.stopped.Unix()
	case j.ended(c.at):
		status, finished, tokens = "succeeded", j.ends.Unix(), c.InputTokens
		tuned = "ft:" + j.model + ":org-fake:" + j.suffix + ":" + it.id
	default:
		status = "running"
	}
	parameters := object{{"n_epochs", 3}, {"batch_size", 1}, {"learning_rate_multiplier", 1.0}}
	return object{
		{"object", "fine_tuning.job"}, {"id", it.id}, {"model", j.model}, {"created_at", j.started.Unix()},
		{"finished_at", finished}, {"fine_tuned_model", tuned}, {"organization_id", "org-fake"}, {"result_files", list{}},
		{"status", status}, {"validation_file", orNull(j.validation)}, {"training_file", j.training},
		{"hyperparameters", parameters}, {"trained_tokens", tokens}, {"error", nil}, {"integrations", list{}},
		{"seed", j.seed}, {"estimated_finish", nil}, {"metadata", orNullRaw(j.metadata)},
		{"method", object{{"type", "supervised"}, {"supervised", object{{"hyperparameters", parameters}}}}},
	}
}
