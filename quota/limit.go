package quota

// Limit allows Max of Unit in Window. The zero Limit is invalid: it would allow nothing, and a limit that was forgotten
// must not look like one that was meant.
type Limit struct {
	Unit   Unit
	Max    int64  // above 0
	Window Window // Rolling, Daily, Weekly, Monthly or Total; none for InFlight
}

// Validate returns nil, or an error (ErrInvalid) that says what is wrong and what to write instead.
func (l Limit) Validate() error {
	switch {
	case l.Unit == UnitUnknown || l.Unit > InFlight:
		return invalid("quota: limit with %v: write Unit: quota.Requests, InputTokens, OutputTokens, Tokens, Cost or InFlight", l.Unit)
	case l.Max <= 0:
		return invalid("quota: limit of %d %v: write a Max above 0; leave the limit out where there is none, and disable what must not be used", l.Max, l.Unit)
	case l.Unit == InFlight:
		if l.Window != (Window{}) {
			return invalid("quota: limit of %d in flight %v: leave Window out, what is in flight counts only now", l.Max, l.Window)
		}
		return nil
	}
	if err := l.Window.validate(); err != nil {
		return invalid("quota: limit of %s with %v", l.Unit.text(l.Max), err)
	}
	return nil
}

// plain reports whether it is one of the most, which are valid; others are looked at more closely.
func (l *Limit) plain() bool {
	w := &l.Window
	switch {
	case l.Max <= 0 || l.Unit == UnitUnknown || l.Unit > InFlight:
		return false
	case l.Unit == InFlight:
		return *w == Window{}
	default:
		return w.kind == WindowTotal || w.kind == WindowRolling && w.length >= minRolling && w.length <= maxRolling
	}
}

// String is the limit in words, such as "100 requests per 1m", "$20 per 24h" or "5 in flight".
func (l Limit) String() string {
	text := l.Unit.text(l.Max)
	if l.Unit != InFlight || l.Window != (Window{}) {
		text += " " + l.Window.String()
	}
	return text
}
