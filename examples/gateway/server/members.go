package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// members calls f with each member of a JSON object, the value as it stands, until f returns
// false. The object is valid, which it must be made sure of before.
func members(object []byte, f func(key, value []byte) bool) {
	b := bytes.TrimLeft(object, " \t\r\n")
	if len(b) == 0 || b[0] != '{' {
		return
	}
	for b = b[1:]; ; {
		b = bytes.TrimLeft(b, " \t\r\n,")
		if len(b) == 0 || b[0] != '"' {
			return
		}
		end := text(b)
		key := keyOf(b[:end])
		b = bytes.TrimLeft(b[end:], " \t\r\n:")
		end = value(b)
		if end == 0 || !f(key, b[:end]) {
			return
		}
		b = b[end:]
	}
}

// member is the last member of that name, as it stands; nil: there is none.
func member(object []byte, name string) (raw []byte) {
	members(object, func(key, value []byte) bool {
		if string(key) == name {
			raw = value
		}
		return true
	})
	return raw
}

// readMembers are the members at the top of a body that the gateway reads, or the library
// for it: what is asked for, on whose account, how much of it, and where it lives.
var readMembers = [...]string{
	"model", "stream", "stream_options", "stream_format", "store", "agent", "user", "metadata", "prompt_cache_key", "safety_identifier",
	"system", "messages", "tools", "prompt", "batch", "container", "file_ids", "conversation", "thread",
	"previous_response_id", "previous_message_id", "previous_interaction_id", "input_file_id", "training_file", "validation_file",
	"max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample",
	"maxOutputTokens", "cachedContent", "cached_content", "generationConfig", "generation_config",
}

// twice is the first member of readMembers that stands twice, as it is written the second
// time; "": none does. The case of letters does not count, as for encoding/json.
func twice(object []byte) (name string) {
	var seen [len(readMembers)]bool
	members(object, func(key, _ []byte) bool {
		if len(key) == 0 {
			return true
		}
		first := key[0] | 0x20 // in small letters, where it is one of ASCII's
		for i := range readMembers {
			if readMembers[i][0] != first && first < utf8.RuneSelf || !strings.EqualFold(readMembers[i], string(key)) {
				continue
			}
			if seen[i] {
				name = string(key)
			}
			seen[i] = true
			break
		}
		return name == ""
	})
	return name
}

// keyOf is a key without its quotes and escapes.
func keyOf(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var key string
	_ = json.Unmarshal(quoted, &key) // it is valid
	return []byte(key)
}

// text is how long the string is that b begins with.
func text(b []byte) int {
	for i := 1; i < len(b); i++ {
		next := bytes.IndexByte(b[i:], '"')
		if next < 0 {
			return len(b)
		}
		i += next
		slashes := 0
		for i-1-slashes > 0 && b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return len(b)
}

// value is how long the value is that b begins with.
func value(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		return text(b)
	case '{', '[':
	default:
		if i := bytes.IndexAny(b, ",]} \t\r\n"); i >= 0 {
			return i
		}
		return len(b)
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += text(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}
