package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// hostile is a request that nobody well-meaning sends, byte by byte, and what it gets.
type hostile struct {
	name   string
	raw    string
	status int
	says   string // in the body; "": nothing is asked of it
	hits   int    // requests that reach a provider
	cut    bool   // the client ends its half of the connection
}

const plainJSON = "Content-Type: application/json\r\n"

// post is a request with the key and a body of the right length.
func post(path, body string, lines ...string) string {
	return call("POST", path, body, append([]string{"Authorization: Bearer " + secret}, lines...)...)
}

func call(method, path, body string, lines ...string) string {
	head := method + " " + path + " HTTP/1.1\r\nHost: gateway\r\n" + plainJSON
	for _, line := range lines {
		head += line + "\r\n"
	}
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// bare is a head as it stands, with the key.
func bare(first string, lines ...string) string {
	return first + "\r\nHost: gateway\r\nAuthorization: Bearer " + secret + "\r\n" + plainJSON + strings.Join(lines, "")
}

const (
	openaiError    = `{"error":{"message":`
	anthropicError = `{"type":"error","error":{"type":`
	geminiError    = `{"error":{"code":`
)

func hostileRequests() []hostile {
	chat := "/v1/chat/completions"
	deep := `{"model":"gpt-5","messages":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "}"
	chunked := bare("POST "+chat+" HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n")
	return []hostile{
		// Who is it?
		{name: "no key", raw: call("POST", chat, chatBody), status: 401, says: openaiError},
		{name: "no key, Anthropic", raw: call("POST", "/v1/messages", claudeBody, version), status: 401, says: anthropicError},
		{name: "no key, Gemini", raw: call("POST", "/v1beta/models/g:generateContent", geminiBody), status: 401, says: geminiError},
		{name: "wrong key", raw: call("POST", chat, chatBody, "Authorization: Bearer gw-wrong"), status: 401, says: "invalid_token"},
		{name: "empty key", raw: call("POST", chat, chatBody, "Authorization: Bearer "), status: 401, says: "invalid_token"},
		{name: "another scheme", raw: call("POST", chat, chatBody, "Authorization: Basic "+secret), status: 401, says: "invalid_token"},
		{name: "two keys in one header twice", raw: post(chat, chatBody, "Authorization: Bearer x"), status: 401, says: "invalid_token"},
		{name: "the key's hash for the key", raw: call("POST", chat, chatBody, "Authorization: Bearer "+key(secret).Hash), status: 401, says: "invalid_token"},
		{name: "a key with SQL in it", raw: call("POST", chat, chatBody, "Authorization: Bearer ' OR 1=1 --"), status: 401, says: "invalid_token"},
		{name: "a key as long as a book", raw: call("POST", chat, chatBody, "Authorization: Bearer "+strings.Repeat("k", 20_000)), status: 401, says: "invalid_token"},
		{name: "the key in an OpenAI query", raw: call("POST", chat+"?key="+secret, chatBody), status: 401, says: "invalid_token"},
		{name: "two keys in a Gemini query", raw: call("POST", "/v1beta/models/g:generateContent?key="+secret+"&key=x", geminiBody), status: 401, says: geminiError},

		// Headers.
		{name: "headers of 70 KiB", raw: post(chat, chatBody, "X-Big: "+strings.Repeat("x", 70<<10)), status: 431, says: "header_too_large"},
		{name: "a thousand headers", raw: post(chat, chatBody, strings.TrimSuffix(strings.Repeat("X-Many: "+strings.Repeat("y", 60)+"\r\n", 1000), "\r\n")), status: 431, says: "header_too_large"},
		{name: "headers of 2 MiB", raw: post(chat, chatBody, "X-Big: "+strings.Repeat("x", 2<<20)), status: 431},
		{name: "a header without a colon", raw: post(chat, chatBody, "X-Odd"), status: 400},
		{name: "a space before the colon", raw: post(chat, chatBody, "X-Odd : 1"), status: 400},
		{name: "a folded header", raw: post(chat, chatBody, "X-Odd: 1\r\n folded"), status: 200, says: "Hello", hits: 1},
		{name: "a NUL in a header", raw: post(chat, chatBody, "X-Odd: a\x00b"), status: 400},
		{name: "no Host", raw: "POST " + chat + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n", status: 400},
		{name: "two Hosts", raw: post(chat, chatBody, "Host: evil"), status: 400},
		{name: "a Host with a slash", raw: "POST " + chat + " HTTP/1.1\r\nHost: a/b\r\nContent-Length: 0\r\n\r\n", status: 400},
		{name: "an unknown expectation", raw: post(chat, chatBody, "Expect: the-unexpected"), status: 417},

		// Bodies.
		{name: "broken JSON", raw: post(chat, `{"model":"gpt-5",`), status: 400, says: openaiError},
		{name: "broken JSON, Anthropic", raw: post("/v1/messages", `{"model":`, version), status: 400, says: anthropicError},
		{name: "broken JSON, Gemini", raw: post("/v1beta/models/g:generateContent", `{`), status: 400, says: geminiError},
		{name: "two JSON values", raw: post(chat, chatBody+chatBody), status: 400, says: "not valid JSON"},
		{name: "an array", raw: post(chat, `[`+chatBody+`]`), status: 400, says: "JSON object"},
		{name: "a string", raw: post(chat, `"hi"`), status: 400, says: "JSON object"},
		{name: "nothing", raw: post(chat, ""), status: 400, says: "not valid JSON"},
		{name: "only spaces", raw: post(chat, "   "), status: 400, says: "not valid JSON"},
		{name: "a byte order mark", raw: post(chat, "\ufeff"+chatBody), status: 400, says: "not valid JSON"},
		{name: "NaN", raw: post(chat, `{"model":"gpt-5","temperature":NaN}`), status: 400, says: "not valid JSON"},
		{name: "nested 200,000 deep", raw: post(chat, deep), status: 400, says: "not valid JSON"},
		{name: "a form for JSON", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 7\r\n\r\nmodel=x"), status: 400, says: "not valid JSON"},
		{name: "a multipart for JSON", raw: strings.Replace(post(chat, "--x--"), "application/json", "multipart/form-data; boundary=x", 1), status: 400, says: "has to be JSON"},
		{name: "100 MiB announced", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 104857600\r\n\r\n{"), status: 413, says: "body_too_large"},
		{name: "100 MiB announced, continue awaited", raw: bare("POST "+chat+" HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 104857600\r\n\r\n"), status: 413, says: "body_too_large"},
		{name: "too much in chunks", raw: chunked + strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 20) + "0\r\n\r\n", status: 413, says: "body_too_large"},
		{name: "a body that ends early", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 100\r\n\r\n{"), status: 400, says: "ended early", cut: true},
		{name: "a body that stops", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 100\r\n\r\n{"), status: 408, says: "request_timeout"},
		{name: "gzip that is none", raw: post(chat, chatBody, "Content-Encoding: gzip"), status: 400, says: "Content-Encoding"},
		{name: "a coding nobody knows", raw: post(chat, chatBody, "Content-Encoding: frog"), status: 400, says: "Content-Encoding"},
		{name: "gzip that becomes huge", raw: post(chat, bomb(4<<20), "Content-Encoding: gzip"), status: 400, says: "too large"},

		// Models.
		{name: "a number for a model", raw: post(chat, `{"model":5}`), status: 400, says: "model has to be a string"},
		{name: "null for a model", raw: post(chat, `{"model":null}`), status: 400, says: "model has to be a string"},
		{name: "an object for a model", raw: post(chat, `{"model":{"a":"b"}}`), status: 400, says: "model has to be a string"},
		{name: "a list of models", raw: post(chat, `{"model":["gpt-5"]}`), status: 400, says: "model has to be a string"},
		{name: "an empty model", raw: post(chat, `{"model":""}`), status: 400, says: "model has to be a string"},
		{name: "a model hidden by an escape", raw: post(chat, `{"model":"gpt-5","mod\u0065l":7}`), status: 400, says: "model has to be a string"},
		{name: "a second model", raw: post(chat, `{"model":"gpt-5","messages":[],"model":"secret-model"}`), status: 400, says: "invalid_request"},
		{name: "a model that is not allowed", raw: post(chat, `{"model":"secret-model"}`), status: 403, says: `"param":"model"`},
		{name: "a model of 1 KiB", raw: post(chat, `{"model":"`+strings.Repeat("m", 1024)+`"}`), status: 403, says: "model_not_allowed"},
		{name: "a model with a line break", raw: post(chat, `{"model":"gpt-5\r\nX-Evil: 1"}`), status: 403, says: "model_not_allowed"},
		{name: "another model by Gemini's path", raw: post("/v1beta/models/secret:generateContent", geminiBody), status: 403, says: "MODEL_NOT_ALLOWED"},
		{name: "another model by an encoded path", raw: post("/v1beta/models/gpt-5%3AgenerateContent%2F..:countTokens", geminiBody), status: 404, says: geminiError},

		// Smuggling.
		{name: "length and chunks", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), status: 400, says: "not valid JSON"},
		{name: "two lengths", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), status: 400},
		{name: "a length below nothing", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: -1\r\n\r\n"), status: 400},
		{name: "a length with a plus", raw: bare("POST "+chat+" HTTP/1.1", "Content-Length: +5\r\n\r\nhello"), status: 400},
		{name: "chunks in chunks", raw: bare("POST "+chat+" HTTP/1.1", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), status: 501},
		{name: "chunks under another name", raw: bare("POST "+chat+" HTTP/1.1", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), status: 501},
		{name: "a chunk with a wrong length", raw: chunked + "zz\r\nhello\r\n0\r\n\r\n", status: 400, says: openaiError},
		{name: "a chunk that is longer than it says", raw: chunked + "1\r\nhello\r\n0\r\n\r\n", status: 400, says: openaiError},
		{name: "a second request in the first's body", raw: post(chat, "POST /v1/files HTTP/1.1\r\nHost: x\r\n\r\n"), status: 400, says: "not valid JSON"},
		{name: "line ends alone", raw: "POST " + chat + " HTTP/1.1\nHost: gateway\nContent-Length: 0\n\n", status: 401},
		{name: "a proxy's request", raw: strings.Replace(post(chat, chatBody), "POST /v1", "POST http://169.254.169.254/v1", 1), status: 200, says: "Hello", hits: 1},
		{name: "a tunnel", raw: "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", status: 405, says: openaiError},
		{name: "an upgrade", raw: post(chat, chatBody, "Connection: Upgrade", "Upgrade: websocket"), status: 200, says: "Hello", hits: 1},
		{name: "HTTP/2 without asking", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 400, says: openaiError},
		{name: "no HTTP at all", raw: "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", status: 400},

		// Paths and methods.
		{name: "no such endpoint", raw: post("/v1/nothing", chatBody), status: 404, says: openaiError},
		{name: "no such endpoint, Anthropic", raw: post("/v1/nothing", chatBody, version), status: 404, says: anthropicError},
		{name: "no such endpoint, Gemini", raw: post("/v1beta/nothing", chatBody), status: 404, says: geminiError},
		{name: "the account's administration", raw: bare("GET /v1/organization/admin_api_keys HTTP/1.1", "\r\n"), status: 404, says: "not_found"},
		{name: "dots", raw: post("/v1/chat/../organization/users", chatBody), status: 400, says: "invalid_request"},
		{name: "encoded dots", raw: post("/v1/files/%2e%2e/organization/users", chatBody), status: 400, says: "invalid_request"},
		{name: "dots encoded twice", raw: post("/v1/files/%252e%252e/x", chatBody), status: 400, says: "invalid_request"},
		{name: "an encoded slash", raw: post("/v1/chat%2fcompletions", chatBody), status: 404, says: "not_found"},
		{name: "a backslash", raw: post(`/v1\..\organization`, chatBody), status: 400, says: "invalid_request"},
		{name: "a NUL in the path", raw: post("/v1/chat/completions%00.json", chatBody), status: 400, says: "invalid_request"},
		{name: "a line break in the path", raw: post("/v1/files/a%0d%0aX-Evil:1", chatBody), status: 400, says: "invalid_request"},
		{name: "half an escape", raw: post("/v1/chat/completions%2", chatBody), status: 400},
		{name: "slashes twice", raw: post("//v1///chat//completions//", chatBody), status: 200, says: "Hello", hits: 1},
		{name: "a path of 10 KiB", raw: post("/v1/files/"+strings.Repeat("a", 10<<10), chatBody), status: 400, says: "invalid_request"},
		{name: "another group", raw: post("/red/v1/chat/completions", chatBody), status: 403, says: "group_not_allowed"},
		{name: "a group with dots", raw: post("/../v1/chat/completions", chatBody), status: 400, says: "invalid_request"},
		{name: "DELETE of a chat", raw: call("DELETE", chat, "", "Authorization: Bearer "+secret), status: 405, says: "method_not_allowed"},
		{name: "TRACE", raw: call("TRACE", "/v1/models", "", "Authorization: Bearer "+secret), status: 405, says: "method_not_allowed"},
		{name: "a method of nobody's", raw: call("FROG", "/v1/messages", "", version), status: 405, says: anthropicError},
		{name: "an overridden method", raw: post(chat, chatBody, "X-HTTP-Method-Override: DELETE"), status: 200, says: "Hello", hits: 1},
		{name: "a key for the provider in the query", raw: post(chat+"?api_key=sk-x&access_token=y", chatBody), status: 200, says: "Hello", hits: 1},
		{name: "realtime", raw: bare("GET /v1/realtime?model=gpt-5 HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"), status: 404, says: "not_found"},
	}
}

// bomb is gzip of that many zeros.
func bomb(n int64) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, n)
	_ = w.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestHostileRequests sends each request on a connection of its own: it gets its status
// and a body that its dialect knows, and reaches a provider only if it should.
func TestHostileRequests(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		c.MaxBody, c.BodyTimeout = 1<<20, 200*time.Millisecond
		c.Keys = []resource.Key{key(secret, func(k *resource.Key) { k.Models, k.Groups = []string{"gpt-5"}, []string{"blue"} })}
		for i := range c.Accounts {
			c.Accounts[i].Groups = []string{"blue"}
		}
	})
	srv := httptest.NewUnstartedServer(r.s)
	srv.Config.ReadHeaderTimeout = 5 * time.Second
	srv.Start()
	t.Cleanup(srv.Close)
	table := hostileRequests()
	require.GreaterOrEqual(t, len(table), 60)
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			before := r.hits()
			status, header, body := r.raw(t, srv.Listener.Addr().String(), c)
			assert.Equal(t, c.status, status, body)
			assert.Contains(t, body, c.says)
			assert.Equal(t, before+c.hits, r.hits(), "what reaches a provider")
			if c.says != "" {
				assert.NotEmpty(t, header.Get("X-Request-Id"))
			}
			assert.NotContains(t, body, secret)
			assert.NotContains(t, body, "sk-oai")
		})
	}
	for _, hit := range r.openai.Hits() {
		assert.Equal(t, "/v1/chat/completions", hit.Path)
		assert.Equal(t, "sk-oai", hit.Key)
		assert.Empty(t, hit.Credentials["query:api_key"])
		assert.Empty(t, hit.Header.Get("X-Http-Method-Override"))
	}
	assert.Equal(t, 200, r.chat().status, "the gateway goes on")
	assert.NotContains(t, r.logs.String(), secret)
	assert.Empty(t, r.s.Active())
}

// raw sends bytes and reads one answer.
func (r *rig) raw(t *testing.T, address string, c hostile) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	sent := make(chan struct{})
	go func() { // the server may answer before it has read all, or none
		defer close(sent)
		_, _ = io.WriteString(conn, c.raw)
		if tcp, ok := conn.(*net.TCPConn); ok && c.cut {
			_ = tcp.CloseWrite()
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, _ := io.ReadAll(resp.Body) // what came before the connection was reset counts
	_ = resp.Body.Close()
	_ = conn.Close()
	<-sent
	return resp.StatusCode, resp.Header, string(body)
}
