package provider_test

import (
	"fmt"

	"github.com/aitransport/aitransport/provider"
)

// A provider of the catalogue is used as it stands, or moved.
func ExampleLookup() {
	groq, _ := provider.Lookup("groq")
	fmt.Println(groq.BaseURL, groq.Serves(provider.OpChat), groq.Serves(provider.OpImages))

	vllm, _ := provider.Lookup("vllm")
	vllm = vllm.At("gpu-1", "http://10.0.0.7:8000/v1")
	fmt.Println(vllm.Name, vllm.BaseURL)

	// The same answer, elsewhere: no money, and a throttle.
	answer := provider.Answer{Status: 429, Body: []byte(`{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}`)}
	dashscope, _ := provider.Lookup("dashscope")
	fmt.Println(provider.OpenAI.API.Classify(answer).Class, "/", dashscope.Classify(answer).Class)
	// Output:
	// https://api.groq.com/openai/v1 true false
	// gpu-1 http://10.0.0.7:8000/v1
	// quota exhausted / rate limited
}
