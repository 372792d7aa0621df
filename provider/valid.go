package provider

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// maxDepth is how deep JSON may be nested for us: far more than any API nests, and
// little for a stack, since whoever checks or parses it goes down as deep.
const maxDepth = 512

// ValidJSON reports whether data is one JSON value (RFC 8259) that is nested at most 512
// levels deep. Whether its strings are UTF-8 is not looked at. Apart from the depth it says
// what [encoding/json.Valid] says, but passes over long strings, of which prompts consist,
// eight bytes at a time.
func ValidJSON(data []byte) bool {
	end := validValue(data, skipSpace(data, 0), maxDepth)
	return end >= 0 && skipSpace(data, end) == len(data)
}

// validValue returns the index after the value that starts at b[at] and goes at most
// depth levels down, or -1 if there is none.
func validValue(b []byte, at, depth int) int {
	if at >= len(b) {
		return -1
	}
	switch b[at] {
	case '"':
		return validString(b, at+1)
	case '{':
		return validObject(b, at+1, depth-1)
	case '[':
		return validArray(b, at+1, depth-1)
	case 't':
		return validLiteral(b, at, "true")
	case 'f':
		return validLiteral(b, at, "false")
	case 'n':
		return validLiteral(b, at, "null")
	}
	return validNumber(b, at)
}

// validObject is validValue for what follows an opening brace.
func validObject(b []byte, at, depth int) int {
	if at = skipSpace(b, at); depth >= 0 && at < len(b) && b[at] == '}' {
		return at + 1
	}
	for depth >= 0 && at < len(b) && b[at] == '"' {
		if at = validString(b, at+1); at < 0 {
			return -1
		}
		if at = skipSpace(b, at); at >= len(b) || b[at] != ':' {
			return -1
		}
		if at = validValue(b, skipSpace(b, at+1), depth); at < 0 {
			return -1
		}
		switch at = skipSpace(b, at); {
		case at >= len(b):
			return -1
		case b[at] == '}':
			return at + 1
		case b[at] != ',':
			return -1
		}
		at = skipSpace(b, at+1)
	}
	return -1
}

// validArray is validValue for what follows an opening bracket.
func validArray(b []byte, at, depth int) int {
	if at = skipSpace(b, at); depth >= 0 && at < len(b) && b[at] == ']' {
		return at + 1
	}
	for depth >= 0 {
		if at = validValue(b, at, depth); at < 0 {
			return -1
		}
		switch at = skipSpace(b, at); {
		case at >= len(b):
			return -1
		case b[at] == ']':
			return at + 1
		case b[at] != ',':
			return -1
		}
		at = skipSpace(b, at+1)
	}
	return -1
}

// validString is validValue for what follows an opening quotation mark.
func validString(b []byte, at int) int {
	for {
		if at = endOfPlain(b, at); at >= len(b) || b[at] < ' ' {
			return -1
		}
		if b[at] == '"' {
			return at + 1
		}
		if at++; at >= len(b) {
			return -1
		}
		switch {
		case escapes[b[at]] != 0:
			at++
		case b[at] == 'u' && at+4 < len(b) && isHex(b[at+1:at+5]):
			at += 5
		default:
			return -1
		}
	}
}

// endOfPlain returns the index of the first quotation mark, backslash or control
// character from b[at] on, or len(b).
func endOfPlain(b []byte, at int) int {
	for ; at+8 <= len(b); at += 8 {
		word := binary.LittleEndian.Uint64(b[at:])
		quotes, slashes := word^'"'*everyByte, word^'\\'*everyByte
		stop := (quotes-everyByte)&^quotes | (slashes-everyByte)&^slashes | (word-' '*everyByte)&^word
		if stop &= 0x80 * everyByte; stop != 0 {
			return at + bits.TrailingZeros64(stop)/8
		}
	}
	for at < len(b) && b[at] != '"' && b[at] != '\\' && b[at] >= ' ' {
		at++
	}
	return at
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func validLiteral(b []byte, at int, literal string) int {
	if bytes.HasPrefix(b[at:], []byte(literal)) {
		return at + len(literal)
	}
	return -1
}

// validNumber is validValue for a number.
func validNumber(b []byte, at int) int {
	if b[at] == '-' {
		at++
	}
	from := at
	if at = skipDigits(b, at); at == from || b[from] == '0' && at > from+1 {
		return -1
	}
	if at < len(b) && b[at] == '.' {
		from = at + 1
		if at = skipDigits(b, from); at == from {
			return -1
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		from = at + 1
		if from < len(b) && (b[from] == '+' || b[from] == '-') {
			from++
		}
		if at = skipDigits(b, from); at == from {
			return -1
		}
	}
	return at
}

func skipDigits(b []byte, at int) int {
	for at < len(b) && '0' <= b[at] && b[at] <= '9' {
		at++
	}
	return at
}
