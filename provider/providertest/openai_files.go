package providertest

import (
	"net/http"
	"time"
)

// storedFile is a file, at whichever provider.
type storedFile struct {
	upload
	purpose string
	created time.Time
}

// openAIFiles keeps, shows and forgets files.
func openAIFiles(c *call, h http.Header) answer {
	switch c.op {
	case opFileCreate:
		return openAIUpload(c, h)
	case opFiles:
		all := rows(c.shelf.all(inFiles, c.key, c.at), openAIFile)
		if purpose := c.query.Get("purpose"); purpose != "" {
			all = rows(ofPurpose(c.shelf.all(inFiles, c.key, c.at), purpose), openAIFile)
		}
		return openAIList(c, h, 10000, 10000, all)
	}
	file, it, ok := kept[storedFile](c, inFiles, c.object)
	switch {
	case !ok:
		return c.lack(inFiles, c.object)
	case c.op == opFileContent:
		h.Set("Content-Type", "application/octet-stream")
		return answer{header: h, raw: file.bytes()}
	case c.op == opFileDelete:
		return answer{header: h, body: object{{"object", "file"}, {"deleted", true}, {"id", it.id}}, drop: it}
	}
	return answer{header: h, body: openAIFile(it)}
}

func openAIUpload(c *call, h http.Header) answer {
	file, ok := c.files["file"]
	switch {
	case !ok:
		return c.refuse("file", "'file' is a required property")
	case c.text("purpose") == "":
		return c.refuse("purpose", "'purpose' is a required property")
	}
	it := c.item(inFiles, c.id("file-"), len(file.content), storedFile{file, c.text("purpose"), c.at})
	return answer{header: h, body: openAIFile(it), keep: []*item{it}}
}

func ofPurpose(items []*item, purpose string) []*item {
	var out []*item
	for _, it := range items {
		if f, ok := it.value.(storedFile); ok && f.purpose == purpose {
			out = append(out, it)
		}
	}
	return out
}

// bytes are what is in the file, never nil.
func (u upload) bytes() []byte { return append([]byte{}, u.content...) }

func openAIFile(it *item) object {
	f, _ := it.value.(storedFile)
	return object{
		{"object", "file"}, {"id", it.id}, {"purpose", f.purpose}, {"filename", f.name}, {"bytes", len(f.content)},
		{"created_at", f.created.Unix()}, {"expires_at", nil}, {"status", "processed"}, {"status_details", nil},
	}
}
