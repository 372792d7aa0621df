package providertest_test

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

// namedCall is a good call, and the fake that it is made to.
type namedCall struct {
	name string
	fake func(providertest.Config) *providertest.Fake
	a    asked
}

// callsOfAllKinds have answers with a text in them and answers without one.
func callsOfAllKinds() []namedCall {
	of := func(n string) func(providertest.Config) *providertest.Fake {
		return func(c providertest.Config) *providertest.Fake { return providertest.Compatible(n, c) }
	}
	var all []namedCall
	add := func(name string, f func(providertest.Config) *providertest.Fake, path, body string) {
		all = append(all, namedCall{name, f, asked{path: path, key: "k", body: body}})
	}
	add("openai chat", providertest.OpenAI, "/v1/chat/completions", chatBody)
	add("openai chat stream", providertest.OpenAI, "/v1/chat/completions", chatStream)
	add("openai responses", providertest.OpenAI, "/v1/responses", `{"model":"m1","input":"x"}`)
	add("openai compact", providertest.OpenAI, "/v1/responses/compact", `{"model":"m1","input":"x"}`)
	add("openai embeddings", providertest.OpenAI, "/v1/embeddings", `{"model":"m1","input":"x"}`)
	add("openai completions stream", providertest.OpenAI, "/v1/completions", `{"model":"m1","prompt":"x","stream":true}`)
	add("openai speech", providertest.OpenAI, "/v1/audio/speech", `{"model":"m1","input":"x","voice":"a"}`)
	add("openai speech stream", providertest.OpenAI, "/v1/audio/speech", `{"model":"m1","input":"x","voice":"a","stream_format":"sse"}`)
	add("openai images", providertest.OpenAI, "/v1/images/generations", `{"prompt":"x"}`)
	add("openai moderations", providertest.OpenAI, "/v1/moderations", `{"input":"x"}`)
	add("anthropic", providertest.Anthropic, "/v1/messages", messageBody)
	add("anthropic count", providertest.Anthropic, "/v1/messages/count_tokens", messageBody)
	add("gemini", providertest.Gemini, "/v1beta/models/m1:generateContent", contentBody)
	add("gemini embed", providertest.Gemini, "/v1beta/models/m1:embedContent", `{"content":{}}`)
	add("deepseek stream", of("deepseek"), "/chat/completions", chatStream)
	add("ollama native", of("ollama"), "/api/chat", `{"model":"m1","messages":[]}`)
	add("ollama native embed", of("ollama"), "/api/embed", `{"model":"m1","input":"x"}`)
	add("twin", of("moonshot-anthropic"), "/v1/messages", messageBody)
	all = append(all, namedCall{"openai models", providertest.OpenAI, asked{method: http.MethodGet, path: "/v1/models", key: "k"}})
	return all
}

// Every answer is large, in one piece or streamed, and JSON stays JSON.
func TestBigEventIsBigForEveryOperation(t *testing.T) {
	const n = 200_000
	for _, c := range callsOfAllKinds() {
		t.Run(c.name, func(t *testing.T) {
			f := c.fake(providertest.Config{})
			f.Script(providertest.OK().BigEvent(n))
			r := inMemory(t, f)(c.a)
			require.Equal(t, 200, r.status, r.body)
			assert.GreaterOrEqual(t, len(r.body), n)
			if strings.HasPrefix(r.body, "{") && !strings.Contains(r.body, "\n") {
				assert.True(t, json.Valid([]byte(r.body)))
			}
		})
	}
}

// A stream that has nothing large of its own to say is no exception: a response
// that is got again, a prompt that is refused.
func TestBigEventInStreamsWithoutText(t *testing.T) {
	const n = 200_000
	longest := func(body string) (long int) {
		for line := range strings.SplitSeq(body, "\n") {
			if data, ok := strings.CutPrefix(line, "data: "); ok && len(data) > long {
				long = len(data)
				assert.True(t, json.Valid([]byte(data)))
			}
		}
		return long
	}
	f := providertest.OpenAI(providertest.Config{})
	call := inMemory(t, f)
	id := dig(t, call(asked{path: "/v1/responses", key: "k", body: `{"model":"m1","input":"x"}`}).body, "id").(string)
	get := asked{method: http.MethodGet, path: "/v1/responses/" + id + "?stream=true", key: "k"}
	f.Script(providertest.OK().BigEvent(n))
	assert.GreaterOrEqual(t, longest(call(get).body), n)
	assert.Less(t, longest(call(get).body), n, "what is kept is as it was")

	f = providertest.Anthropic(providertest.Config{})
	f.Script(providertest.ContentPolicy().BigEvent(n))
	assert.GreaterOrEqual(t, longest(inMemory(t, f)(asked{path: "/v1/messages", key: "k", body: messageStream}).body), n)
}

// Errors are large by their words, and stay what they are.
func TestBigErrors(t *testing.T) {
	const n = 100_000
	steps := map[string]providertest.Step{
		"rate": providertest.RateLimited(0), "capacity": providertest.Capacity(), "quota": providertest.QuotaExhausted(),
		"key": providertest.Unauthorized(), "invalid": providertest.InvalidRequest(), "late": providertest.FailInStream(1, providertest.Overloaded()),
		"in 200": providertest.Overloaded().In200(),
	}
	for _, name := range providertest.Names() {
		for what, step := range steps {
			t.Run(name+" "+what, func(t *testing.T) {
				f := providertest.Compatible(name, providertest.Config{})
				a := asked{path: "/v1/chat/completions", key: "k", body: chatBody}
				switch {
				case strings.HasSuffix(name, "anthropic"):
					a = asked{path: "/v1/messages", key: "k", body: messageBody}
				case name == "gemini":
					a = asked{path: generatePath, key: "k", body: contentBody}
				}
				f.Script(step, step.BigEvent(n))
				small, big := inMemory(t, f)(a), inMemory(t, f)(a)
				assert.Equal(t, small.status, big.status)
				assert.Less(t, len(small.body), n)
				assert.GreaterOrEqual(t, len(big.body), n)
				assert.Less(t, len(big.body), n+len(small.body)+100, "one text is long")
				assert.Equal(t, json.Valid([]byte(small.body)), json.Valid([]byte(big.body)))
			})
		}
	}
	f := providertest.Gemini(providertest.Config{})
	f.Script(providertest.OK().BigEvent(n))
	r := inMemory(t, f)(asked{path: "/v1beta/nowhere", key: "k"})
	assert.Equal(t, 404, r.status)
	assert.GreaterOrEqual(t, len(r.body), n, "a page")
}

// A large sound says in its head how large it is.
func TestBigSound(t *testing.T) {
	const n = 100_000
	f := providertest.OpenAI(providertest.Config{})
	f.Script(providertest.OK().BigEvent(n))
	r := inMemory(t, f)(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"x","voice":"a","response_format":"wav"}`})
	assert.Len(t, r.body, 44+n)
	assert.EqualValues(t, n, binary.LittleEndian.Uint32([]byte(r.body)[40:]))
	f.Script(providertest.OK().BigEvent(n))
	r = inMemory(t, f)(asked{path: "/v1/audio/speech", key: "k", body: `{"model":"m1","input":"x","voice":"a","stream_format":"sse"}`})
	var long int
	for _, e := range events(t, r.body, "\n\n") {
		long = max(long, len(e.data))
	}
	assert.GreaterOrEqual(t, long, n, "in one event")
}
