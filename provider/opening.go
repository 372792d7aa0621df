package provider

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Opening returns a fingerprint of how the conversation in a request begins: of its
// model, its system prompt and the first message of its user, in body, the plain JSON of
// the request that op describes, or the head of it. It stays the same while turns are
// appended, and where one of the three differs it is another. It tells nothing about
// them. Empty: there is none, because the operation is no conversation, the body is no
// JSON or has no whole message of a user, or the request goes on with something that the
// provider keeps, and so does not say how it began.
//
// What of a text lies beyond 64 KiB counts by its length alone, and so do several texts
// together; marks of what to cache do not count. Where body is only a head, what comes
// after the turns is not seen. Beside hashing, the time is that of walking over body
// once, by far the less a byte.
func (op Operation) Opening(body []byte) string {
	switch op.Kind {
	case OpChat, OpResponses, OpMessages, OpCountTokens, OpGenerate, OpInteractions:
	default:
		return ""
	}
	system, turns, ok := conversation(body)
	if !ok {
		return ""
	}
	d := digest{Hash: sha256.New(), left: openingLimit}
	d.add("api", []byte(op.API))
	d.add("model", []byte(op.Model))
	d.content(system, 0)
	d.add("turns", nil)
	if !d.first(turns) {
		return ""
	}
	sum := d.Sum(nil)
	return "opening-" + hex.EncodeToString(sum[:16])
}

// openingLimit is how many bytes of an opening are hashed.
const openingLimit = 64 << 10

// conversation returns the system prompt and the turns that stand in a body, under the
// names of any API, as they stand there. Turns may be cut off at body's end.
func conversation(body []byte) (system, turns []byte, ok bool) {
	m, ok := walk(body)
	for ok {
		key, start, more := m.head()
		if !more {
			break
		}
		_, _, end, whole := m.next()
		if !whole {
			end = len(body)
		}
		value := body[start:end]
		switch string(plainKey(key)) {
		case "system", "instructions", "systemInstruction", "system_instruction":
			if whole {
				system = value
			}
		case "messages", "input", "contents":
			turns = value
		case "previous_response_id", "conversation", "previous_interaction_id", "previous_message_id", "thread":
			if string(value) != "null" {
				return nil, nil, false
			}
		}
		if !whole {
			break
		}
	}
	return system, turns, len(turns) > 0
}

// digest hashes what is said, each part apart from the next.
type digest struct {
	hash.Hash
	left int // bytes that are still hashed
}

// add hashes a part under its name.
func (d *digest) add(name string, text []byte) {
	head := binary.AppendUvarint(make([]byte, 0, 64), uint64(len(name)))
	head = append(head, name...)
	head = binary.AppendUvarint(head, uint64(len(text)))
	_, _ = d.Write(head) // a hash never fails
	text = text[:min(len(text), d.left)]
	d.left -= len(text)
	_, _ = d.Write(text)
}

// first hashes the first message of a user, and what the system says before it. It tells
// whether there is such a message, as a whole.
func (d *digest) first(turns []byte) bool {
	switch turns[0] {
	case '"', '{': // a text, or a message, which are not in a list
		end := skipValue(turns, 0)
		return end > 0 && d.message(turns[:end])
	}
	for turn := range elements(turns) {
		if d.message(turn) {
			return true
		}
	}
	return false
}

// message hashes a message if it is the system's or a user's, and tells whether it is a
// user's.
func (d *digest) message(turn []byte) bool {
	if turn[0] == '"' {
		d.content(turn, 0)
		return true
	}
	var role string
	var content []byte
	for key, value := range fields(turn) {
		switch key {
		case "role":
			role, _ = shortText(value)
		case "content", "parts":
			content = value
		}
	}
	if len(content) == 0 {
		return false
	}
	switch role {
	case "system", "developer":
		d.content(content, 0)
		d.add("turn", nil)
	case "user", "": // Gemini's may go without
		d.content(content, 0)
		return true
	}
	return false
}

// content hashes what a message says: a text, or parts. A text as a part of its own is
// the same as the text, since clients turn the one into the other to mark it.
func (d *digest) content(value []byte, depth int) {
	if len(value) == 0 || depth > maxIDDepth {
		return
	}
	switch value[0] {
	case '"':
		d.add("text", value)
	case '[':
		for part := range elements(value) {
			d.content(part, depth+1)
		}
	case '{':
		for key, v := range fields(value) {
			switch key {
			case "cache_control", "type", "role":
			case "parts", "content":
				d.content(v, depth+1)
			default:
				d.add(key[:min(len(key), maxKey)], v)
			}
		}
	}
}
