package provider

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
)

const (
	maxObjects = 16
	maxObject  = 512
	maxIDDepth = 8 // values within values in which ids are looked for
)

// addObject notes an id that ties the request to an account.
func (op *Operation) addObject(id string) {
	if id != "" && len(id) <= maxObject && len(op.Objects) < maxObjects && !slices.Contains(op.Objects, id) {
		op.Objects = append(op.Objects, id)
	}
}

// addValue notes the id that a raw value is: a string, or the member id of an
// object.
func (op *Operation) addValue(raw []byte) {
	if s, ok := shortText(raw); ok {
		op.addObject(s)
		return
	}
	op.addObject(member(raw, "id"))
}

// addValues notes the ids in an array.
func (op *Operation) addValues(raw []byte) {
	for id := range elements(raw) {
		s, _ := shortText(id)
		op.addObject(s)
	}
}

// shortText returns a raw value that is a string. One that takes more than
// maxObject bytes is none.
func shortText(raw []byte) (string, bool) {
	if len(raw) > maxObject+2 {
		return "", false
	}
	return unquote(raw)
}

// readID notes the ids in a member at the top of a body (provider-facts 2.8).
func (op *Operation) readID(key, value []byte) {
	switch string(key) {
	case "previous_response_id", // responses
		"input_file_id",                    // batches
		"training_file", "validation_file", // fine-tuning
		"container", "previous_message_id", // messages; a container is a string, or an object with an id
		"cachedContent", "cached_content", // generateContent; the JSON of protocol buffers has both spellings
		"previous_interaction_id": // interactions
		op.addValue(value)
	case "prompt": // of responses; elsewhere it is a text
		op.addObject(member(value, "id"))
	case "file_ids":
		op.addValues(value)
	case "batch": // Gemini's; the JSON of protocol buffers has both spellings
		for key, config := range fields(value) {
			if key == "inputConfig" || key == "input_config" {
				op.addObject(member(config, "fileName"))
				op.addObject(member(config, "file_name"))
			}
		}
	case "tools":
		op.readTools(value)
		op.setTools(value)
	}
}

// toolKeys are looked for in tools before these are parsed.
var toolKeys = [...][]byte{[]byte(`"container"`), []byte(`"vector_store_ids"`)}

// readTools notes the ids in OpenAI's tools: those of vector stores to search, and
// of a container to run code in, or of the files for one.
func (op *Operation) readTools(tools []byte) {
	if !slices.ContainsFunc(toolKeys[:], func(key []byte) bool { return bytes.Contains(tools, key) }) {
		return
	}
	for tool := range elements(tools) {
		for key, value := range fields(tool) {
			switch key {
			case "vector_store_ids":
				op.addValues(value)
			case "container":
				op.addValue(value)
				for key, value := range fields(value) {
					if key == "file_ids" {
						op.addValues(value)
					}
				}
			}
		}
	}
}

// The keys of files that messages refer to, at any depth: in OpenAI's and
// Anthropic's content, and in Gemini's fileData, whose JSON has both spellings.
var (
	fileKeys    = []memberKey{{key: `"file_id"`, rare: 5}}
	fileURIKeys = []memberKey{{key: `"fileUri"`, rare: 5}, {key: `"file_uri"`, rare: 5}}
)

// anyIn reports whether one of the keys is in data. It is cheap, and true more
// often than it should be.
func anyIn(keys []memberKey, data []byte) bool {
	for i := range keys {
		if keys[i].value(data, 0, len(data)) >= 0 {
			return true
		}
	}
	return false
}

// opaque are the members whose values are a program's own data and no part of the
// API: what tools take and give, and what describes it. They are so below the top
// only, where "input" is what the request is about.
var opaque = map[string]bool{
	"input": true, "arguments": true, "args": true, "response": true, "metadata": true,
	"parameters": true, "input_schema": true, "json_schema": true, "schema": true,
}

// readFiles notes the files that a value refers to. Only values that have one of
// the keys are gone into.
func (op *Operation) readFiles(keys []memberKey, value []byte, depth int) {
	if depth > maxIDDepth || len(op.Objects) >= maxObjects || len(value) == 0 || !anyIn(keys, value) {
		return
	}
	if value[0] == '[' {
		for v := range elements(value) {
			op.readFiles(keys, v, depth+1)
		}
		return
	}
	for key, v := range fields(value) {
		switch {
		case key == "file_id" || key == "fileUri" || key == "file_uri":
			s, _ := shortText(v)
			if key != "file_id" {
				s = geminiFile(s)
			}
			op.addObject(s)
		case depth == 0 || !opaque[key]:
			op.readFiles(keys, v, depth+1)
		}
	}
}

// geminiFile returns the name of the file that a URI is of, files/abc; empty: the
// URI is of something that no account keeps, such as a video that all can see.
func geminiFile(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	i := strings.LastIndex("/"+uri, "/files/")
	if i < 0 || strings.Contains(uri[i+len("files/"):], "/") {
		return ""
	}
	return uri[i:]
}

// pathObject returns the id in the path of a request to a row whose pattern ends
// in **: the segment after the pattern, with the collection before it where ids
// are names (Gemini).
func (row route) pathObject(u *url.URL) string {
	family, ok := strings.CutSuffix(row.path, "/**")
	if !ok || row.read&(pathID|pathName) == 0 {
		return ""
	}
	path := u.EscapedPath()
	i := strings.LastIndex(path, family+"/")
	if i < 0 {
		return ""
	}
	id, _, _ := strings.Cut(path[i+len(family)+1:], "/")
	if row.read&pathName != 0 {
		id, _, _ = strings.Cut(id, ":") // a method, such as cancel
	}
	id, err := url.PathUnescape(id)
	if err != nil || id == "" {
		return ""
	}
	if row.read&pathName != 0 {
		return ownerOf(path[:i]) + family[1:] + "/" + id
	}
	return id
}

// ownerOf returns the model that a path ends with, models/m/, of which Gemini's
// long operations are a part: models/m/operations/o.
func ownerOf(path string) string {
	for _, collection := range [...]string{"/models/", "/tunedModels/"} {
		if i := strings.LastIndex(path, collection); i >= 0 && strings.Count(path[i+1:], "/") == 1 {
			if plain, err := url.PathUnescape(path[i+1:]); err == nil {
				return plain + "/"
			}
		}
	}
	return ""
}
