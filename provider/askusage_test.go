package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestAskUsage(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m","stream":true}`:                                                   `{"stream_options":{"include_usage":true},"model":"m","stream":true}`,
		"\n {\"stream\": true }\n":                                                      "\n {\"stream_options\":{\"include_usage\":true},\"stream\": true }\n",
		`{"stream":true,"stream_options":null}`:                                         `{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream":true,"stream_options":{}}`:                                           `{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream":true,"stream_options":{ }}`:                                          `{"stream":true,"stream_options":{ "include_usage":true}}`,
		`{"stream":true,"stream_options":{"include_obfuscation":false}}`:                `{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`,
		`{"stream":true,"stream_options":{"include_usage":false}}`:                      `{"stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream":true,"stream_options":{"include_usage":true,"include_usage":null}}`:  `{"stream":true,"stream_options":{"include_usage":true,"include_usage":true}}`,
		`{"stream_options":{"include_usage":true},"stream_options":null,"stream":true}`: `{"stream_options":{"include_usage":true},"stream_options":{"include_usage":true},"stream":true}`,
		`{"stream":true,"messages":[{"content":"\"stream_options\":{}"}]}`:              `{"stream_options":{"include_usage":true},"stream":true,"messages":[{"content":"\"stream_options\":{}"}]}`,
		`{"stream":true,"stream_options":{"include_usage":true}}`:                       "",
		`{"model":"m"}`:                      "",
		`{"stream":false}`:                   "",
		`{"stream":true,"stream_options":7}`: "",
		`[{"stream":true}]`:                  "",
		`{}`:                                 "",
		``:                                   "",
	} {
		for _, path := range []string{"/v1/chat/completions", "/v1/completions"} {
			r := request(t, http.MethodPost, "https://api.openai.com"+path)
			before := body
			got, asked := provider.OpenAI.API.Describe(r, []byte(body)).AskUsage(r, []byte(body))
			require.Equal(t, before, body)
			require.Equal(t, want != "", asked, body)
			if want == "" {
				want = body
			}
			require.Equal(t, want, string(got))
			if asked {
				var back struct {
					Options struct {
						Usage bool `json:"include_usage"`
					} `json:"stream_options"`
				}
				require.NoError(t, json.Unmarshal(got, &back))
				require.True(t, back.Options.Usage)
			}
			if want == body {
				want = ""
			}
		}
	}
}

func TestAskUsageOnlyOfStreamsThatNeedIt(t *testing.T) {
	const body = `{"model":"m","stream":true}`
	for _, path := range []string{"/v1/responses", "/v1/embeddings", "/v1/images/generations", "/v1/files"} {
		r := request(t, http.MethodPost, "https://api.openai.com"+path)
		_, asked := provider.OpenAI.API.Describe(r, []byte(body)).AskUsage(r, []byte(body))
		require.False(t, asked, path)
	}
	r := request(t, http.MethodPost, "https://api.openai.com/v1/chat/completions")
	op := provider.OpenAI.API.Describe(r, []byte(body))
	r.Header.Set("Content-Encoding", "zstd")
	_, asked := op.AskUsage(r, []byte(body))
	require.False(t, asked)
}

const usageChunk = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`

func TestWithoutUsage(t *testing.T) {
	const content = `data: {"choices":[{"delta":{"content":"\"choices\":[],\"usage\":{}"}}],"usage":null}`
	long := `data: {"choices":[],"usage":{},"x":"` + strings.Repeat("y", 20<<10) + `"}`
	for name, c := range map[string][2]string{
		"removed":                 {content + "\n\n" + usageChunk + "\n\ndata: [DONE]\n\n", content + "\n\ndata: [DONE]\n\n"},
		"nothing else":            {usageChunk + "\n\n", ""},
		"CRLF":                    {content + "\r\n\r\n" + usageChunk + "\r\n\r\ndata: [DONE]\r\n\r\n", content + "\r\n\r\ndata: [DONE]\r\n\r\n"},
		"last and unfinished":     {content + "\n\n" + usageChunk, content + "\n\n"},
		"unfinished content":      {content, content},
		"no space":                {strings.Replace(usageChunk, ": ", ":", 1) + "\n\n", ""},
		"comments stay":           {": keep-alive\n\n: two\n" + usageChunk + "\n\n:three\n\n", ": keep-alive\n\n: two\n:three\n\n"},
		"Azure's filter results":  {"data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"},
		"usage beside content":    {"data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"total_tokens\":3}}\n\n", "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"total_tokens\":3}}\n\n"},
		"an error":                {"data: {\"error\":{\"message\":\"x\"}}\n\n", "data: {\"error\":{\"message\":\"x\"}}\n\n"},
		"too long to look at":     {long + "\n\n" + usageChunk + "\n\n" + content + "\n\n", long + "\n\n" + content + "\n\n"},
		"two lines of data":       {"data: {\"choices\":[],\ndata: \"usage\":{}}\n\n", "data: {\"choices\":[],\ndata: \"usage\":{}}\n\n"},
		"lone CR":                 {content + "\r\r" + content + "\r\r", content + "\r\r" + content + "\r\r"},
		"no stream":               {`{"choices":[],"usage":{}}`, `{"choices":[],"usage":{}}`},
		"blank lines":             {"\n\n\n" + usageChunk + "\n\n", "\n\n\n"},
		"usage says nothing else": {"data: {\"usage\":{\"prompt_tokens\":1}}\n\n", "data: {\"usage\":{\"prompt_tokens\":1}}\n\n"},
		"empty":                   {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for way, from := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
				"halves": iotest.HalfReader, "with the error": iotest.DataErrReader,
			} {
				got, err := io.ReadAll(provider.WithoutUsage(io.NopCloser(from(strings.NewReader(c[0])))))
				require.NoError(t, err, way)
				require.Equal(t, c[1], string(got), way)
			}
			got, err := io.ReadAll(iotest.OneByteReader(provider.WithoutUsage(io.NopCloser(strings.NewReader(c[0])))))
			require.NoError(t, err)
			require.Equal(t, c[1], string(got))
		})
	}
}

// What came before an error is given out, and then the error.
func TestWithoutUsageEndsAsTheBody(t *testing.T) {
	broken := errors.New("broken")
	body := io.MultiReader(strings.NewReader("data: {\"a\":1}\n\ndata: {\"b\""), iotest.ErrReader(broken))
	got, err := io.ReadAll(provider.WithoutUsage(io.NopCloser(body)))
	require.ErrorIs(t, err, broken)
	require.Equal(t, "data: {\"a\":1}\n\ndata: {\"b\"", string(got))
}

// An event comes out as soon as it is whole, and a comment as soon as its line is.
func TestWithoutUsageDoesNotWait(t *testing.T) {
	for _, part := range []string{"data: {\"a\":1}\n\n", ": ping\n", "data: [DONE]\n\n"} {
		r, w := io.Pipe()
		body := provider.WithoutUsage(r)
		go func() { _, _ = io.WriteString(w, part) }()
		got := make([]byte, len(part))
		_, err := io.ReadFull(body, got)
		require.NoError(t, err)
		require.Equal(t, part, string(got))
		require.NoError(t, body.Close())
	}
}

func FuzzWithoutUsage(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{}]}\n\n"+usageChunk+"\n\ndata: [DONE]\n\n"), 3)
	f.Add([]byte(": a\r\n\r\n"+usageChunk+"\r\rx"), 1)
	f.Add([]byte("data:{\"\":\r\"\",\"choices\":[],\"usage\":{\"\":1,\"\":2}}"), 1)
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		want, err := io.ReadAll(provider.WithoutUsage(io.NopCloser(bytes.NewReader(body))))
		require.NoError(t, err)
		split := &pieces{body: body, size: 1 + max(size, 0)%64}
		got, err := io.ReadAll(provider.WithoutUsage(io.NopCloser(split)))
		require.NoError(t, err)
		require.Equal(t, want, got)
		if !bytes.Contains(body, []byte(`usage`)) && !bytes.Contains(body, []byte(`\u`)) {
			require.Len(t, got, len(body))
		}
	})
}

// pieces reads so many bytes at a time.
type pieces struct {
	body []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.body) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.body[:min(p.size, len(p.body))])
	p.body = p.body[n:]
	return n, nil
}
