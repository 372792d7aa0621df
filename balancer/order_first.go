package balancer

import (
	"math/bits"
	"slices"
)

// first takes the first place that fits: a set of bits, and of the words that have one.
type first struct {
	words  []uint64
	filled []uint64 // a bit for each of words that is not 0
	n      int
}

func newFirst(n int) *first {
	words := (n + 63) / 64
	return &first{words: make([]uint64, words), filled: make([]uint64, (words+63)/64)}
}

func (f *first) len() int { return f.n }

func (f *first) any() int {
	part := slices.IndexFunc(f.filled, func(w uint64) bool { return w != 0 })
	word := part*64 + bits.TrailingZeros64(f.filled[part])
	return word*64 + bits.TrailingZeros64(f.words[word])
}

func (f *first) add(i int) {
	word, bit := i/64, uint64(1)<<(i%64)
	if f.words[word]&bit != 0 {
		return
	}
	f.n++
	f.words[word] |= bit
	f.filled[word/64] |= 1 << (word % 64)
}

func (f *first) remove(i int) {
	word, bit := i/64, uint64(1)<<(i%64)
	if f.words[word]&bit == 0 {
		return
	}
	f.n--
	if f.words[word] &^= bit; f.words[word] == 0 {
		f.filled[word/64] &^= 1 << (word % 64)
	}
}

func (f *first) next(l looker) int {
	for part, filled := range f.filled {
		for ; filled != 0; filled &= filled - 1 {
			word := part*64 + bits.TrailingZeros64(filled)
			for set := f.words[word]; set != 0; set &= set - 1 {
				i := word*64 + bits.TrailingZeros64(set)
				switch l.look(i) {
				case fits:
					return i
				case absent:
					f.remove(i)
				}
			}
		}
	}
	return -1
}
