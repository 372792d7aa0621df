package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
)

const (
	maxInputs     = 2048 // OpenAI's own bound
	maxDimensions = 3072
)

// embeddings is one vector for each input, of 8 dimensions unless the call
// asks for others.
func embeddings(c *call, h http.Header) answer {
	v := vector(c)
	data := list{}
	for i := range inputs(c.form.Input) {
		data = append(data, object{{"object", "embedding"}, {"index", i}, {"embedding", v}})
	}
	return answer{header: h, body: object{
		{"object", "list"}, {"data", data}, {"model", c.model},
		{"usage", object{{"prompt_tokens", c.InputTokens}, {"total_tokens", c.InputTokens}}},
	}}
}

// inputs counts them: a string and an array of token numbers are one.
func inputs(raw json.RawMessage) int {
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil || len(many) == 0 {
		return 1
	}
	if first := many[0][0]; first != '"' && first != '[' {
		return 1
	}
	return min(len(many), maxInputs)
}

// vector is numbers, or the same as base64 of little-endian float32 values.
func vector(c *call) any {
	v := numbers(c.form.Dimensions)
	if c.form.EncodingFormat != "base64" {
		return v
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
		return nil
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// numbers are a vector of that many dimensions; 0: 8
func numbers(dimensions int) []float32 {
	if dimensions <= 0 {
		dimensions = 8
	}
	v := make([]float32, min(dimensions, maxDimensions))
	for i := range v {
		v[i] = float32(i+1) / float32(2*len(v))
	}
	return v
}
