package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// geminiFile is as much of a file as has been uploaded.
type geminiFile struct {
	storedFile
	id, display string
}

// fileLife is how long Google keeps a file; a fake only says so.
const fileLife = 48 * time.Hour

// geminiFiles keeps, shows and forgets files. All of them can be downloaded: at
// Google's, only those that a model has made.
func geminiFiles(c *call, h http.Header) answer {
	show := func(it *item) object { return geminiFileObject(c, it) }
	switch c.op {
	case opFileCreate:
		return uploadStart(c, h)
	case opFileChunk:
		return uploadChunk(c, h)
	case opFiles:
		return geminiList(c, h, "files", 10, 100, rows(c.shelf.all(inFiles, c.key, c.at), show))
	}
	file, it, ok := kept[storedFile](c, inFiles, c.object)
	switch {
	case !ok:
		return c.lack(inFiles, c.object)
	case c.op == opFileContent:
		h.Set("Content-Type", file.contentType)
		return answer{header: h, raw: file.bytes()}
	case c.op == opFileDelete:
		return answer{header: h, body: object{}, drop: it}
	}
	return answer{header: h, body: show(it)}
}

// uploadStart announces a file. Of Google's protocols for uploads the fake has
// the resumable one, which the official SDKs speak: the answer has the address
// for the bytes.
func uploadStart(c *call, h http.Header) answer {
	var body struct {
		File struct{ Name, DisplayName, MimeType string }
	}
	if c.header.Get("X-Goog-Upload-Protocol") != "resumable" || c.header.Get("X-Goog-Upload-Command") != "start" {
		return c.refuse("", "Only resumable uploads are supported, which begin with the command start.")
	}
	if len(c.body) > 0 && json.Unmarshal(c.body, &body) != nil {
		return answer{problem: kindBrokenBody}
	}
	f := geminiFile{id: strings.TrimPrefix(body.File.Name, "files/"), display: body.File.DisplayName}
	f.contentType = c.header.Get("X-Goog-Upload-Header-Content-Type")
	if body.File.MimeType != "" {
		f.contentType = body.File.MimeType
	}
	if f.id == "" {
		f.id = strings.ToLower(c.id("file-"))
	} else if c.shelf.has(inFiles, f.id) {
		return answer{problem: kindExists}
	}
	it := c.item(inUploads, c.id("upload-"), 0, f)
	h.Set("X-Goog-Upload-Url", c.base+uploadPath+"?upload_id="+it.id+"&upload_protocol=resumable")
	h.Set("X-Goog-Upload-Status", "active")
	h.Set("X-Goog-Upload-Chunk-Granularity", strconv.Itoa(256<<10))
	return answer{header: h, raw: []byte{}, keep: []*item{it}}
}

// uploadChunk takes bytes of a file. The command upload may stand together with
// finalize.
func uploadChunk(c *call, h http.Header) answer {
	id := c.query.Get("upload_id")
	f, it, ok := kept[geminiFile](c, inUploads, id)
	if !ok {
		return c.lack(inUploads, id)
	}
	h.Set("X-Goog-Upload-Status", "active")
	a := answer{header: h, raw: []byte{}}
	for command := range strings.SplitSeq(c.header.Get("X-Goog-Upload-Command"), ",") {
		switch strings.TrimSpace(command) {
		case "upload":
			if offset := c.header.Get("X-Goog-Upload-Offset"); offset != strconv.Itoa(len(f.content)) {
				return c.refuse("", "The offset does not follow the bytes that were received.")
			}
			f.content = append(slices.Clip(f.content), c.body...)
			it = it.with(f)
			it.size = len(f.content)
			a.keep = []*item{it}
		case "query":
			h.Set("X-Goog-Upload-Size-Received", strconv.Itoa(len(f.content)))
		case "cancel":
			h.Set("X-Goog-Upload-Status", "cancelled")
			a.keep, a.drop = nil, it
		case "finalize":
			h.Set("X-Goog-Upload-Status", "final")
			f.name, f.created = f.display, c.at
			done := c.item(inFiles, f.id, len(f.content), f.storedFile)
			a.body, a.raw = object{{"file", geminiFileObject(c, done)}}, nil
			a.keep, a.drop = []*item{done}, it
		default:
			return c.refuse("", "Unknown upload command.")
		}
	}
	return a
}

func geminiFileObject(c *call, it *item) object {
	f, _ := it.value.(storedFile)
	sum := sha256.Sum256(f.content)
	o := object{{"name", "files/" + it.id}}
	if f.name != "" {
		o = append(o, member{"displayName", f.name})
	}
	return append(o, object{
		{"mimeType", f.contentType}, {"sizeBytes", strconv.Itoa(len(f.content))},
		{"createTime", googleTime(f.created)}, {"updateTime", googleTime(f.created)},
		{"expirationTime", googleTime(f.created.Add(fileLife))},
		{"sha256Hash", base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))},
		{"uri", c.base + "/v1beta/files/" + it.id}, {"state", "ACTIVE"}, {"source", "UPLOADED"},
	}...)
}

func googleTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
