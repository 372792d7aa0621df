package provider_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// A formPart is a field or, with a file name, a file.
type formPart struct{ name, file, value string }

// formOf makes a form as mime/multipart does.
func formOf(t testing.TB, boundary string, parts ...formPart) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.SetBoundary(boundary))
	for _, p := range parts {
		var part io.Writer
		var err error
		if p.file != "" {
			part, err = w.CreateFormFile(p.name, p.file)
		} else {
			part, err = w.CreateFormField(p.name)
		}
		require.NoError(t, err)
		_, err = io.WriteString(part, p.value)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.String()
}

// describeForm describes a transcription.
func describeForm(t testing.TB, contentType, body string) (*http.Request, provider.Operation) {
	t.Helper()
	r := request(t, "POST", "https://h/v1/audio/transcriptions", "Content-Type", contentType)
	return r, provider.OpenAI.API.Describe(r, []byte(body))
}

func TestDescribeForm(t *testing.T) {
	const fiveMiB = 5 << 20
	// What a boundary could be taken for: line ends, dashes, and its own start.
	noise := strings.Repeat("\r\n--bound\r\n-- boundary\n--boundaryX\r", fiveMiB/32)
	audio := formPart{"file", "a.mp3", noise}
	model, stream := formPart{"model", "", "whisper-1"}, formPart{"stream", "", "true"}
	for name, c := range map[string]struct {
		boundary string
		parts    []formPart
		model    string
		stream   bool
	}{
		"model before the file":    {"boundary", []formPart{model, stream, audio}, "whisper-1", true},
		"model after the file":     {"boundary", []formPart{audio, stream, model}, "whisper-1", true},
		"no model":                 {"boundary", []formPart{audio}, "", false},
		"no parts":                 {"boundary", nil, "", false},
		"the last of two":          {"boundary", []formPart{model, audio, {"model", "", "other"}}, "other", false},
		"a file called model":      {"boundary", []formPart{{"model", "model", "no"}, model}, "whisper-1", false},
		"a file that is the model": {"boundary", []formPart{{"model", "m.txt", "no"}}, "", false},
		"quoted boundary":          {"a b:c?d=e", []formPart{model, audio}, "whisper-1", false},
		"stream false":             {"boundary", []formPart{model, {"stream", "", "false"}}, "whisper-1", false},
		"stream True":              {"boundary", []formPart{model, {"stream", "", "True"}}, "whisper-1", true},
		"empty":                    {"boundary", []formPart{{"model", "", ""}, {"stream", "", ""}}, "", false},
		"too long":                 {"boundary", []formPart{{"model", "", strings.Repeat("x", 513)}}, "", false},
		"as long as can be":        {"boundary", []formPart{{"model", "", strings.Repeat("x", 512)}}, strings.Repeat("x", 512), false},
		"starts like a boundary":   {"boundary", []formPart{{"model", "", "--boundar"}}, "--boundar", false},
		"999 others":               {"boundary", append(slicesRepeat(formPart{"x", "", "y"}, 999), model), "whisper-1", false},
		"too many others":          {"boundary", append(slicesRepeat(formPart{"x", "", "y"}, 1000), model), "", false},
	} {
		contentType, body := formOf(t, c.boundary, c.parts...)
		_, op := describeForm(t, contentType, body)
		assert.Equal(t, c.model, op.Model, name)
		assert.Equal(t, c.stream, op.Stream, name)
		assert.Equal(t, provider.OpAudio, op.Kind, name)
	}
	contentType, body := formOf(t, "boundary", formPart{"user", "", "u"}, formPart{"safety_identifier", "", "s"})
	_, op := describeForm(t, contentType, body)
	assert.Equal(t, "s", op.Tenant)
}

func slicesRepeat(p formPart, n int) []formPart {
	parts := make([]formPart, n)
	for i := range parts {
		parts[i] = p
	}
	return parts
}

// Forms that mime/multipart does not write, and those that break off.
func TestDescribeFormAsSent(t *testing.T) {
	const form = "multipart/form-data; boundary=b"
	const field = "Content-Disposition: form-data; name=\"model\"\r\n"
	for _, c := range []struct{ contentType, body, want string }{
		{form, "--b\r\n" + field + "\r\nm\r\n--b--\r\n", "m"},
		{form, "--b\r\n" + field + "\r\nm\r\n--b--", "m"},
		{form, "--b\r\n" + field + "\r\nm\r\n--b", ""}, // it may go on: --bx is none
		{form, "--b\r\n" + field + "\r\nm\r\n--b-", ""},
		{form, "--b\r\n" + field + "\r\nm", ""},
		{form, "--b\r\n" + field + "\r\n", ""},
		{form, "--b\r\n" + field, ""},
		{form, "--b\r\n", ""},
		{form, "--b", ""},
		{form, "", ""},
		{form, "{\"model\":\"no\"}", ""},
		{form, "--b\r\n" + field + "\r\n--b--\r\n", ""},
		{form, "preamble\r\n--bx\r\n--b \t\r\n" + field + "\r\nm\r\n--b--\r\n", "m"},
		{form, "--b--\r\n--b\r\n" + field + "\r\nno\r\n--b--\r\n", ""},
		{form, "--b\nContent-Disposition: form-data; name=model\n\nm\n--b--\n", "m"},
		{form, "--b\r\ncontent-disposition:form-data;\r\n name=\"model\"\r\nContent-Type: text/plain\r\n\r\nm\r\n--b--", "m"},
		{form, "--b\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nno\r\n--b--", ""},
		{form, "--b\r\nContent-Disposition: form-data; name=\"model\"; filename*=UTF-8''x\r\n\r\nno\r\n--b--", ""},
		{form, "--b\r\n" + field + "Content-Transfer-Encoding: base64\r\n\r\nbm8=\r\n--b--", ""},
		{form, "--b\r\n" + field + "Content-Transfer-Encoding: 8bit\r\n\r\nm\r\n--b--", "m"},
		{form, "--b\r\nno header\r\n\r\nx\r\n--b\r\n" + field + "\r\nm\r\n--b--", ""},
		{form, "--b\r\nX: " + strings.Repeat("x", 9<<10) + "\r\n" + field + "\r\nno\r\n--b--", ""},
		{form, "--b\r\n\r\nno header\r\n--b\r\n" + field + "\r\nm\r\n--b--", "m"},
		{form, "--b\r\n" + field + "\r\nm\r\n--b garbage\r\n" + field + "\r\nno\r\n--b--", "m"},
		{"Multipart/Form-Data; Boundary=\"b\"", "--b\r\n" + field + "\r\nm\r\n--b--", "m"},
		{"multipart/form-data", "--\r\n" + field + "\r\nno\r\n----", ""},
		{"multipart/form-data; boundary=", "--\r\n" + field + "\r\nno\r\n----", ""},
		{"multipart/form-data; boundary=\"b", "--b\r\n" + field + "\r\nno\r\n--b--", ""},
		{"multipart/related; boundary=b", "--b\r\n" + field + "\r\nno\r\n--b--", ""},
	} {
		_, op := describeForm(t, c.contentType, c.body)
		assert.Equal(t, c.want, op.Model, "%s %.200q", c.contentType, c.body)
	}
}

// Wherever a form is cut off, what was there is found and nothing else.
func TestDescribeFormHead(t *testing.T) {
	contentType, body := formOf(t, "boundary", formPart{"file", "a", strings.Repeat("\r\n--bound", 30)}, formPart{"model", "", "m"}, formPart{"stream", "", "true"})
	whole := strings.Index(body, "\r\nm\r\n") + len("\r\nm\r\n--boundary\r")
	for n := range len(body) {
		_, op := describeForm(t, contentType, body[:n])
		assert.Equal(t, n >= whole, op.Model == "m", "%d of %d", n, whole)
	}
}

// A renamed model stands where the old one stood; every other byte is as it was.
func TestRenameInForm(t *testing.T) {
	file := formPart{"file", "a.wav", strings.Repeat("\x00model\r\n--boundar\xff", 100)}
	for _, parts := range [][]formPart{
		{{"model", "", "old"}, file},
		{file, {"model", "", "old"}, {"prompt", "", "old"}},
		{{"model", "", "first"}, file, {"model", "", "old"}},
		{{"model", "", ""}, file},
	} {
		contentType, body := formOf(t, "boundary", parts...)
		r, op := describeForm(t, contentType, body)
		for _, model := range []string{"a-much-longer/model:name", "é", "m"} {
			got, err := op.Rename(r, []byte(body), model)
			require.NoError(t, err)
			i := strings.LastIndex(body, `name="model"`) + len("name=\"model\"\r\n\r\n")
			assert.Equal(t, body[:i]+model+body[i+len(op.Model):], string(got))
			assert.Equal(t, model, provider.OpenAI.API.Describe(r, got).Model)
		}
		same, err := op.Rename(r, []byte(body), op.Model)
		if op.Model != "" {
			require.NoError(t, err)
			assert.Equal(t, body, string(same))
		}
		for _, model := range []string{"a\r\nb", "a\nb", "--boundary", "--boundary--"} {
			_, err := op.Rename(r, []byte(body), model)
			assert.ErrorContains(t, err, "cannot stand in a form", model)
		}
		_, err = op.Rename(r, []byte(strings.ReplaceAll(body, `"model"`, `"other"`)), "m")
		assert.ErrorContains(t, err, "where it did")
		r.Header.Del("Content-Type")
		_, err = op.Rename(r, []byte(body), "m")
		assert.ErrorContains(t, err, "where it did")
	}
}

// Forms whose lines end otherwise, or that lack what a value needs.
func TestRenameInFormAsSent(t *testing.T) {
	const contentType = "multipart/form-data; boundary=b"
	body := "--b\nContent-Disposition: form-data; name=model\n\nm\n--b--\n"
	r, op := describeForm(t, contentType, body)
	got, err := op.Rename(r, []byte(body), "new")
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(body, "\nm\n", "\nnew\n", 1), string(got))

	body = "--b\r\nContent-Disposition: form-data; name=model\r\n\r\n--b--\r\n" // no line end of its own
	r, op = describeForm(t, contentType, body)
	_, err = op.Rename(r, []byte(body), "new")
	assert.ErrorContains(t, err, "where it did")
}

// FuzzForm: where mime/multipart reads a form, Describe finds the same model in
// it, and Rename changes that and nothing else.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n",
		"--b\nContent-Disposition: form-data; name=model\n\nm\n--b--",
		"x\r\n--b \r\n\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"model\"; filename=\"\"\r\n\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=model\r\n\r\n--b",
		"--b\nContent-Disposition: form-data; name=model\n\nm\n--b",
		"--b\nContent-Disposition:form-data;name=\"model\"\n\n\r\n--b--",
	} {
		f.Add([]byte(seed), "b", "n")
	}
	f.Fuzz(func(t *testing.T, body []byte, boundary, model string) {
		if strings.Trim(boundary, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || boundary == "" || len(body) > 4000 {
			return
		}
		r, op := describeForm(t, "multipart/form-data; boundary="+boundary, string(body))
		want, valid := formModel(body, boundary)
		if !valid {
			return
		}
		if op.Model != want {
			t.Fatalf("%q, mime/multipart says %q", op.Model, want)
		}
		got, err := op.Rename(r, body, model)
		if err != nil || model == op.Model {
			return
		}
		now, valid := formModel(got, boundary)
		if !valid || now != model {
			t.Fatalf("%q became %q, not %q (%v)", want, now, model, valid)
		}
		if want == "" || strings.ContainsAny(want, "\r\n") || strings.HasPrefix(want, "--"+boundary) {
			return // such a name is not written
		}
		if back, err := provider.OpenAI.API.Describe(r, got).Rename(r, got, want); err != nil || !bytes.Equal(back, body) {
			t.Fatalf("more than the model was changed: %q, %q, %v", body, back, err)
		}
	})
}

// formModel reads the model as mime/multipart does. valid is false where that, or
// something that we do not take, is in the way: behind a boundary at the very end there
// might have been more, which mime/multipart does not mind.
func formModel(body []byte, boundary string) (model string, valid bool) {
	if bytes.HasSuffix(body, []byte("--"+boundary)) {
		return "", false
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for range 1000 {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return model, true
		}
		if err != nil {
			return "", false
		}
		value, err := io.ReadAll(p)
		if err != nil || p.Header.Get("Content-Transfer-Encoding") != "" {
			return "", false
		}
		if p.FormName() == "model" && p.FileName() == "" {
			model = string(value)
		}
	}
	return "", false
}

// BenchmarkForm finds the model behind a file of 5 MiB.
func BenchmarkForm(b *testing.B) {
	contentType, body := formOf(b, "----WebKitFormBoundary7MA4YWxkTrZu0gW", formPart{"file", "a.mp3", strings.Repeat("\x00\xff\x0d\x0a random", 5<<20/11)}, formPart{"model", "", "m"})
	r := request(b, "POST", "https://h/v1/audio/transcriptions", "Content-Type", contentType)
	raw := []byte(body)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if provider.OpenAI.API.Describe(r, raw).Model != "m" {
			b.Fatal("model")
		}
	}
}
