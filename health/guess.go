package health

import "time"

// GuessedLimit tells whether the policy guessed how long a rate limit lasts, since the provider did not name its reset:
// the rest is as long as Policy.RateLimitRest says. A reset that lies beyond Policy.MaxRateLimitRest was named all the
// same. It is false where the rest is for something else, and where no reset was ever waited for.
func (p Policy) GuessedLimit(s State) bool {
	if s.Cause != CauseLimit || !s.ProbeDue {
		return false
	}
	guess, longest := orDefault(p.RateLimitRest, 30*time.Second), orDefault(p.MaxRateLimitRest, time.Hour)
	if longest > 0 && guess >= longest { // then the two look alike: what may have been named is kept
		return false
	}
	length := s.RestUntil.Sub(s.Since)
	most := addDuration(guess, time.Duration(float64(guess)*min(max(orDefault(p.Jitter, 0.1), 0), 1)))
	return guess > 0 && guess <= length && length <= most
}
