package provider

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A memberKey is a key to look for in JSON without parsing it.
type memberKey struct {
	key  string // in its quotation marks; of a sample, at most maxSampleKey bytes
	rare int    // the index in key of the byte that other text has least of
	only byte   // the first byte of the values that count; 0: of any but null
	word bool   // it counts as a value, too
}

const maxSampleKey = len(`"usageMetadata"`)

var (
	usageKey    = memberKey{key: `"usage"`, rare: 4}
	errorKey    = memberKey{key: `"error"`, rare: 2, word: true} // {"type":"error"}, too
	baseRespKey = memberKey{key: `"base_resp"`, rare: 1}         // MiniMax
	doneKey     = memberKey{key: `"done"`, rare: 1, only: 't'}   // Ollama
	metaKey     = memberKey{key: `"usageMetadata"`, rare: 6}     // Gemini
	finishKey   = memberKey{key: `"finishReason"`, rare: 7}      // Gemini
	blockKey    = memberKey{key: `"blockReason"`, rare: 6}       // Gemini
)

// value returns where in data the first value of k that counts starts (or k
// itself, as a value), or -1, among the keys that start at from or later and
// before to. Inside a string the quotation marks are escaped, so text never
// passes for a member. Going from one rare byte to the next is several times as
// fast as bytes.Index, for which these keys start like everything else in JSON.
func (k *memberKey) value(data []byte, from, to int) int {
	rare := k.key[k.rare]
	stop := min(len(data), to+k.rare)
	for at := from + k.rare; at < stop; at++ {
		i := bytes.IndexByte(data[at:stop], rare)
		if i < 0 {
			return -1
		}
		at += i
		start := at - k.rare
		end := start + len(k.key)
		if end > len(data) || string(data[start:end]) != k.key {
			continue
		}
		v := skipSpace(data, end)
		if k.word && v < len(data) && (data[v] == ',' || data[v] == '}') {
			return start
		}
		if v >= len(data) || data[v] != ':' {
			continue
		}
		v = skipSpace(data, v+1)
		if v < len(data) && data[v] != 'n' && (k.only == 0 || k.only == data[v]) {
			return v
		}
	}
	return -1
}

// A sample is an event of a stream in which none of the keys stood that were
// looked for. The next one tends to start and end as it does, with a few words
// between that are new, and only there the keys can be: that makes looking for
// any number of them cheap. What is found does not depend on the sample.
type sample struct {
	data       [512]byte
	n          int // bytes of data; 0: no sample
	head, tail int // the bytes at its start and end that later events shared

	pause, paused int // events to let pass before the next sample, where they are all unlike
}

// worthwhile is how many shared bytes save more time than finding them costs.
const worthwhile = 64

// has reports whether data has a value that counts of one of keys, which are
// the same at each call. No sample is needed.
func (s *sample) has(data []byte, keys []memberKey) bool {
	if s == nil {
		return anyIn(keys, data)
	}
	from, to := s.differs(data)
	for i := range keys {
		if keys[i].value(data, from, to) >= 0 {
			return true
		}
	}
	if s.n == 0 {
		s.take(data)
	}
	return false
}

// take makes data the sample.
func (s *sample) take(data []byte) {
	if s.paused++; s.paused > s.pause && len(data) <= len(s.data) {
		s.n = copy(s.data[:], data)
		s.head, s.tail, s.paused = s.n, s.n, 0
	}
}

// differs returns between which bytes of data a key must start that is not in
// the sample, too. A key whose end, or whose value, comes after the shared
// head may start within it.
func (s *sample) differs(data []byte) (from, to int) {
	if !s.shares(data) {
		return 0, len(data)
	}
	from = s.head
	for from > 0 && strings.IndexByte(": \t\r\n", data[from-1]) >= 0 {
		from--
	}
	return max(0, from-maxSampleKey), len(data) - s.tail
}

// shares makes head and tail small enough for data to share them. If little is
// left the sample is dropped, and ok is false.
func (s *sample) shares(data []byte) (ok bool) {
	if s.n == 0 {
		return false
	}
	old := s.data[:s.n]
	if !bytes.HasPrefix(data, old[:s.head]) {
		s.head = commonPrefix(data, old[:s.head])
	}
	if !bytes.HasSuffix(data, old[s.n-s.tail:]) {
		s.tail = commonSuffix(data, old[s.n-s.tail:])
	}
	if s.head+s.tail < worthwhile {
		s.n, s.pause = 0, min(2*s.pause+1, 63)
		return false
	}
	s.pause = 0
	return true
}

func commonPrefix(a, b []byte) (n int) {
	for len(a) >= n+8 && len(b) >= n+8 && binary.LittleEndian.Uint64(a[n:]) == binary.LittleEndian.Uint64(b[n:]) {
		n += 8
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
