package tally

import "math"

// Plus is a+b. A sum too large is the largest number, and stands for "too much"; one too small is the smallest but one,
// whose negative there is.
func Plus(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < -math.MaxInt64-b:
		return -math.MaxInt64
	default:
		return a + b
	}
}

// Minus is a-b for a b that is not negative. Too much stays too much, since nobody knows by how much it was.
func Minus(a, b int64) int64 {
	if a == math.MaxInt64 {
		return a
	}
	return Plus(a, -b)
}

// Book adds what was spent or takes off what was granted.
func Book(sum, n int64) int64 {
	if n < 0 {
		return Minus(sum, -n)
	}
	return Plus(sum, n)
}
