package provider

// Kept returns how many bytes of a body one of this package's meters has room
// for.
func Kept(m Meter) int {
	v := m.(*meter)
	n := cap(v.lead) + cap(v.values.held) + cap(v.tally.last)
	if v.frames != nil {
		n += cap(v.frames.line) + cap(v.frames.data)
	}
	if v.shown != nil {
		n += cap(v.shown.last)
	}
	return n
}
