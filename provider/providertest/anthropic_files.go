package providertest

import (
	"net/http"
	"time"
)

// anthropicFiles keeps, shows and forgets files. All of them can be downloaded:
// at Anthropic's, only those that a model has made.
func anthropicFiles(c *call, h http.Header) answer {
	show := func(it *item) object { return anthropicFile(c, it) }
	switch c.op {
	case opFileCreate:
		file, ok := c.files["file"]
		if !ok {
			return c.refuse("file", "Field required")
		}
		it := c.item(inFiles, c.id("file_"), len(file.content), storedFile{file, "", c.at})
		return answer{header: h, body: show(it), keep: []*item{it}}
	case opFiles:
		return anthropicList(c, h, rows(c.shelf.all(inFiles, c.key, c.at), show))
	}
	file, it, ok := kept[storedFile](c, inFiles, c.object)
	switch {
	case !ok:
		return c.lack(inFiles, c.object)
	case c.op == opFileContent:
		h.Set("Content-Type", "application/octet-stream")
		if file.contentType != "" {
			h.Set("Content-Type", file.contentType)
		}
		return answer{header: h, raw: file.bytes()}
	case c.op == opFileDelete:
		return answer{header: h, body: object{{"id", it.id}, {"type", "file_deleted"}}, drop: it}
	}
	return answer{header: h, body: show(it)}
}

func anthropicFile(c *call, it *item) object {
	f, _ := it.value.(storedFile)
	o := object{
		{"id", it.id}, {"type", "file"}, {"filename", f.name}, {"mime_type", f.contentType}, {"size_bytes", len(f.content)},
		{"created_at", f.created.UTC().Format(time.RFC3339)}, {"downloadable", true},
	}
	if late(c) {
		o = append(o, member{"expires_at", nil}, member{"scope", nil})
	}
	return o
}
