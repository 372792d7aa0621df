package providertest

import (
	"strings"
	"unicode/utf8"
)

const maxPieces = 64 // in which a text is streamed

// pieces is a text as a stream says it: word by word, one word in two halves,
// at most 64 pieces. No piece is empty and no rune is split.
func pieces(text string) []string {
	words := strings.SplitAfter(text, " ")
	if words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	if len(words) == 1 {
		return halves(words[0])
	}
	per := (len(words) + maxPieces - 1) / maxPieces
	if per <= 1 {
		return words
	}
	var out []string
	for len(words) > 0 {
		n := min(per, len(words))
		out = append(out, strings.Join(words[:n], ""))
		words = words[n:]
	}
	return out
}

func halves(word string) []string {
	middle := len(word) / 2
	for middle > 0 && !utf8.RuneStart(word[middle]) {
		middle--
	}
	if middle == 0 {
		return []string{word}
	}
	return []string{word[:middle], word[middle:]}
}
