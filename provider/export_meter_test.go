package provider

// Kept returns how many bytes of a body one of this package's meters has room
// for.
func Kept(m Meter) int {
	v := m.(*meter)
	return cap(v.lead) + cap(v.frames.line) + cap(v.frames.data) + cap(v.values.held) + cap(v.tally.last) + cap(v.shown.last)
}
