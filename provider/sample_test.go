package provider_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// What is shared with the events before hides nothing: wherever a member is
// new, or was null and is not any more, it is found.
func TestLikeEventsHideNothing(t *testing.T) {
	const head = `{"id":"chatcmpl-1", "object":"chat.completion.chunk"`
	const middle = `,"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]`
	const end = `,"model":"m" ,"obfuscation":"same each time"`
	for _, members := range [][2]string{ // in the events before, and in the last one
		{"", `,"error":{"message":"x"}`},
		{"", ` , "error"` + "\t" + ` :  "x"`},
		{"", `,"base_resp":{"status_code":1002}`},
		{"", `,"x_groq":{"error":{"message":"x"}}`},
		{`,"error":null`, `,"error":"x"`},
		{`,"error" :  null`, `,"error" :  {"message":"x"}`},
		{`,"base_resp" : null`, `,"base_resp" : {"status_code":1002}`},
	} {
		for _, event := range []func(member string) string{
			func(member string) string { return head + member + middle + end + "}" },
			func(member string) string { return head + middle + member + end + "}" },
			func(member string) string { return head + middle + end + member + "}" },
		} {
			for _, word := range []string{"a", "one", "two and more"} {
				m := likeEvents(event(members[0]))
				_, failed := failure(m)
				require.False(t, failed)
				_, _ = m.Write([]byte(dataEvent(fmt.Sprintf(event(members[1]), word))))
				_, failed = failure(m)
				require.True(t, failed, event(members[1]))

				m = likeEvents(event(`,"usage" :null`))
				_, _ = m.Write([]byte(dataEvent(fmt.Sprintf(event(`,"usage" :{"prompt_tokens":9}`), word))))
				require.Equal(t, int64(9), m.Usage().Input)
			}
		}
	}
}

// likeEvents returns a meter that has seen a few events alike.
func likeEvents(event string) provider.Meter {
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, http.Header{})
	for _, word := range []string{"one", "two", "three words more", ""} {
		_, _ = m.Write([]byte(dataEvent(fmt.Sprintf(event, word))))
	}
	return m
}
